"""Event log and payload store in memory; `tests/conformance` checks that they obey the same laws as the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.subjects import Aggregate, covers, subject_of
from queuebit_contracts.wire import Payload, UnknownEvent
from queuebit_kernel import Malformed, Stale, Unavailable, digest
from queuebit_planning.limits import MAX_SOURCE_BYTES
from queuebit_runtime.log import Guarded, Stored, Unreadable
from queuebit_runtime.payloads import Missing, describe
from queuebit_runtime.stored import Message, event_in

__all__ = ["MemoryLog", "MemoryPayloads"]

_Event = TypeVar("_Event", bound=AnyEvent)


class MemoryLog:
    """A fake for handler tests."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []
        """All readable events, including those of unknown types."""
        self.unreadable: list[Message] = []

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        return await self.append_all([Guarded(event, after, guard)])

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        if not facts:
            raise ValueError("an atomic batch needs at least one fact")
        written = set[str]()
        for fact in facts:
            subject = subject_of(fact.event)
            if len(facts) == 1 and (same := self._same(fact.event, subject)) is not None:
                return same
            guard = fact.guard or subject
            if fact.after is not None and (guard in written or self._tail(guard) != fact.after):
                raise Stale(f"{subject}: its last sequence is above {fact.after}")
            written.add(subject)
        for fact in facts:
            sequence = self._end() + 1
            self.stored.append(Stored(fact.event, subject_of(fact.event), sequence, _moment(sequence)))
        return self._end()

    def publish(self, subject: str, body: bytes) -> int:
        """Store any message, known, unknown or unreadable; return its sequence."""
        sequence = self._end() + 1
        message = Message(subject, sequence, _moment(sequence), body)
        try:
            self.stored.append(event_in(message))
        except Malformed:
            self.unreadable.append(message)
        return sequence

    async def last(self, subject: str) -> Stored | None:
        newest = max(self._on(subject), key=lambda it: it.sequence, default=None)
        return None if newest is None else self._readable(newest)

    async def at(self, sequence: int) -> Stored | None:
        for message in self.unreadable:
            if message.sequence == sequence:
                return event_in(message)
        return next((it for it in self.stored if it.sequence == sequence), None)

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        if self._tail(aggregate.everything) < reaching:
            raise Unavailable(f"{aggregate.prefix}: the log cannot be read up to sequence {reaching} yet")
        found = sorted(self._on(aggregate.everything), key=lambda it: it.sequence)
        newest = {it.subject: it for it in found}
        return sorted((self._readable(it) for it in newest.values()), key=lambda it: it.sequence)

    async def first(self, aggregate: Aggregate) -> int:
        return min((it.sequence for it in self._on(aggregate.everything)), default=0)

    def events(self, kind: type[_Event]) -> list[_Event]:
        """Return all stored events of one class, in order."""
        return [it.event for it in self.stored if isinstance(it.event, kind)]

    def _on(self, pattern: str) -> list[Stored | Message]:
        return [it for it in self._messages() if covers(pattern, it.subject)]

    def _messages(self) -> list[Stored | Message]:
        return [*self.stored, *self.unreadable]

    def _readable(self, newest: Stored | Message) -> Stored:
        """Return what `EventLog.last` returns for a subject with this newest message."""
        readable = [it for it in self.stored if it.subject == newest.subject and it.sequence <= newest.sequence]
        known = [it for it in readable if not isinstance(it.event, UnknownEvent)]
        if not readable:
            raise Unreadable(f"sequence {newest.sequence} is not an event", newest.sequence)
        return replace((known or readable)[-1], sequence=newest.sequence)

    def _same(self, event: AnyEvent, subject: str) -> int | None:
        """Return the sequence of the newest message of a subject if it is this event."""
        newest = next((it for it in reversed(self.stored) if it.subject == subject), None)
        if newest is None or isinstance(newest.event, UnknownEvent) or newest.event.id != event.id:
            return None
        return newest.sequence

    def _tail(self, guard: str) -> int:
        return max((it.sequence for it in self._on(guard)), default=0)

    def _end(self) -> int:
        return max((it.sequence for it in self._messages()), default=0)


class MemoryPayloads:
    """A fake for handler tests; `away` simulates an outage."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}
        """Content outside events, by tenant and digest."""
        self.reads: list[str] = []
        """The digests of content that was read, in order."""
        self.away = False

    async def put(self, tenant: str, content: bytes, media_type: str) -> Payload:
        payload = describe(content, media_type)
        return await self.store(tenant, content, media_type) if payload.inline is None else payload

    async def store(self, tenant: str, content: bytes, media_type: str) -> Payload:
        if self.away:
            raise Unavailable("the payload store does not answer")
        return self.keep(tenant, content, media_type)

    async def get(self, tenant: str, payload: Payload, *, limit: int = MAX_SOURCE_BYTES) -> bytes:
        if payload.size > limit:
            raise Missing(f"{payload.digest} has {payload.size:,} bytes; the limit is {limit:,}")
        if self.away:
            raise Unavailable("the payload store does not answer")
        self.reads.append(payload.digest)
        content = payload.inline.encode() if payload.inline is not None else self.kept.get((tenant, payload.digest))
        if content is None or len(content) != payload.size or digest(content) != payload.digest:
            raise Missing(f"tenant {tenant} has no content {payload.digest}")
        return content

    def keep(self, tenant: str, content: bytes, media_type: str = "text/plain") -> Payload:
        """Store content; return a reference without the content."""
        self.kept[tenant, digest(content)] = content
        return Payload(digest=digest(content), size=len(content), media_type=media_type)


def _moment(sequence: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=sequence)
