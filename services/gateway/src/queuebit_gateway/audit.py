"""The audit trail of a tenant, and what went wrong: facts of the log and dead letters, newest first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_audit_trail import WORDS
from queuebit_gateway.answers import listed
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import MOST_RECORDS, MOST_ROWS, cursor_of, limit_of, page_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem

__all__ = ["Audit"]


class Audit:
    """`GET /v1/incidents`, `/v1/inventory`, `/v1/dead-letters`, and `/v1/audit`, which names users and keys."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/audit", self._audit),
            Route("/v1/dead-letters", self._dead_letters),
            Route("/v1/incidents", self._incidents),
            Route("/v1/inventory", self._inventory),
        ]

    async def _audit(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        action, actor = request.query_params.get("action") or None, request.query_params.get("actor") or None
        if action is not None and action not in WORDS:
            raise Problem(
                422,
                "bad_action",
                f"action is a name such as user.define, or one of {', '.join(it for it in WORDS if '.' not in it)}",
            )
        if actor is not None and len(actor) > 200:
            raise Problem(422, "bad_actor", "actor has at most 200 characters")
        return await self._facts(request, caller, "audit", most=MOST_RECORDS, action=action, actor=actor)

    async def _incidents(self, request: Request) -> Response:
        return await self._facts(request, await self._caller_of(request), "incidents")

    async def _inventory(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "inventory")
        return listed(request, found.rows, as_of=found.as_of)

    async def _dead_letters(self, request: Request) -> Response:
        """The tenant's own: all others are the operator's, who is no user of a tenant and has `qb doctor`."""
        caller = await self._caller_of(request)
        letters = await self._platform.dead_letters(caller.tenant)
        return listed(request, [it.document() for it in letters], as_of=None)

    async def _facts(
        self, request: Request, caller: Caller, question: str, *, most: int = MOST_ROWS, **asked: object
    ) -> Response:
        limit = limit_of(request, most=most)
        found = await self._platform.ask(caller.tenant, question, limit=limit, **page_of(request), **asked)
        return listed(request, found.rows, as_of=found.as_of, after=cursor_of(found.rows, limit))
