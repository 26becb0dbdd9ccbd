"""Alerts: duplicate pages while the service is killed, and false alarms of a history in which nothing is wrong.

Both run the service's own rules over a log in memory: a killed process forgets everything but the log.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from tests.bench.quiet import false_alarms
from tests.bench.report import Report

from queuebit_alerting.handlers import Evaluate, Notify
from queuebit_alerting.state import FIRING, Book, Signal
from queuebit_contracts.alert_documents import Alerts, Receiver, Route
from queuebit_contracts.alerts import AlertNotified
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.wire import Event
from queuebit_kernel import FixedClock
from queuebit_runtime.stored import Stored
from queuebit_slo import Counts, Objective, default_alerts, judge
from queuebit_testing.memory import MemoryLog

__all__ = ["measure_alerting"]

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DOCUMENTS = Alerts(
    resolve_after_s=0,
    group_interval_s=0,
    receiver={"chat": Receiver(kind="alertmanager", url="https://example.com")},
    route={"all": Route(receivers=("chat",))},
)
WINDOW = timedelta(days=30)
EVERY_S = 10


class _Killed(BaseException):
    pass


class _Log(MemoryLog):
    """A log whose writer is killed before or after every fourth append."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = random.Random(12)
        self.pages: Counter[tuple[str, int]] = Counter()
        self.kills = 0
        self._newest: dict[str, Stored] = {}
        """Of each subject and each history: MemoryLog looks through all of the log."""
        self._indexed = 0

    def _tail(self, guard: str) -> int:
        for it in self.stored[self._indexed :]:
            self._newest[it.subject] = self._newest[f"{it.subject.rsplit('.', 2)[0]}.>"] = it
        self._indexed = len(self.stored)
        return self._newest[guard].sequence if guard in self._newest else 0

    def _end(self) -> int:
        return len(self.stored)

    def _same(self, event: AnyEvent, subject: str) -> int | None:
        same = self._newest.get(subject) if self._tail(subject) else None
        return same.sequence if same and isinstance(same.event, Event) and same.event.id == event.id else None

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        death = self.chance.random()
        if death < 0.125:
            self._kill()
        sequence = await super().append(event, after=after, guard=guard)
        if isinstance(event, AlertNotified):
            self.pages.update((it.alert, it.number) for it in event.data.alerts if it.status == FIRING)
        if death > 0.875:
            self._kill()
        return sequence

    def _kill(self) -> None:
        self.kills += 1
        raise _Killed


class _View:
    def __init__(self, log: MemoryLog, book: Book) -> None:
        self._log, self._book, self._place = log, book, 0

    async def reached(self, sequence: int) -> None:
        for stored in self._log.stored[self._place :]:
            self._book.take(stored)
        self._place = len(self._log.stored)


class _Flapping:
    firing = False

    async def signals(self, now: datetime) -> Sequence[Signal]:
        return [Signal({"alertname": "flap", "severity": "page"}, {}, self.firing, now)]


def measure_alerting(report: Report, flaps: int, days: int, histories: int) -> None:
    """Measure duplicate pages and false alarms; of all sources, in a number of histories."""
    began = time.perf_counter()
    log = asyncio.run(_flap(flaps))
    duplicates = sum(count - 1 for count in log.pages.values())
    took = f"{log.kills:,} kills, {time.perf_counter() - began:.0f} s"
    report.add(f"duplicate pages in {flaps:,} flaps", f"{duplicates} ({len(log.pages):,} pages, {took})", "floor: 0")
    began = time.perf_counter()
    alarms, judged = _null_history(days)
    took = f"{judged:,} verdicts, {time.perf_counter() - began:.0f} s"
    report.add(
        f"false alarms in {days} simulated days without a fault, from the start of a stack",
        f"{alarms} ({took})",
        "floor: 0",
    )
    began = time.perf_counter()
    found, streams = Counter[str](), 0
    for seed in range(histories):
        fired, streams = false_alarms(seed, days)
        found += fired
    took = f"{', '.join(found) or 'none'}; {streams} streams of drift, {time.perf_counter() - began:.0f} s"
    report.add(
        f"false alarms of all sources in {histories} times {days} days without a fault",
        f"{found.total()} ({took})",
        "floor: 1",
    )


async def _flap(flaps: int) -> _Log:
    log, source, clock = _Log(), _Flapping(), FixedClock(NOON)
    steps = _process(log, source, clock)
    for _ in range(flaps):
        for source.firing in (True, False):
            done = False
            while not done:
                try:
                    await steps[0]()
                    await steps[1]()
                    done = True
                except _Killed:
                    steps = _process(log, source, clock)
    if len(log.pages) != flaps:
        raise SystemExit(f"{len(log.pages)} firings of {flaps} were notified")
    return log


def _process(log: _Log, source: _Flapping, clock: FixedClock) -> tuple[Evaluate, Notify]:
    book = Book()
    view = _View(log, book)
    for stored in log.stored:
        book.take(stored)
    return Evaluate(log, book, view, [source], clock), Notify(log, book, view, DOCUMENTS, clock)


def _null_history(days: int) -> tuple[int, int]:
    """Evaluate the default alerts of a target of 99 % every 10 s while half a per cent of 100 jobs a minute fail.

    The stack is new: its first evaluation sees the first jobs.
    """
    chance = random.Random(7)
    objective = Objective("null", "", "jobs", "success", Fraction(99, 100), WINDOW, alerts=default_alerts(WINDOW))
    spans = sorted({it for alert in objective.alerts for it in (alert.long, alert.short)})
    good, total = [0], [0]
    firing: Counter[str] = Counter()
    judged = 0
    for step in range(days * 86_400 // EVERY_S):
        cases = sum(chance.random() < 0.5 for _ in range(33))
        bad = sum(chance.random() < 0.005 for _ in range(cases))
        good.append(good[-1] + cases - bad)
        total.append(total[-1] + cases)
        counts = {}
        for span in spans:
            first = max(0, step + 1 - int(span.total_seconds()) // EVERY_S)
            counts[span] = Counts(good[-1] - good[first], total[-1] - total[first])
        verdicts = judge(objective, {}, counts)
        judged += len(verdicts)
        firing.update(it.alert.name for it in verdicts if it.state == FIRING)
    return firing.total(), judged
