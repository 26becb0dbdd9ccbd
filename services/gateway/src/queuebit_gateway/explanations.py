"""Why a job was placed where it was."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_gateway.answers import listed
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.platform import Platform

__all__ = ["Explanations"]


class Explanations:
    """`GET /v1/jobs/{job}/explain`: one row for each placement, as `qb job explain --json` has it."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/v1/jobs/{job}/explain", self._list)]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        history = await self._platform.history(caller.tenant, request.path_params["job"])
        found = await self._platform.ask(caller.tenant, "explain", job=history.submitted.data.job)
        return listed(request, found.rows, as_of=found.as_of)
