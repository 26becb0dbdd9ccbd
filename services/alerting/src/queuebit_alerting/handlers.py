"""One round: ask the sources, decide what fires and who is to be notified, append."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar

from queuebit_alerting.notifying import notifications
from queuebit_alerting.policy import Steady, merged, transitions
from queuebit_alerting.ports import Follows, PartlyMeasured, SignalSource
from queuebit_alerting.state import Book, Signal
from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.alerts import AlertFired, AlertNotified, AlertResolved, Firing, Notification, Resolution
from queuebit_contracts.subjects import Aggregate, parse
from queuebit_contracts.subjects_alerting import alert
from queuebit_kernel import Clock, Stale, Unavailable, event_id
from queuebit_runtime.log import EventLog, Unreadable

__all__ = ["SOURCE", "Evaluate", "Notify", "catch_up", "fact_of", "until_first"]

SOURCE: Final = "qb/alerting"
"""The author of the facts."""

_TRIES: Final = 5
"""How often a request is decided because another fact came first."""

_T = TypeVar("_T")

_logger = logging.getLogger(__name__)


class Evaluate:
    """Appends what changed. Each fact is guarded on its alert: of two processes that decide it, one appends it."""

    def __init__(
        self,
        log: EventLog,
        book: Book,
        follows: Follows,
        sources: Sequence[SignalSource],
        clock: Clock,
        *,
        resolve_after_s: float = 0,
    ) -> None:
        self._steady = Steady(resolve_after_s)
        self._log = log
        self._book = book
        self._follows = follows
        self._sources = sources
        self._clock = clock
        self.trouble: str | None = None
        """Why a source could not say anything in the last evaluation."""
        self.is_appending = False
        """Whether some of the changes of an evaluation are appended, and others are not."""

    async def __call__(self) -> int:
        """Evaluate once; return how many alerts changed, after their facts were folded."""
        signals = self._steady(merged(await self._signals()), self._clock.monotonic())
        changes = transitions(self._book.alerts, signals)
        self.is_appending = True
        try:
            await self._append_all(changes)
        finally:
            self.is_appending = False
        return len(changes)

    async def _append_all(self, changes: Sequence[Firing | Resolution]) -> None:
        last = 0
        for change in changes:
            try:
                last = max(last, await self._append(change))
            except Stale:  # another process was first; the next evaluation knows what it appended
                _logger.info("alert %s was changed by another process", change.alert)
                await catch_up(self._log, self._book.tails, self._follows, alert(change.alert))
        await self._follows.reached(last)

    async def _signals(self) -> list[Signal]:
        """What all sources say, asked side by side: one that does not answer holds back no other."""
        answers = await asyncio.gather(*(self._asked(it, self._clock.now()) for it in self._sources))
        self.trouble = "; ".join(dict.fromkeys(why for _, why in answers if why)) or None
        return [it for signals, _ in answers for it in signals]

    async def _asked(self, source: SignalSource, now: datetime) -> tuple[Sequence[Signal], str]:
        try:
            return await source.signals(now), ""
        except PartlyMeasured as error:
            return error.signals, str(error)
        except Unavailable as error:  # its alerts stay as they are
            return [], str(error)

    async def _append(self, change: Firing | Resolution) -> int:
        event = fact_of(change)
        after = self._book.tails.get(change.alert, 0)
        return await self._log.append(event, after=after, guard=alert(change.alert).everything)


class Notify:
    """Appends who is to be notified. Each fact is guarded on its group: a notification is decided once."""

    def __init__(self, log: EventLog, book: Book, follows: Follows, documents: Alerts, clock: Clock) -> None:
        self._log = log
        self._book = book
        self._follows = follows
        self._documents = documents
        self._clock = clock

    async def __call__(self) -> int:
        """Decide once; return how many notifications were appended, after their facts were folded."""
        appended, late = 0, set[str]()
        for it in notifications(self._book, self._documents, self._clock.now()):
            if it.group in late:
                continue
            try:
                await self._append(it)
                appended += 1
            except Stale:  # another process decided something about the group: look again in the next round
                late.add(it.group)
                await catch_up(self._log, self._book.tails, self._follows, alert(it.group))
        return appended

    async def _append(self, it: Notification) -> None:
        name = event_id("notification", it.group, str(it.number))
        event = AlertNotified(id=name, source=SOURCE, time=self._clock.now(), data=it)
        after = self._book.tails.get(it.group, 0)
        await self._follows.reached(await self._log.append(event, after=after, guard=alert(it.group).everything))


async def catch_up(log: EventLog, tails: dict[str, int], follows: Follows, history: Aggregate) -> None:
    """Follow a history to its end, past messages that cannot be read; `tails` has its last sequence then."""
    try:
        newest = await log.last(history.everything)
        sequence = newest.sequence if newest else 0
    except Unreadable as error:
        sequence = error.sequence
    await follows.reached(sequence)
    name = parse(history.everything).id
    tails[name] = max(sequence, tails.get(name, 0))


def fact_of(change: Firing | Resolution) -> AlertFired | AlertResolved:
    """The fact of a change; a repeat has the same id."""
    if isinstance(change, Firing):
        return AlertFired(id=event_id("alert", change.alert, "fired", str(change.number)), source=SOURCE, data=change)
    name = event_id("alert", change.alert, "resolved", str(change.number))
    return AlertResolved(id=name, source=SOURCE, data=change)


async def until_first(decide: Callable[[], Awaitable[_T]]) -> _T:
    """Decide and append; again with what is known then, while another process is first.

    Raises:
        Stale: others were first again and again.
    """
    for _ in range(_TRIES - 1):
        with suppress(Stale):
            return await decide()
    return await decide()
