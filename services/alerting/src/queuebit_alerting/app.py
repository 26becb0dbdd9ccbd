"""Where the objects of the alerting service meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from queuebit_alerting.adapters import SecretFiles, posts_to
from queuebit_alerting.canaries import KeepCanaries
from queuebit_alerting.canary_alerts import CanariesStopped
from queuebit_alerting.canary_book import CanaryBook
from queuebit_alerting.canary_counts import CanaryCounts
from queuebit_alerting.canary_requests import AnswerCanaries, flags_for
from queuebit_alerting.canary_routes import canary_requests, flag_queries
from queuebit_alerting.handlers import Evaluate, Notify
from queuebit_alerting.incident_routes import incident_requests
from queuebit_alerting.incidents import AnswerIncidents, IncidentBook, KeepIncidents
from queuebit_alerting.ports import SignalSource
from queuebit_alerting.quieting import Quieting
from queuebit_alerting.requests import AnswerOperator
from queuebit_alerting.routes import operator_requests
from queuebit_alerting.sending import SendNotifications
from queuebit_alerting.settings import Settings
from queuebit_alerting.sources import Sources
from queuebit_alerting.state import Book
from queuebit_contracts.alert_documents import Alerts, parse_alerts
from queuebit_contracts.topology import ALERTING
from queuebit_kernel import Clock, SystemClock, Unavailable
from queuebit_runtime.bucket import Bucket
from queuebit_runtime.lease import Lease
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.stored import Stored
from queuebit_runtime.view import View, fold_events
from queuebit_slo import digest

__all__ = ["Alerting", "create_app"]

_logger = logging.getLogger(__name__)

_NOTIFY_S = 1.0
"""How often it is decided who is to be notified: silences and planned work end between two evaluations, too."""


class Alerting(Service):
    """The service. One of several processes leads: it evaluates and notifies."""

    def __init__(self, bus: BusSettings, settings: Settings, sources: Sequence[SignalSource] = ()) -> None:
        super().__init__("alerting", bus)
        self._canaries = CanaryBook()
        clock, documents = SystemClock(), _documents(settings.document)
        self._every_s = settings.every_s
        self._book = Book()
        self._incidents = IncidentBook()
        view = View(self.bus, self.name, self.topology.service[self.name].view, fold_events(self._fold))
        self.views.append(view)
        self._lease = Lease(Bucket(self.bus, ALERTING), settings.name, settings.lease_s, clock)
        self._sources = Sources(self.bus, settings, self._book, self.settings.snapshots_dir, clock)
        self.work += self._sources.work
        signals = [*self._sources.all, CanariesStopped(self._canaries), *sources]
        self._evaluate = Evaluate(self.log, self._book, view, signals, clock, resolve_after_s=documents.resolve_after_s)
        self._notify = Notify(self.log, self._book, view, documents, clock)
        self._send = SendNotifications(
            self.log,
            self._book,
            view,
            documents,
            posts_to(documents),
            SecretFiles(settings.secrets),
            clock,
            leads=lambda: self._lease.leads,
        )
        answer = AnswerOperator(self.log, self._book, view, documents, self._send.test, clock)
        self.include(operator_requests(answer))
        self._keep_incidents = self._with_incidents(view, documents, settings, clock)
        self.work += [self._lease.hold, self._evaluations, self._notifications, self._send.run]
        counts = CanaryCounts(*self._sources.asked) if self._sources.asked else None
        self._keep_canaries = self._with_canaries(view, counts, clock)
        self.draining.append(self._lease.leave)
        self.detail = lambda: {**self._detail(documents), "objectives": digest(self._sources.promised)}
        self._measure()

    def _measure(self) -> None:
        gauge, book, incidents = self.metrics.gauge, self._book, self._incidents
        gauge("queuebit_alerting_leads", "1 if this process evaluates and notifies.", lambda: self._lease.leads)
        gauge(
            "queuebit_alerts_firing",
            "Alerts that fire, also silenced ones.",
            lambda: sum(it.firing for it in book.alerts.values()),
        )
        gauge(
            "queuebit_incidents_open",
            "Incidents that are not over.",
            lambda: sum(not it.is_over for it in incidents.newest.values()),
        )
        gauge(
            "queuebit_notifications_undelivered",
            "Notifications that no receiver has confirmed.",
            lambda: len(book.undelivered),
        )

    def _with_incidents(self, follows: View, documents: Alerts, settings: Settings, clock: Clock) -> KeepIncidents:
        """Open, continue and end incidents, and answer about them."""
        book, incidents = self._book, self._incidents
        quieting = partial(self._quieting, documents, clock)
        self.include(incident_requests(AnswerIncidents(self.log, book, incidents, follows, quieting, clock)))
        return KeepIncidents(self.log, book, incidents, follows, documents, clock, settings.incident_rules)

    def _quieting(self, documents: Alerts, clock: Clock) -> Quieting:
        return Quieting(self._book, documents, clock.now())

    def _with_canaries(self, follows: View, counts: CanaryCounts | None, clock: Clock) -> KeepCanaries:
        """Judge canaries, and answer about them; without `counts`, their jobs cannot be counted."""
        self.include(canary_requests(AnswerCanaries(self.log, self._canaries, follows, counts, clock)))
        self.include(flag_queries(partial(flags_for, self._canaries)))
        self.work.append(self._judgements)
        return KeepCanaries(self.log, self._canaries, follows, counts, clock)

    def _fold(self, stored: Stored) -> None:
        if self._sources.take(stored):
            return
        self._canaries.take(stored)
        self._book.take(stored)
        self._incidents.take(stored)

    def _detail(self, documents: Alerts) -> dict[str, str | int]:
        failing = ", ".join(sorted(self._send.failing))
        return {
            "leads": int(self._lease.leads),
            "canaries": len(self._canaries.live()),
            **({"uncounted": self._keep_canaries.trouble} if self._keep_canaries.trouble else {}),
            "firing": sum(it.firing for it in self._book.alerts.values()),
            "backends": self._sources.backends.answered,
            "incidents": sum(not it.is_over for it in self._incidents.newest.values()),
            "undelivered": len(self._book.undelivered),
            "documents": documents.digest,
            **(self._sources.drift.detail if self._sources.drift else {}),
            **({"unreached": failing} if failing else {}),
            **({"unmeasured": self._evaluate.trouble} if self._evaluate.trouble else {}),
        }

    async def _evaluations(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._every_s
            if self._lease.leads:
                await _unless_away(self._evaluate)
                await _unless_away(self._keep_incidents)
            else:
                with suppress(Unavailable):  # it is asked again in the next round
                    await self._sources.backends.look()
            await asyncio.sleep(max(0, due - loop.time()))

    async def _judgements(self) -> None:
        while True:
            if self._lease.leads:
                await _unless_away(self._keep_canaries)
            await asyncio.sleep(self._every_s)

    async def _notifications(self) -> None:
        while True:
            if self._lease.leads and not self._evaluate.is_appending:  # alerts of one moment are one notification
                await _unless_away(self._notify)
            await asyncio.sleep(min(_NOTIFY_S, self._every_s))


async def _unless_away(step: Evaluate | Notify | KeepIncidents | KeepCanaries) -> None:
    """Do a step; if the log is away, the next one does it."""
    try:
        await step()
    except Unavailable as error:
        _logger.warning("alerting waits for the log: %s", error)


def _documents(file: Path | None) -> Alerts:
    try:
        return Alerts() if file is None else parse_alerts(file.read_text(encoding="utf-8"))
    except FileNotFoundError:  # it may be applied later: then this process starts again
        return Alerts()


def create_app() -> Alerting:
    """Build the service from its environment."""
    return Alerting(BusSettings(), Settings())
