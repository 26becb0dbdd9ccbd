"""A reserved slot: what of its time was used, and which fact about it is due. No input or output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from queuebit_contracts.reservation import Reservation, ReservationEnd, ReservationStart, ReturnedTime
from queuebit_scheduling import micros, moment_of

__all__ = ["Slot", "Span", "add", "due", "total", "without"]

Span = tuple[int, int]
"""A period in microseconds: its beginning, and its end."""

_GAP_US: Final = 1_000_000
"""Between two jobs, as much counts as used: both cost the same, and a day of short jobs stays a short list."""


@dataclass(slots=True)
class Slot:
    """A reservation that has not ended."""

    reservation: Reservation
    last: int
    """Sequence of its newest event; the next one expects it."""
    started_us: int | None = None
    returned: ReturnedTime | None = None
    used: list[Span] = field(default_factory=list)
    """When jobs of its holder ran there."""
    blocked: list[Span] = field(default_factory=list)
    """When the backend was out of service."""
    foreign: list[Span] = field(default_factory=list)
    """When jobs of others ran there, or no scheduler led."""
    last_us: int = 0
    """When the newest job ended that was placed in the slot, and so has its price."""

    @property
    def start_us(self) -> int:
        return micros(self.reservation.starts_at)

    @property
    def end_us(self) -> int:
        """The end of the slot, or when the rest was given back."""
        end_us = micros(self.reservation.ends_at)
        return end_us if self.returned is None else max(self.start_us, min(end_us, micros(self.returned.returned_at)))

    def covers(self, span: Span) -> bool:
        """Whether it has time in common with a period."""
        return span[0] < self.end_us and self.start_us < span[1]


def due(slot: Slot, now_us: int, *, busy: bool) -> ReservationStart | ReservationEnd | None:
    """Return the fact about a slot that is due, or None.

    A slot that nothing started in its time ends as unavailable: no scheduler was there to keep it free.

    Args:
        slot: with all that ran there up to now.
        now_us: the time.
        busy: whether a job of its holder runs there now; of a slot that was given back, whether a job that was placed
            in it has not ended: it has the price of the slot, so that its time is charged, too.
    """
    if slot.started_us is None:
        if now_us >= slot.end_us:
            return _ended(slot, "over", slot.end_us)
        if now_us < slot.start_us:
            return None
        it = slot.reservation
        return ReservationStart(
            tenant=it.tenant,
            reservation=it.reservation,
            project=it.project,
            backend=it.backend,
            starts_at=it.starts_at,
            started_at=moment_of(now_us),
        )
    if slot.returned is not None:
        most_us = micros(slot.reservation.ends_at)
        if busy and now_us < most_us:
            return None
        return _ended(slot, slot.returned.reason, most_us if busy else max(slot.end_us, min(most_us, slot.last_us)))
    if now_us >= slot.end_us:
        return _ended(slot, "over", slot.end_us)
    most_idle_s = slot.reservation.max_idle_s
    if most_idle_s is not None and not busy and now_us - _idle_since_us(slot) >= most_idle_s * 1_000_000:
        return _ended(slot, "idle", now_us)
    return None


def _idle_since_us(slot: Slot) -> int:
    """When the backend last had a job of the holder, or could have had none."""
    ends = [end for _, end in (*slot.used, *slot.blocked)]
    return max([slot.start_us, slot.started_us or 0, *ends])


def _ended(slot: Slot, reason: str, end_us: int) -> ReservationEnd:
    it = slot.reservation
    start_us, whole_s = slot.start_us, (end_us - slot.start_us) // 1_000_000
    until_us = start_us + whole_s * 1_000_000
    late = (start_us, until_us if slot.started_us is None else slot.started_us)
    away = _within([*slot.blocked, late], start_us, until_us)
    used = without(_within(slot.used, start_us, until_us), away)
    others = without(_within(slot.foreign, start_us, until_us), used)
    used_s, unavailable_s = total(used) // 1_000_000, total(_within([*away, *others], start_us, until_us)) // 1_000_000
    return ReservationEnd(
        tenant=it.tenant,
        reservation=it.reservation,
        project=it.project,
        backend=it.backend,
        reason=reason,
        starts_at=it.starts_at,
        ended_at=it.starts_at + timedelta(seconds=whole_s),
        used_s=used_s,
        idle_s=whole_s - used_s - unavailable_s,
        unavailable_s=unavailable_s,
        unit_price=it.unit_price,
        price=it.price,
        hold=it.hold,
    )


def add(spans: list[Span], span: Span) -> None:
    """Add a period that ended after all that are there; a short gap before it is closed."""
    begin, end = span
    while spans and begin <= spans[-1][1] + _GAP_US:
        before = spans.pop()
        begin, end = min(begin, before[0]), max(end, before[1])
    spans.append((begin, end))


def total(spans: Iterable[Span]) -> int:
    """The length of periods that do not overlap."""
    return sum(end - begin for begin, end in spans)


def without(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    """Periods without the parts that lie in others; both are in order and do not overlap."""
    left = []
    for begin, end in spans:
        at = begin
        for first, last in taken:
            if last > at and first < end:
                if first > at:
                    left.append((at, first))
                at = last
        if at < end:
            left.append((at, end))
    return left


def _within(spans: Iterable[Span], begin: int, end: int) -> list[Span]:
    """The union of periods, cut to a period, in order."""
    found: list[Span] = []
    for first, last in sorted((max(begin, first), min(end, last)) for first, last in spans):
        if first >= last:
            continue
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
