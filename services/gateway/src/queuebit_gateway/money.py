"""Budgets, charges and service levels."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit_gateway.answers import listed, with_money
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.pages import name_of
from queuebit_gateway.platform import Platform

__all__ = ["Money"]

_FIDELITIES = 1_000
"""So many of the newest completed jobs are looked at."""

_AMOUNTS = ("amount", "limit", "held", "spent", "left")


class Money:
    """`/v1/budgets`, `/v1/quotas`, `/v1/fidelities`, `/v1/charges` and `/v1/slo`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/budgets", self._budgets),
            Route("/v1/quotas", self._quotas),
            Route("/v1/fidelities", self._fidelities),
            Route("/v1/charges", self._charges),
            Route("/v1/slo", self._slo),
        ]

    async def _budgets(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "balances", project=name_of(request, "project"))
        as_of = max((int(str(it["sequence"])) for it in found.rows), default=None)
        return listed(request, [with_money(it, *_AMOUNTS) for it in found.rows], as_of=as_of)

    async def _quotas(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "quotas", project=name_of(request, "project"))
        return listed(request, found.rows, as_of=found.as_of)

    async def _fidelities(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "fidelities", limit=_FIDELITIES)
        return listed(request, found.rows, as_of=found.as_of)

    async def _charges(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "charges", project=name_of(request, "project"))
        return listed(request, [with_money(it, *_AMOUNTS) for it in found.rows], as_of=found.as_of)

    async def _slo(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        found = await self._platform.ask(caller.tenant, "slo")
        return listed(request, found.rows, as_of=found.as_of)
