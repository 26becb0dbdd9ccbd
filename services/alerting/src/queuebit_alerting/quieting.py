"""Why an alert notifies no receiver now: silences, planned work, and alerts that say more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from queuebit_alerting.state import Alert, Book
from queuebit_contracts.alert_documents import Alerts, Inhibition

__all__ = ["Quieting"]


class Quieting:
    """All reasons, at one moment."""

    def __init__(self, book: Book, documents: Alerts, now: datetime) -> None:
        self._silences = [it for it in book.silences.values() if it.starts_at <= now < it.ends_at]
        self._windows = documents.window
        self._now = now
        firing = [it for it in book.alerts.values() if it.firing]
        self._sources: list[tuple[Inhibition, Sequence[Alert]]] = [
            (rule, [it for it in firing if rule.is_source(it.last.labels)]) for rule in documents.inhibitions.values()
        ]

    def reason(self, alert: Alert) -> str | None:
        """`silence ID`, `window NAME` or `alert ID`; None if it may notify."""
        labels = alert.last.labels
        for it in self._silences:
            if all(matcher.holds(labels) for matcher in it.matchers):
                return f"silence {it.silence}"
        for name, window in self._windows.items():
            if window.covers(labels, self._now):
                return f"window {name}"
        for rule, sources in self._sources:
            for source in sources:
                if source.id != alert.id and rule.hides(source.last.labels, labels):
                    return f"alert {source.id}"
        return None
