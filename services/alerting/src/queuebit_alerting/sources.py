"""All that alerting is asked to watch, by what it needs: facts of the log, the scheduler, the warehouse, files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from queuebit_alerting.adapters import Scheduler
from queuebit_alerting.backends import BackendsDown
from queuebit_alerting.bills import Bills
from queuebit_alerting.budgets import BudgetsSpent
from queuebit_alerting.burning import BudgetsBurning
from queuebit_alerting.calibrating import Calibrations
from queuebit_alerting.completeness import Completeness
from queuebit_alerting.drift_adapters import StateFile, StoredSnapshots
from queuebit_alerting.fleet import FleetTickets
from queuebit_alerting.isolated import BackendsIsolated
from queuebit_alerting.objectives import Objectives
from queuebit_alerting.pacing import OnChange, Paced
from queuebit_alerting.ports import SignalSource
from queuebit_alerting.probing import ProbesFailing
from queuebit_alerting.settings import Settings
from queuebit_alerting.state import Book
from queuebit_alerting.varying import Variances
from queuebit_alerting.walls import WallsTried
from queuebit_alerting.watching import WatchDrift
from queuebit_contracts.subjects import parse
from queuebit_kernel import Clock
from queuebit_runtime.analyst import Warehouse
from queuebit_runtime.bus import Bus
from queuebit_runtime.bus_log import BusLogFile
from queuebit_runtime.payloads import KeyValuePayloads
from queuebit_runtime.secrets import read_secret
from queuebit_runtime.stored import Stored
from queuebit_runtime.stream_state import stream_state
from queuebit_slo import Objective, parse_all, shipped

__all__ = ["Sources"]

_SLOWLY_S: Final = 60.0
"""How often calibrations, bills and charges are looked at: what their alerts say changes by the hour."""

_RARELY_S: Final = 300.0
"""How often the variance of results is looked at: its view reads all of them, in seconds over ten million events."""


class Sources:
    """The sources of one process, and what they need."""

    def __init__(self, bus: Bus, settings: Settings, book: Book, folder: Path | None, clock: Clock) -> None:
        """Prepare.

        Args:
            bus: where the scheduler is asked.
            settings: of the service.
            book: which alerts fire.
            folder: where the state of drift is kept; absent to keep none.
            clock: the time.
        """
        self._bus = bus
        self._book = book
        scheduler = Scheduler(bus.request)
        self.backends = BackendsDown(scheduler, clock, self._firing)
        self._probes, self._budgets = ProbesFailing(), BudgetsSpent()
        self._isolated, self._fleet = BackendsIsolated(), FleetTickets()
        self.all: list[SignalSource] = [self.backends, self._isolated, self._fleet, self._probes, self._budgets]
        """In the order in which they are asked."""
        if settings.bus_log is not None:
            self.all.append(WallsTried(BusLogFile(settings.bus_log).lines))
        self.promised = _promised(settings.objectives)
        """The objectives."""
        self.work: list[Callable[[], Coroutine[Any, Any, None]]] = []
        """What runs beside the evaluations."""
        self.drift: WatchDrift | None = None
        self.asked: tuple[Warehouse, Callable[[], Awaitable[None]]] | None = None
        """The warehouse, and the check that it has the whole log; None without its password."""
        if settings.warehouse_password_file is not None:
            self._ask_warehouse(settings, read_secret(settings.warehouse_password_file), scheduler, folder, clock)

    def _ask_warehouse(
        self, settings: Settings, password: str, scheduler: Scheduler, folder: Path | None, clock: Clock
    ) -> None:
        warehouse = Warehouse(settings.warehouse_url, settings.warehouse_user, password)
        complete = Completeness(warehouse, self._log_end, clock).require
        self.asked = warehouse, complete
        self.drift = WatchDrift(
            warehouse,
            complete,
            StoredSnapshots(KeyValuePayloads(self._bus)),
            StateFile(folder and folder / f"drift-{settings.name}.json"),
            self._firing,
            clock,
            room=settings.drift_room,
            shortest=timedelta(minutes=settings.drift_minutes),
        )
        self.work.append(self.drift.run)
        self.all += [
            OnChange(Objectives(self.promised, warehouse, complete), self._log_end, clock),
            Paced(Calibrations(scheduler, warehouse, complete), _SLOWLY_S, clock),
            Paced(Bills(warehouse, complete), _SLOWLY_S, clock),
            Paced(BudgetsBurning(self._budgets.terms, warehouse, complete, self._firing), _SLOWLY_S, clock),
            Paced(Variances(warehouse, complete), _RARELY_S, clock),
            self.drift,
        ]

    def take(self, stored: Stored) -> bool:
        """Fold a fact of another service; return whether it is one."""
        match parse(stored.subject).noun:
            case "backend":
                self.backends.take(stored)
                self._isolated.take(stored)
                self._fleet.take(stored)
            case "probe":
                self._probes.take(stored)
            case "budget" | "tenant":
                self._budgets.take(stored)
            case _:
                return False
        return True

    def _firing(self) -> Iterator[Mapping[str, str]]:
        return (it.last.labels for it in self._book.alerts.values() if it.firing)

    async def _log_end(self) -> int:
        return (await stream_state(self._bus)).last


def _promised(folder: Path | None) -> Sequence[Objective]:
    """The stack's own objectives, or without a folder of files those of this version: the same as telemetry's."""
    files = sorted(folder.glob("[!.]*.y*ml")) if folder is not None else []
    return parse_all((str(it), it.read_text(encoding="utf-8")) for it in files) if files else shipped()
