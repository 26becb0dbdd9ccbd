"""Counts of messages and requests: how many, with which outcome, how long, and how many wait."""

from __future__ import annotations

from time import perf_counter
from typing import Final, Literal, TypeAlias

from queuebit_runtime.delivery import Delivered
from queuebit_runtime.metrics import Metrics

__all__ = ["ANSWERED", "Handling", "MessageMetrics", "Outcome", "RequestMetrics"]

Outcome: TypeAlias = Literal[
    "handled", "superseded", "retried", "delayed", "crowded", "dead_letter", "interrupted", "unsettled"
]
"""How a delivery ended: `delayed` is retried later, `crowded` waited too long for its turn, `unsettled` could not be
acknowledged, and is delivered again."""

ANSWERED: Final = "answered"
"""The outcome of a request that was not refused; other outcomes are the codes of refusals."""


class MessageMetrics:
    """Counts the deliveries of durables."""

    def __init__(self, metrics: Metrics) -> None:
        self.outcomes = metrics.counter(
            "queuebit_messages_total", "Deliveries of messages, by how they ended.", "durable", "outcome"
        )
        self.seconds = metrics.histogram(
            "queuebit_message_seconds", "Time from a delivery to its end, with the wait for its turn.", "durable"
        )
        self.in_hand: dict[tuple[str, ...], int] = {}
        """Messages that are handled now, by durable."""
        self.pending: dict[tuple[str, ...], int] = {}
        """Messages that waited, by durable."""
        metrics.gauge("queuebit_messages_in_hand", "Messages that are handled now.", lambda: self.in_hand, "durable")
        metrics.gauge(
            "queuebit_messages_pending",
            "Messages that waited for the durable when its newest message was delivered.",
            lambda: self.pending,
            "durable",
        )

    def handling(self, here: Delivered) -> Handling:
        """Count a delivery; its context lasts while it is handled and settled."""
        return Handling(self, here)


class Handling:
    """One delivery that is handled."""

    __slots__ = ("_began", "_durable", "_metrics", "outcome", "trace")

    def __init__(self, metrics: MessageMetrics, here: Delivered) -> None:
        self._metrics, self._durable = metrics, (here.consumer,)
        self.outcome: Outcome = "interrupted"
        self.trace = 0
        """The trace of the handling; 0 for none."""
        metrics.pending[self._durable] = here.pending

    def __enter__(self) -> Handling:
        in_hand = self._metrics.in_hand
        in_hand[self._durable] = in_hand.get(self._durable, 0) + 1
        self._began = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._metrics.in_hand[self._durable] -= 1
        self._metrics.outcomes.add(*self._durable, self.outcome)
        self._metrics.seconds.observe(perf_counter() - self._began, *self._durable, trace=self.trace)


class RequestMetrics:
    """Counts the requests that are answered over the bus."""

    def __init__(self, metrics: Metrics) -> None:
        self._outcomes = metrics.counter(
            "queuebit_requests_total",
            "Requests over the bus: `answered`, or the code of a refusal.",
            "route",
            "outcome",
        )
        self._seconds = metrics.histogram(
            "queuebit_request_seconds", "Time from a request to its answer, with the wait for its turn.", "route"
        )

    def ended(self, route: str, outcome: str, seconds: float) -> None:
        """Count a request that has its answer."""
        self._outcomes.add(route, outcome)
        self._seconds.observe(seconds, route)
