"""Counts of what a service appends to the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter

from queuebit_contracts.catalog import AnyEvent
from queuebit_kernel import Fault
from queuebit_runtime.metrics import Metrics

__all__ = ["AppendMetrics"]


class AppendMetrics:
    """Counts appended events by type, refused ones by the code of their fault, and the time until they are stored."""

    def __init__(self, metrics: Metrics) -> None:
        self._stored = metrics.counter("queuebit_events_appended_total", "Events that the log has stored.", "type")
        self._refused = metrics.counter("queuebit_appends_refused_total", "Appends that failed, by fault.", "fault")
        self._seconds = metrics.histogram("queuebit_append_seconds", "Time until the log confirmed an append.")

    @contextmanager
    def appending(self, events: Iterable[AnyEvent]) -> Iterator[None]:
        """Count these events, or the fault that the context ends with."""
        began = perf_counter()
        try:
            yield
        except Fault as fault:
            self._refused.add(fault.code)
            raise
        self._seconds.observe(perf_counter() - began)
        for event in events:
            self._stored.add(event.type)
