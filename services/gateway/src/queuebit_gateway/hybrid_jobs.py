"""Hybrid jobs: how far they are, what they wrote and returned, and their end at a user's wish."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from queuebit.documents import hybrid_document
from queuebit.hybrid_jobs import HybridStatus, hybrid_status, output_chunk
from queuebit.log_client import Entry
from queuebit.records import Row
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.hybrid import HybridAccepted, HybridCompleted
from queuebit_contracts.subjects import command, event_name
from queuebit_contracts.wire import UnknownEvent
from queuebit_gateway.answers import listed, money, object_of
from queuebit_gateway.callers import Caller, CallerOf
from queuebit_gateway.pages import limit_of, name_of
from queuebit_gateway.platform import Platform
from queuebit_gateway.problems import Problem
from queuebit_gateway.relaying import Relay
from queuebit_gateway.submissions import cancellation

__all__ = ["HybridJobs", "known_events"]

_CHUNKS: Final = 16
"""Of a page; a job writes up to 1 MiB of each kind."""


class HybridJobs:
    """The addresses under `/v1/hybrid-jobs`."""

    def __init__(self, platform: Platform, caller_of: CallerOf) -> None:
        self._platform = platform
        self._caller_of = caller_of
        self._relay = Relay(platform.transport)

    def routes(self) -> list[Route]:
        """The routes."""
        one = "/v1/hybrid-jobs/{hybrid}"
        return [
            Route("/v1/hybrid-jobs", self._list),
            Route(f"{one}:cancel", self._cancel, methods=["POST"]),
            Route(one, self._one),
            Route(f"{one}/history", self._history),
            Route(f"{one}/logs", self._logs),
            Route(f"{one}/metrics", self._metrics),
            Route(f"{one}/result", self._result),
        ]

    async def _list(self, request: Request) -> Response:
        caller, limit = await self._caller_of(request), limit_of(request)
        found = await self._platform.ask(caller.tenant, "hybrids", project=name_of(request, "project"), limit=limit)
        return listed(request, [_row(it) for it in found.rows], as_of=found.as_of)

    async def _one(self, request: Request) -> Response:
        _, entries = await self._read(request)
        return object_of(hybrid_document(_status(request, entries)), as_of=entries[-1].sequence)

    async def _history(self, request: Request) -> Response:
        _, entries = await self._read(request)
        rows = [{"sequence": it.sequence, "event": json.loads(_content(it))} for it in entries]
        return listed(request, rows, as_of=entries[-1].sequence)

    async def _logs(self, request: Request) -> Response:
        first, chunks, answer = await self._output(request, "logs")
        rows = [{"number": number, "text": it.decode(errors="replace")} for number, it in enumerate(chunks, first)]
        return listed(request, rows, **answer)

    async def _metrics(self, request: Request) -> Response:
        _, chunks, answer = await self._output(request, "metrics")
        return listed(request, [json.loads(line) for it in chunks for line in it.splitlines()], **answer)

    async def _result(self, request: Request) -> Response:
        caller, entries = await self._read(request)
        status = _status(request, entries)
        done = next((it.event for it in entries if isinstance(it.event, HybridCompleted)), None)
        if done is None:
            raise _no_result(status)
        payload = done.data.result
        saved = None if payload is None else json.loads(await self._platform.content(caller.tenant, payload))
        return object_of({"hybrid": status.hybrid, "result": saved}, as_of=entries[-1].sequence)

    async def _cancel(self, request: Request) -> Response:
        caller, entries = await self._read(request)
        status = _status(request, entries)
        owner = next((it.event.data.user for it in entries if isinstance(it.event, HybridAccepted)), None)
        if not caller.may("manage") and owner not in (None, caller.user):
            ask = f"ask {owner}, or an admin of {caller.tenant}"
            raise Problem(403, "not_yours", f"hybrid job {status.hybrid} is {owner}'s", ask)
        body = await cancellation(request, caller, status.hybrid)
        if not status.ended:
            await self._relay.event(command(caller.tenant, status.hybrid).event("cancel"), body)
        return object_of(hybrid_document(status), as_of=entries[-1].sequence, status=200 if status.ended else 202)

    async def _read(self, request: Request) -> tuple[Caller, tuple[Entry, ...]]:
        caller = await self._caller_of(request)
        return caller, await self._platform.hybrid(caller.tenant, request.path_params["hybrid"])

    async def _output(self, request: Request, kind: str) -> tuple[int, list[bytes], dict[str, Any]]:
        """The number of the first chunk of a page, the chunks, and where to go on: nowhere once all was read."""
        caller, entries = await self._read(request)  # before the chunks: all that it wrote is there when it has ended
        status, after, chunks = _status(request, entries), _after(request), list[bytes]()
        while len(chunks) < _CHUNKS:
            number = after + len(chunks) + 1
            chunk = await output_chunk(self._platform.transport, caller.tenant, status.hybrid, kind, number)
            if chunk is None:
                break
            chunks.append(chunk)
        is_last = status.ended and len(chunks) < _CHUNKS
        position = None if is_last else str(after + len(chunks))
        return after + 1, chunks, {"as_of": entries[-1].sequence, "after": position}


def _status(request: Request, entries: tuple[Entry, ...]) -> HybridStatus:
    return hybrid_status(request.path_params["hybrid"], known_events(entries))


def known_events(entries: tuple[Entry, ...]) -> dict[str, AnyEvent]:
    """The events of a hybrid job that this version knows, by name."""
    return {event_name(it.event.type): it.event for it in entries if not isinstance(it.event, UnknownEvent)}


def _content(entry: Entry) -> bytes:
    return entry.event.raw if isinstance(entry.event, UnknownEvent) else entry.event.to_bytes()


def _row(row: Row) -> Mapping[str, object]:
    """A row of the list, with amounts of money in the place of texts."""
    amounts = {name: str(row[name]).partition(" ") for name in ("hold", "charge") if name in row}
    return {**row, **{name: money(amount, currency) for name, (amount, _, currency) in amounts.items()}}


def _after(request: Request) -> int:
    text = request.query_params.get("after") or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Problem(422, "bad_cursor", "after is no cursor: take it from `next` of the page before")
    return int(text)


def _no_result(status: HybridStatus) -> Problem:
    if not status.ended:
        text = f"hybrid job {status.hybrid} is {status.state} and not completed yet"
        return Problem(409, "not_completed", text, "ask again", retry_after_s=1, retryable=True)
    detail = "; ".join(it.text for it in status.reasons) or f"the hybrid job is {status.state}"
    step = "correct the file, and submit it with a new key"
    return Problem(409, f"job_{status.state}", detail, step, status.reasons)
