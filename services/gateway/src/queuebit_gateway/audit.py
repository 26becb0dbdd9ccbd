"""Who changed what, and what went wrong: facts of the log and dead letters, newest first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_contracts.auditing import AUDITED
from queuebit_gateway.answers import listed
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import cursor_of, limit_of, page_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem

__all__ = ["Audit"]


class Audit:
    """`GET /v1/incidents`; and for admins `/v1/audit`, which names users and keys, and `/v1/dead-letters`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/audit", self._audit),
            Route("/v1/dead-letters", self._dead_letters),
            Route("/v1/incidents", self._incidents),
        ]

    async def _audit(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        kind, author = request.query_params.get("kind") or None, request.query_params.get("author") or None
        if kind is not None and kind not in AUDITED:
            raise Problem(422, "bad_kind", f"kind is one of {', '.join(AUDITED)}")
        if author is not None and len(author) > 200:
            raise Problem(422, "bad_author", "author has at most 200 characters")
        return await self._facts(request, caller, "audit", kind=kind, author=author)

    async def _incidents(self, request: Request) -> Response:
        return await self._facts(request, await self._caller_of(request), "incidents")

    async def _dead_letters(self, request: Request) -> Response:
        """The tenant's own: all others are the operator's, who is no user of a tenant and has `qb doctor`."""
        caller = await self._caller_of(request)
        letters = await self._platform.dead_letters(caller.tenant)
        return listed(request, [it.document() for it in letters], as_of=None)

    async def _facts(self, request: Request, caller: Caller, question: str, **asked: object) -> Response:
        limit = limit_of(request)
        found = await self._platform.ask(caller.tenant, question, limit=limit, **page_of(request), **asked)
        return listed(request, found.rows, as_of=found.as_of, after=cursor_of(found.rows, limit))
