"""Reservations: book, list and cancel them, and when backends are taken. The gateway relays what the user signs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.errors import Reason
from queuebit.inputs import one_line
from queuebit.records import Row
from queuebit.reservation_requests import reservation_document
from queuebit_contracts.job import Signature
from queuebit_contracts.reservation import (
    LEAST_S,
    MOST_S,
    BookReservation,
    CancelReservation,
    ReservationAnswer,
    reservation_id,
)
from queuebit_contracts.subjects import reservations
from queuebit_contracts.tenants import Tenant
from queuebit_contracts.wire import Moment, Name
from queuebit_gateway.answers import listed, newest_sequence, object_of, shown_fact
from queuebit_gateway.bodies import Body, read
from queuebit_gateway.broker_requests import signed_request
from queuebit_gateway.callers import Caller, CallerOf, paying_project
from queuebit_gateway.pages import limit_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem, refusal
from queuebit_kernel import InvalidId, new_key, require_token

__all__ = ["ReservationBody", "Reservations", "WithdrawBody"]

_ANSWER_S: Final = 15.0
_AMOUNTS: Final = ("unit_price", "hold")
_STATUS_OF: Final = {
    "unknown_reservation": 404,
    "role_forbids": 403,
    "scope_forbids": 403,
    "reservation_key_used": 409,
    "slot_taken": 409,
    "slot_in_window": 409,
}


class ReservationBody(Body):
    """A slot. With a token the gateway signs it; any other caller signs `BookReservation` and sends its `proof`."""

    project: Name | None = None
    """The project that pays, and whose jobs use the slot; absent: that of the delegation, or the tenant's only one."""
    label: str = Field(default="", max_length=200)
    backend: Name
    starts_at: Moment
    """With a time zone, at a whole second."""
    ends_at: Moment
    users: tuple[Name, ...] | None = Field(default=None, max_length=64)
    """The users whose jobs use the slot; absent: all of the project."""
    max_idle_s: int | None = Field(default=None, ge=LEAST_S, le=MOST_S)
    """The rest is given back after this time without a job."""
    dry_run: bool = False
    """Say what would be booked and held; book nothing."""
    proof: Signature | None = None


class WithdrawBody(Body):
    """The signature of the request to cancel, from a caller without a token."""

    proof: Signature | None = None


class Reservations:
    """The addresses under `/v1/reservations`, and `/v1/windows`."""

    def __init__(self, platform: Platform, caller_of: CallerOf, tenants: Mapping[str, Tenant]) -> None:
        self._platform = platform
        self._caller_of = caller_of
        self._tenants = tenants

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/reservations", self._book, methods=["POST"]),
            Route("/v1/reservations", self._list),
            Route("/v1/reservations/{reservation}:cancel", self._cancel, methods=["POST"]),
            Route("/v1/reservations/{reservation}", self._one),
            Route("/v1/windows", self._windows),
        ]

    async def _book(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        asked = await read(request, ReservationBody)
        key = one_line("key", request.headers.get("idempotency-key") or new_key(), 128)
        fields = {
            **asked.model_dump(exclude={"proof"}),
            "label": one_line("label", asked.label, 200),
            "tenant": caller.tenant,
            "project": asked.project or paying_project(caller, self._tenants),
            "reservation": reservation_id(caller.tenant, key),
            "key": key,
        }
        if not fields["project"]:
            raise Problem(422, "unknown_project", "no project is named, and the tenant has several", "name `project`")
        row = await self._asked(caller, "book", BookReservation, fields, asked.proof)
        headers = {} if asked.dry_run else {"location": f"/v1/reservations/{row['reservation']}"}
        return object_of(shown_fact(row, *_AMOUNTS), as_of=None, status=200 if asked.dry_run else 201, headers=headers)

    async def _cancel(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        asked, name = await read(request, WithdrawBody), _named(request)
        fields = {"tenant": caller.tenant, "reservation": name}
        row = await self._asked(caller, "cancel", CancelReservation, fields, asked.proof)
        return object_of(shown_fact(row, *_AMOUNTS), as_of=None)

    async def _list(self, request: Request) -> Response:
        caller, limit = await self._caller_of(request), limit_of(request)
        found = await self._platform.ask(caller.tenant, "reservations", limit=limit)
        return listed(request, [shown_fact(it, *_AMOUNTS) for it in found.rows], as_of=newest_sequence(found.rows))

    async def _one(self, request: Request) -> Response:
        caller, name = await self._caller_of(request), _named(request)
        found = await self._platform.ask(caller.tenant, "reservations", reservation=name)
        if not found.rows:
            raise _unknown(name)
        return object_of(shown_fact(found.rows[0], *_AMOUNTS), as_of=newest_sequence(found.rows))

    async def _windows(self, request: Request) -> Response:
        caller, limit = await self._caller_of(request), limit_of(request)
        found = await self._platform.ask(caller.tenant, "windows", limit=limit)
        return listed(request, list(found.rows), as_of=None)

    async def _asked(
        self,
        caller: Caller,
        verb: str,
        kind: type[BookReservation | CancelReservation],
        fields: Mapping[str, object],
        proof: Signature | None,
    ) -> Row:
        """Send a request that the user signed, or that the key of the caller's token signs; raise its refusal."""
        body = signed_request(caller, kind, fields, proof).model_dump_json(exclude_none=True).encode()
        reply = await self._platform.transport.request(reservations(verb, caller.tenant), body, timeout=_ANSWER_S)
        answer = ReservationAnswer.model_validate_json(reply.body)
        if answer.reservation is None:
            raise refusal([Reason(it.code, it.text) for it in answer.errors], _STATUS_OF)
        return reservation_document(answer)


def _named(request: Request) -> str:
    name: str = request.path_params["reservation"]
    try:
        return require_token(name, "reservation")
    except InvalidId as error:
        raise _unknown(name) from error


def _unknown(name: str) -> Problem:
    return Problem(
        404,
        "unknown_reservation",
        f"there is no reservation {name[:80]!r} that is ahead, or ended today",
        "`GET /v1/reservations` lists them",
    )
