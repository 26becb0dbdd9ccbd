"""One log in memory, and processes of the alerting service that come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from queuebit_alerting.handlers import Evaluate, Notify
from queuebit_alerting.state import Book, Signal
from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.alerts import AlertNotified, Notification
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.wire import Event
from queuebit_kernel import Clock
from queuebit_runtime.stored import Stored
from queuebit_testing.memory import MemoryLog

__all__ = ["NOON", "DyingLog", "Folding", "Killed", "Process", "TurnableClock", "World"]

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Killed(BaseException):
    """The process ends here, whatever it was doing."""


class TurnableClock:
    """A wall clock that a test turns; time itself goes on apart from it."""

    def __init__(self) -> None:
        self.wall = NOON
        self.passed_s = 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.passed_s

    def passes(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.passed_s += seconds


class DyingLog(MemoryLog):
    """A log whose writer may be killed before or after what it appends is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.deaths: list[str | None] = []
        self._newest: dict[str, Stored] = {}
        """Of each subject and each history: without this, a thousand flaps would take minutes."""
        self._indexed = 0

    def _tail(self, guard: str) -> int:
        for it in self.stored[self._indexed :]:
            self._newest[it.subject] = self._newest[f"{'.'.join(it.subject.split('.')[:3])}.>"] = it
        self._indexed = len(self.stored)
        return self._newest[guard].sequence if guard in self._newest else 0

    def _end(self) -> int:
        return len(self.stored)

    def _same(self, event: AnyEvent, subject: str) -> int | None:
        same = self._newest.get(subject) if self._tail(subject) else None
        return same.sequence if same and isinstance(same.event, Event) and same.event.id == event.id else None

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        death = self.deaths.pop() if self.deaths else None
        if death == "before":
            raise Killed
        sequence = await super().append(event, after=after, guard=guard)
        if death == "after":
            raise Killed
        return sequence


class Folding:
    """A view that follows the log when it is waited for."""

    def __init__(self, log: MemoryLog, book: Book) -> None:
        self._log = log
        self._book = book
        self._place = 0

    async def reached(self, sequence: int) -> None:
        for stored in self._log.stored[self._place :]:
            self._book.take(stored)
        self._place = len(self._log.stored)


class Process:
    """One process of the service; a new one knows the log and nothing else."""

    def __init__(self, world: World) -> None:
        self.book = Book()
        self.follows = Folding(world.log, self.book)
        for stored in world.log.stored:
            self.book.take(stored)
        self._evaluate = Evaluate(
            world.log, self.book, self.follows, [world], world.clock, resolve_after_s=world.documents.resolve_after_s
        )
        self._notify = Notify(world.log, self.book, self.follows, world.documents, world.clock)

    async def round(self) -> None:
        """Evaluate, and decide who is to be notified."""
        await self._evaluate()
        await self._notify()


class World:
    """What the source says, and what came of it."""

    def __init__(self, documents: Alerts) -> None:
        self.log = DyingLog()
        self.clock = TurnableClock()
        self.documents = documents
        self.says: dict[str, bool | None] = {}
        """By alert name."""
        self.labels: dict[str, Mapping[str, str]] = {}
        """Further labels of an alert, by its name."""

    async def signals(self, now: datetime) -> Sequence[Signal]:
        common = {"severity": "page", "backend": "torino"}
        return [
            Signal({"alertname": name, **common, **self.labels.get(name, {})}, {"summary": f"{name} is wrong"}, it, now)
            for name, it in self.says.items()
        ]

    @property
    def notifications(self) -> list[Notification]:
        return [it.data for it in self.log.events(AlertNotified)]

    async def of(self, **says: bool | None) -> list[tuple[str, str]]:
        """Let a new process do one round; return what is new, as receiver and reason."""
        before = len(self.notifications)
        self.says |= says
        await Process(self).round()
        return [(it.receiver, it.reason) for it in self.notifications[before:]]


_: type[Clock] = TurnableClock
