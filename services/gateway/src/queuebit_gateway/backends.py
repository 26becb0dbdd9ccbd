"""Backends: what there is, with price and quality."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_gateway.answers import listed
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.platform import Platform

__all__ = ["Backends"]


class Backends:
    """The addresses under `/v1/backends`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [Route("/v1/backends", self._list)]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "backends", project=request.query_params.get("project"))
        return listed(request, found.rows, as_of=found.as_of)
