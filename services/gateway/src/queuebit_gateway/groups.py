"""Groups of jobs: the jobs with a tag, of a session or of a workflow, and one receipt for all of them."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.group import GROUP_KINDS
from queuebit.records import Row
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_gateway.answers import listed, money, object_of, raw
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import days_of, limit_of, name_of
from queuebit_gateway.platform import Answered, Platform
from queuebit_gateway.problems import Problem
from queuebit_gateway.receipts import receipt_of
from queuebit_kernel import Clock, InvalidId, require_token

__all__ = ["MOST_RECEIPTS", "Groups"]

MOST_RECEIPTS: Final = 500
"""The most jobs of one receipt over HTTP: each receipt is signed for the request, and has about 11 KB."""

_AT_ONCE: Final = 8


class Groups:
    """The addresses under `/v1/groups`. The list is of a bounded time: the warehouse reads no older submission."""

    def __init__(self, platform: Platform, caller_of: CallerOf, clock: Clock) -> None:
        self._platform = platform
        self._caller_of = caller_of
        self._clock = clock

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/groups", self._list),
            Route("/v1/groups/{kind}/{name}", self._one),
            Route("/v1/groups/{kind}/{name}/receipt", self._receipt),
        ]

    async def _list(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        names = {name: name_of(request, name) for name in ("project", "tag", "session")}
        found = await self._ask(request, caller, limit=limit_of(request), **names)
        return listed(request, [_document(it) for it in found.rows], as_of=found.as_of)

    async def _one(self, request: Request) -> Response:
        caller = await self._caller_of(request)
        kind, name = _group_of(request)
        found = await self._ask(request, caller, **_filter(kind, name))
        if not found.rows:
            raise _unknown(kind, name, in_days=True)
        return object_of({**_document(found.rows[0]), "kind": kind}, as_of=found.as_of)

    async def _receipt(self, request: Request) -> Response:
        from queuebit_proof import Member, build_group  # cryptography is only needed here

        caller = await self._caller_of(request)
        kind, name = _group_of(request)
        found = await self._platform.ask(caller.tenant, "jobs", limit=MOST_RECEIPTS + 1, **_filter(kind, name))
        if not found.rows:
            raise _unknown(kind, name)
        if len(found.rows) > MOST_RECEIPTS:
            raise Problem(
                422,
                "too_many_jobs",
                f"the group has more than {MOST_RECEIPTS:,} jobs, which is the most of one receipt over HTTP",
                f"run `qb receipt get --{kind} {name}`, which has up to 10,000",
            )
        turn = asyncio.Semaphore(_AT_ONCE)

        async def member(row: Row) -> Member:
            job, state = str(row["job"]), str(row["state"])
            if state not in TERMINAL:
                return Member(job, state)
            async with turn:
                return Member(job, state, await receipt_of(self._platform, caller.tenant, job))

        members = await asyncio.gather(*map(member, found.rows))
        now, as_of = self._clock.now(), found.as_of or 0
        content = build_group(caller.tenant, kind, name, members, made_at=now, as_of=found.as_of)
        return raw(content + b"\n", "application/json", as_of=as_of)

    async def _ask(self, request: Request, caller: Caller, **asked: object) -> Answered:
        return await self._platform.ask(caller.tenant, "groups", days=days_of(request), **asked)


def _group_of(request: Request) -> tuple[str, str]:
    kind, name = request.path_params["kind"], request.path_params["name"]
    try:
        require_token(name, kind)
    except InvalidId as error:
        raise _unknown(kind, name) from error
    if kind not in GROUP_KINDS:
        raise Problem(404, "unknown_group", f"a group is of kind {', '.join(GROUP_KINDS)}", "see `GET /v1/groups`")
    return kind, name


def _filter(kind: str, name: str) -> dict[str, object]:
    """Jobs of a workflow have its name as a tag."""
    return {"session" if kind == "session" else "tag": name}


def _unknown(kind: str, name: str, *, in_days: bool = False) -> Problem:
    detail = f"no job {'of this time ' if in_days else ''}belongs to {kind[:40]} {name[:40]}"
    return Problem(404, "unknown_group", detail, f"see `GET /v1/groups`{', or give more `days`' if in_days else ''}")


def _document(row: Row) -> dict[str, object]:
    """A row with lists of amounts of money in the place of amounts by currency."""
    amounts: dict[str, object] = {}
    for it in ("charged", "held"):
        sums = row[it]
        amounts[it] = [money(amount, currency) for currency, amount in sums.items()] if isinstance(sums, dict) else []
    return {**row, **amounts}
