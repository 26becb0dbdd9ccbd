"""Incidents: follows their facts, and appends what alerts and persons change (ADR 0080)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from queuebit_alerting.handlers import catch_up, until_first
from queuebit_alerting.ports import Follows
from queuebit_alerting.quieting import Quieting
from queuebit_alerting.state import Book
from queuebit_contracts.alert_documents import Alerts
from queuebit_contracts.alerts import shared_labels
from queuebit_contracts.incidents import AlertEpisode, IncidentAnswer, IncidentRequest
from queuebit_contracts.subjects_alerting import group_id, group_of, incident
from queuebit_incidents.events import IncidentFact, fact_of
from queuebit_incidents.orders import Refused, obey
from queuebit_incidents.rules import AlertNow, Rules, decide, firing_of
from queuebit_incidents.state import FACTS, Incident, evolve
from queuebit_kernel import Clock, Stale
from queuebit_runtime.log import EventLog, Stored

__all__ = ["AnswerIncidents", "IncidentBook", "KeepIncidents", "alerts_now"]

_logger = logging.getLogger(__name__)


class IncidentBook:
    """All incidents; a fold over their facts."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.newest: dict[str, Incident] = {}
        """The newest incident of each group, by group."""
        self.tails: dict[str, int] = {}
        """The last sequence of each incident: what its next fact is guarded on."""

    def take(self, stored: Stored) -> None:
        """Fold one fact; one that was folded before, or that is about something else, changes nothing."""
        event = stored.event
        if not isinstance(event, FACTS):
            return
        name = event.data.incident
        if stored.sequence <= self.tails.get(name, 0):
            return
        self.tails[name] = stored.sequence
        after = evolve(self.incidents.get(name), event)
        if after is None:
            return
        self.incidents[name] = after
        newest = self.newest.get(after.group)
        if newest is None or newest.serial <= after.serial:
            self.newest[after.group] = after


class _Appends:
    """Appends facts of incidents, each guarded on all facts of its incident."""

    def __init__(self, log: EventLog, incidents: IncidentBook, follows: Follows) -> None:
        self._log = log
        self._incidents = incidents
        self._follows = follows

    async def append(self, fact: IncidentFact) -> int:
        """Append one, and wait until it is folded.

        Raises:
            Stale: the incident changed meanwhile. What changed is folded by then.
        """
        name = fact.data.incident
        try:
            sequence = await self._log.append(
                fact, after=self._incidents.tails.get(name, 0), guard=incident(name).everything
            )
        except Stale:
            await self._catch_up(name)
            raise
        await self._follows.reached(sequence)
        return sequence

    async def _catch_up(self, name: str) -> None:
        await catch_up(self._log, self._incidents.tails, self._follows, incident(name))


class KeepIncidents(_Appends):
    """Opens, joins, continues and ends incidents by the rules of `queuebit_incidents.rules`.

    Of two processes that decide about one incident, one appends: the other looks again in its next round.
    """

    def __init__(
        self,
        log: EventLog,
        book: Book,
        incidents: IncidentBook,
        follows: Follows,
        documents: Alerts,
        clock: Clock,
        rules: Rules | None = None,
    ) -> None:
        super().__init__(log, incidents, follows)
        self._book = book
        self._documents = documents
        self._clock = clock
        self._rules = rules or Rules()

    async def __call__(self) -> int:
        """Decide once; return how many facts were appended, after they were folded."""
        now, appended = self._clock.now(), 0
        alerts = alerts_now(self._book, Quieting(self._book, self._documents, now))
        for change in decide(self._incidents.newest, alerts, now, self._rules):
            try:
                await self.append(fact_of(change).model_copy(update={"time": now}))
                appended += 1
            except Stale:
                _logger.info("incident %s was changed by another process", change.incident)
        return appended


class AnswerIncidents(_Appends):
    """Acknowledges, notes, resolves and reopens, as a person asks."""

    def __init__(
        self,
        log: EventLog,
        book: Book,
        incidents: IncidentBook,
        follows: Follows,
        quieting: Callable[[], Quieting],
        clock: Clock,
    ) -> None:
        super().__init__(log, incidents, follows)
        self._book = book
        self._quieting = quieting
        self._clock = clock

    async def __call__(self, request: IncidentRequest) -> IncidentAnswer:
        """Append what is asked; a repeat of the same request appends nothing.

        Raises:
            Stale: others changed the incident again and again.
        """
        try:
            return await until_first(lambda: self._answer(request))
        except Refused as error:
            return IncidentAnswer(errors=(error.reason,))

    async def _answer(self, request: IncidentRequest) -> IncidentAnswer:
        known = self._incidents.incidents.get(request.incident)
        if known is None:  # it may be newer than what this process has followed
            await self._catch_up(request.incident)
            known = self._incidents.incidents.get(request.incident)
        group, now = group_of(request.incident), self._clock.now()
        firing = [
            AlertEpisode(alert=it.last.alert, number=it.last.number)
            for it in firing_of(group, alerts_now(self._book, self._quieting()))
        ]
        change = obey(request, known, self._incidents.newest.get(group), firing, now)
        sequence = 0
        if change is not None:
            sequence = await self.append(fact_of(change).model_copy(update={"time": now}))
        return IncidentAnswer(state=self._incidents.incidents[request.incident].state, sequence=sequence)


def alerts_now(book: Book, quieting: Quieting) -> Iterable[AlertNow]:
    """All alerts that ever fired, with the group of each."""
    for it in book.alerts.values():
        shared = shared_labels(it.last.labels)
        yield AlertNow(
            it.last,
            group_id(shared),
            shared,
            it.firing,
            it.ended_at,
            cause_at=it.last.evidence.since,
            suppressed=it.firing and quieting.reason(it) is not None,
        )
