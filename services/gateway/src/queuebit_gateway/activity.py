"""What the tenant's jobs did and cost, by time, project, user, backend or tag."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.records import Row
from queuebit_gateway.answers import listed, money
from queuebit_gateway.callers import CallerOf
from queuebit_gateway.pages import days_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem

__all__ = ["Activity"]

_BY: Final = ("hour", "day", "project", "user", "backend", "tag")


class Activity:
    """`GET /v1/activity?by=day,backend&days=30`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of

    def routes(self) -> list[Route]:
        """The route."""
        return [Route("/v1/activity", self._list)]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        by = tuple(request.query_params.get("by", "day").split(","))
        if not 1 <= len(by) <= 2 or not {*by}.issubset(_BY) or len({*by}) < len(by):
            raise Problem(422, "bad_group", f"by is one or two of {', '.join(_BY)}, with a comma between them")
        found = await self._platform.ask(caller.tenant, "activity", by=by, days=days_of(request))
        return listed(request, [_row(it) for it in found.rows], as_of=found.as_of)


def _row(row: Row) -> dict[str, object]:
    """A row with its charge as an amount of money; None where nothing is billed yet."""
    charge = money(row.get("charged"), row.get("currency"))
    return {**{name: value for name, value in row.items() if name not in ("charged", "currency")}, "charge": charge}
