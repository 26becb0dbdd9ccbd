"""The gauges that every service has: its health, its connection and its views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version

from queuebit_runtime.health import Health
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.view import View

__all__ = ["measure_service"]


def measure_service(
    metrics: Metrics, health: Callable[[], Health], connected: Callable[[], bool], views: Sequence[View]
) -> None:
    """Declare them; each looks when it is read."""
    release = version("queuebit-runtime")
    metrics.gauge("queuebit_build_info", "The version that runs; always 1.", lambda: {(release,): 1}, "version")
    metrics.gauge("queuebit_alive", "1 if the service can work.", lambda: health().alive)
    metrics.gauge("queuebit_ready", "1 if its views have caught up and it takes messages.", lambda: health().ready)
    metrics.gauge("queuebit_bus_connected", "1 if the connection to NATS is up.", connected)
    metrics.gauge(
        "queuebit_behind_messages", "Messages of the log that it has not handled yet.", lambda: health().behind
    )
    metrics.gauge(
        "queuebit_view_position_sequence",
        "The last sequence of the log that a view has folded.",
        lambda: {(it.name,): it.position for it in views},
        "view",
    )
    metrics.gauge(
        "queuebit_view_pending_messages",
        "Messages that a view knows of and has not folded yet.",
        lambda: {(it.name,): it.pending for it in views},
        "view",
    )
    metrics.gauge(
        "queuebit_view_unreadable_messages",
        "Stored messages that the server counts and cannot read: the log is damaged.",
        lambda: {(it.name,): it.unreadable for it in views},
        "view",
    )
