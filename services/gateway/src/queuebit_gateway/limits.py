"""How many requests a tenant may send in a second, and have open."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from queuebit_gateway.access import note_caller
from queuebit_gateway.callers import Caller, CallerOf, require
from queuebit_gateway.problems import Problem
from queuebit_gateway.verbs import verb_of
from queuebit_runtime.access_counter import Who

__all__ = ["Limited"]

_MOST_TENANTS = 10_000
"""Tenants whose last requests are remembered; the one that was silent longest is forgotten."""

_TENANT: Final = "queuebit.tenant"
"""The field of a request's scope that says for whom it counts."""


class Limited:
    """Finds callers; refuses those whose role does not permit the operation, or whose tenant asks too often or has too
    much open."""

    def __init__(self, caller_of: CallerOf, per_s: int, most_open: int) -> None:
        """Let each tenant send `per_s` requests in a second, twice as many at once, and have `most_open` unanswered.

        Streams and waits are open for long: without a limit those of one tenant could take all connections.
        """
        self._caller_of = caller_of
        self._per_s = per_s
        self._most_open = most_open
        self._open = Counter[str]()
        self._until: OrderedDict[str, float] = OrderedDict()
        """By tenant: when its requests so far are worked off at its rate."""

    async def __call__(self, request: Request) -> Caller:
        caller = await self._caller_of(request)
        note_caller(request.scope, Who(caller.tenant, caller.user, delegation=caller.delegation))
        now = asyncio.get_running_loop().time()
        until = max(self._until.pop(caller.tenant, now), now)
        if (wait := until + 1 / self._per_s - now - 2.0) > 0:
            self._until[caller.tenant] = until
            raise Problem(
                429,
                "too_fast",
                f"tenant {caller.tenant} sends more than {self._per_s} requests in a second",
                "wait as long as Retry-After says; `POST /v1/jobs:status` asks about many jobs at once",
                retry_after_s=wait,
                headers=(("ratelimit-policy", f'"tenant";q={self._per_s};w=1'),),
            )
        self._until[caller.tenant] = until + 1 / self._per_s
        if len(self._until) > _MOST_TENANTS:
            self._until.popitem(last=False)
        require(caller, verb_of(request))
        self._begin(request, caller.tenant)
        return caller

    def counted(self, app: ASGIApp) -> ASGIApp:
        """An application whose requests are open until they end."""

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            finally:
                if (tenant := scope.get(_TENANT)) is not None:
                    self._open[tenant] -= 1
                    if not self._open[tenant]:
                        del self._open[tenant]

        return counting

    def _begin(self, request: Request, tenant: str) -> None:
        if self._open[tenant] >= self._most_open:
            raise Problem(
                429,
                "too_many_open",
                f"tenant {tenant} has {self._most_open:,} requests open, with its streams and waits",
                "close some; one stream of /v1/events has the events of all jobs",
                retry_after_s=5,
            )
        self._open[tenant] += 1
        request.scope[_TENANT] = tenant
