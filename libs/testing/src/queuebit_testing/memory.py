"""The event log in memory, obeying the same laws as the one on JetStream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.subjects import Aggregate, subject_of
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Stale, Unavailable
from queuebit_runtime.log import Guarded, Stored

__all__ = ["MemoryLog"]


class MemoryLog:
    """A fake for handler tests; `tests/conformance` holds it to the truth."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        return await self.append_all([Guarded(event, after, guard)])

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        if not facts:
            raise ValueError("an atomic batch needs at least one fact")
        written = set[str]()
        for fact in facts:
            subject = subject_of(fact.event)
            newest = await self.last(subject)
            if len(facts) == 1 and newest is not None and _id(newest) == fact.event.id:
                return newest.sequence
            guard = fact.guard or subject
            if fact.after is not None and (guard in written or self._tail(guard) != fact.after):
                raise Stale(f"{subject}: moved past {fact.after}")
            written.add(subject)
        for fact in facts:
            sequence = len(self.stored) + 1
            moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=sequence)
            self.stored.append(Stored(fact.event, subject_of(fact.event), sequence, moment))
        return len(self.stored)

    async def last(self, subject: str) -> Stored | None:
        return next((it for it in reversed(self.stored) if _matches(subject, it.subject)), None)

    async def at(self, sequence: int) -> Stored | None:
        return next((it for it in self.stored if it.sequence == sequence), None)

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        if self._tail(aggregate.everything) < reaching:
            raise Unavailable(f"{aggregate.prefix}: the log cannot be read up to sequence {reaching} yet")
        newest = {it.subject: it for it in self.stored if _matches(aggregate.everything, it.subject)}
        return sorted(newest.values(), key=lambda it: it.sequence)

    async def first(self, aggregate: Aggregate) -> int:
        return next((it.sequence for it in self.stored if _matches(aggregate.everything, it.subject)), 0)

    def events(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        """Everything stored of one class, in order."""
        return [it.event for it in self.stored if isinstance(it.event, kind)]

    def _tail(self, guard: str) -> int:
        return next((it.sequence for it in reversed(self.stored) if _matches(guard, it.subject)), 0)


def _id(stored: Stored) -> str:
    return "" if isinstance(stored.event, UnknownEvent) else stored.event.id


def _matches(pattern: str, subject: str) -> bool:
    wanted, given = pattern.split("."), subject.split(".")
    for position, token in enumerate(wanted):
        if token == ">":
            return len(given) > position
        if position >= len(given) or token not in ("*", given[position]):
            return False
    return len(wanted) == len(given)
