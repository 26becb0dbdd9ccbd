"""Plans: what a job would cost and reach on each backend, without running it."""

from __future__ import annotations

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.records import Row
from queuebit_contracts.wire import Amount, Payload
from queuebit_gateway.answers import money, object_of
from queuebit_gateway.bodies import read
from queuebit_gateway.callers import CallerOf, require
from queuebit_gateway.job_limits import LimitsBody
from queuebit_gateway.platform import Platform
from queuebit_gateway.relaying import Relay, reference_of

__all__ = ["PlanBody", "Plans"]


class PlanBody(LimitsBody):
    """The job that is planned."""

    circuit: str | Payload = Field(union_mode="left_to_right")
    """Source in OpenQASM 2 or 3, or QIR as text; or the reference of a payload that is stored already."""
    shots: int = Field(default=1000, ge=1, lt=2**53)
    project: str | None = None
    """The project that would pay: only its backends are planned; absent: all backends."""
    max_cost: Amount | None = None
    """The most that the job may cost."""
    spot: bool = False
    """True: it would be a spot job, at the price of these."""
    reservation: str | None = None
    """The reservation of its project in whose slot it would run: only its backend is planned."""


class Plans:
    """`/v1/plans`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._relay = Relay(platform.transport)
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/plans", self._plan, methods=["POST"])]

    async def _plan(self, request: Request) -> Response:
        caller, asked = await self._caller_of(request), await read(request, PlanBody)
        limits = asked.limits()
        payload, content = reference_of(asked.circuit)
        if content is not None:
            require(caller, "submit", "store circuits, and this one is too large to be sent along")
            await self._relay.payload(caller.tenant, payload, content)
        found = await self._platform.ask(
            caller.tenant,
            "plan",
            circuit=payload.model_dump(mode="json", exclude_none=True),
            shots=asked.shots,
            project=asked.project,
            limits=limits.model_dump(mode="json", exclude_none=True) if limits else None,
            max_cost=asked.max_cost.model_dump(mode="json") if asked.max_cost else None,
            spot=asked.spot or None,
            reservation=asked.reservation,
        )
        rows = [_with_money(it) for it in found.rows]
        return object_of({"data": rows, "next": None, "advice": found.advice}, as_of=found.as_of)


def _with_money(row: Row) -> dict[str, object]:
    kept = {name: value for name, value in row.items() if name != "currency"}
    return {**kept, "cost": money(row.get("cost"), row.get("currency"))}
