"""Named circuits: their versions, with their sources."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.errors import InvalidInput, NotFound
from queuebit.named_circuits import chosen
from queuebit.records import Row
from queuebit_contracts.wire import Payload
from queuebit_gateway.answers import listed, object_of, raw
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import limit_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem

__all__ = ["NamedCircuits"]

_USUAL, _MOST = 1_000, 10_000


class NamedCircuits:
    """The addresses under `/v1/circuits`.

    A source is stored at `/v1/payloads`, like that of a job; versions and their states are of the operator's document.
    """

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/circuits", self._list),
            Route("/v1/circuits/{circuit}", self._one),
            Route("/v1/circuits/{circuit}/source", self._source),
        ]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "circuits", limit=limit_of(request, _USUAL, _MOST))
        return listed(request, found.rows, as_of=found.as_of)

    async def _one(self, request: Request) -> Response:
        _, row, as_of = await self._found(request)
        return object_of(row, as_of=as_of)

    async def _source(self, request: Request) -> Response:
        caller, row, as_of = await self._found(request)
        payload = Payload.model_validate({it: row[it] for it in ("digest", "size", "media_type")})
        content = await self._platform.content(caller.tenant, payload)
        return raw(content, payload.media_type, as_of=as_of or 0, tag=payload.digest)

    async def _found(self, request: Request) -> tuple[Caller, Row, int | None]:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "circuits", limit=_MOST)
        try:
            return caller, dict(chosen(found.rows, request.path_params["circuit"])), found.as_of
        except InvalidInput as error:
            raise Problem(422, "malformed", str(error)) from error
        except NotFound as error:
            raise Problem(404, "no_circuit", str(error), "`GET /v1/circuits` lists all") from error
