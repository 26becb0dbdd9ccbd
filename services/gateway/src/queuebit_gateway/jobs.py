"""Jobs: lists, and one of them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.documents import status_document
from queuebit.records import Row
from queuebit_gateway.answers import listed, money, object_of
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.pages import limit_of
from queuebit_gateway.platform import History, Platform

__all__ = ["Jobs", "job_row"]


class Jobs:
    """The addresses under `/v1/jobs` that read."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/jobs", self._list), Route("/v1/jobs/{job}", self._one)]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(
            caller.tenant, "jobs", project=request.query_params.get("project"), limit=limit_of(request)
        )
        return listed(request, [job_row(it) for it in found.rows], as_of=found.as_of)

    async def _one(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        history = await self._platform.history(caller.tenant, request.path_params["job"])
        return object_of(await self.document(caller.tenant, history), as_of=history.sequence)

    async def document(self, tenant: str, history: History) -> dict[str, object]:
        """A job and, while it waits, why."""
        status = history.status
        waiting = None if status.ended else await self._platform.waiting(tenant, status)
        return {**status_document(status), "waiting": waiting}


def job_row(row: Row) -> dict[str, object]:
    """A row of the list: as `qb jobs --json` has it, with its charge as an amount of money."""
    kept = {name: value for name, value in row.items() if name != "currency"}
    flags: dict[str, object] = {name: bool(row[name]) for name in ("provisional", "sealed") if name in row}
    return {**kept, **flags, "charge": money(row.get("charge"), row.get("currency"))}
