"""How many requests a tenant may send in a second."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from starlette.requests import Request

from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.problems import Problem

__all__ = ["Limited"]

_MOST_TENANTS = 10_000
"""Tenants whose last requests are remembered; the one that was silent longest is forgotten."""


class Limited:
    """Finds callers, and refuses those of a tenant that asks too often."""

    def __init__(self, caller_of: CallerOf, per_s: int) -> None:
        """Let each tenant send `per_s` requests in a second, and twice as many at once."""
        self._caller_of = caller_of
        self._per_s = per_s
        self._until: OrderedDict[str, float] = OrderedDict()
        """By tenant: when its requests so far are worked off at its rate."""

    async def __call__(self, request: Request) -> Caller:
        caller = await self._caller_of(request)
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
        return caller
