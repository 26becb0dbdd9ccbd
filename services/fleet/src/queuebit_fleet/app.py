"""Where the objects of the fleet service meet."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from queuebit_fleet.adapters import BrokerOverBus, SchedulerOverBus, posts_to, secret_in
from queuebit_fleet.handlers import ObeyOperator, WatchFleet
from queuebit_fleet.planning import PlanCalibrations
from queuebit_fleet.policy import row
from queuebit_fleet.recalibrating import AskForCalibration
from queuebit_fleet.routes import ends, orders
from queuebit_fleet.settings import Settings
from queuebit_fleet.state import Fleet
from queuebit_isolation import FleetDocument, parse_fleet
from queuebit_kernel import SystemClock
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.stored import Stored
from queuebit_runtime.view import View, fold_events

__all__ = ["create_app"]


def create_app() -> Service:
    """Build the service from its environment."""
    settings, clock = Settings(), SystemClock()
    service = Service("fleet", BusSettings())
    document = _document(settings.document)
    fleet = Fleet(document)
    scheduler = SchedulerOverBus(service.bus.request)
    payloads = KeyValuePayloads(service.bus)
    plan = PlanCalibrations(service.log, BrokerOverBus(service.bus.request), clock)
    watch = WatchFleet(fleet, service.log, payloads, scheduler, plan, clock, settings.every_s)

    def fold(stored: Stored) -> None:
        fleet.take(stored)
        watch.wake()

    service.views.append(View(service.bus, "fleet", service.topology.service["fleet"].view, fold_events(fold)))
    service.include(orders(ObeyOperator(fleet, scheduler, clock)))
    service.include(ends(fleet.ended, watch.wake, clock))
    service.work.append(watch.run)
    if (hook := document.recalibration) is not None:
        secret = secret_in(settings.secrets, hook)
        service.work.append(AskForCalibration(fleet, hook, service.log, posts_to(hook), secret, clock).run)

    def states() -> Counter[str]:
        return Counter(row(it).state for it in fleet.backends.values())

    service.detail = lambda: {**dict(sorted(states().items())), **({"waits": watch.trouble} if watch.trouble else {})}
    service.metrics.gauge(
        "queuebit_fleet_backends",
        "Backends by state: in service, degraded or isolated.",
        lambda: {(state,): states()[state] for state in ("in_service", "degraded", "isolated")},
        "state",
    )
    service.metrics.gauge(
        "queuebit_fleet_isolated",
        "1 if a backend is isolated: it gets no jobs.",
        lambda: {(name,): it.isolation is not None for name, it in fleet.backends.items()},
        "backend",
    )
    service.metrics.gauge(
        "queuebit_fleet_elements_out",
        "Qubits and couplers of a backend that are not used.",
        lambda: {(name,): len(it.elements.out) for name, it in fleet.backends.items()},
        "backend",
    )
    return service


def _document(file: Path | None) -> FleetDocument:
    """The document; one without limits of its own if there is no such file."""
    try:
        return FleetDocument() if file is None else parse_fleet(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return FleetDocument()
