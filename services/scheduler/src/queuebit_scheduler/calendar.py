"""The calendars of backends, folded from the log: their windows and slots, and what runs in the slots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Final

from pydantic import TypeAdapter

from queuebit_contracts.calendar import BackendWindowCancelled, BackendWindowPlanned, PlannedWindow
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.job import Ended, JobPlaced, JobStarted, JobWithdrawn
from queuebit_contracts.leader import LeaderElected
from queuebit_contracts.reservation import (
    Reservation,
    ReservationBooked,
    ReservationCancelled,
    ReservationEnded,
    ReservationReturned,
    ReservationStarted,
)
from queuebit_scheduler.slots import Slot, Span, add
from queuebit_scheduling import BackendCapacity, Key, Window, micros

__all__ = ["Calendar"]

_KEPT_US: Final = 3_600_000_000
"""How long a window that is over is kept: a clock may jump back."""

_LATEST_US: Final = 2**53 - 1
"""The end of a window that ends later, as in old logs: a number of JSON is exact up to here, in the year 2255."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A job with a place."""

    backend: str
    project: str
    start_by_us: int | None = None
    started_us: int | None = None
    """None until a worker took it."""
    reservation: str | None = None
    """In whose slot it was placed."""
    user: str | None = None
    """Who submitted it; None if that is not known."""


_Records = tuple[tuple[PlannedWindow, ...], tuple[Slot, ...], list[tuple[str, str, _Run]], dict[str, int]]


class Calendar:
    """Windows and slots by backend. Facts decide which slot is in force; a clock says when the next one is due."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], PlannedWindow] = {}
        self._slots: dict[Key, Slot] = {}
        self._runs: dict[Key, _Run] = {}
        """Of all jobs with a place: one may run into a slot that is booked later."""
        self._out: dict[str, int] = {}
        """Backends that are out of service, and since when."""
        self._of: dict[str, tuple[Window, ...]] = {}
        """What follows: the windows of each backend, sorted."""

    def windows(self, backend: str, at_us: int | None = None) -> tuple[Window, ...]:
        """The windows of a backend; at a moment, those that are not over then.

        A slot that has started counts from then on, also if the clock says that it begins later.
        """
        known = self._of.get(backend, ())
        if at_us is None or not known:
            return known
        return tuple(sorted(self._at(known, at_us), key=lambda it: it.place))

    def with_windows(self, capacity: BackendCapacity, at_us: int | None = None) -> BackendCapacity:
        """A backend with its windows."""
        windows = self.windows(capacity.name, at_us)
        return replace(capacity, windows=windows) if windows != capacity.windows else capacity

    def slots(self) -> list[tuple[Slot, bool]]:
        """Each reservation that has not ended, with all that ran there up to now, and whether its holder runs a job."""
        return [(it, self._busy(it)) for it in self._slots.values()]

    def slot(self, tenant: str, reservation: str) -> Slot | None:
        """A reservation that has not ended; None after that."""
        return self._slots.get((tenant, reservation))

    def is_in_force(self, tenant: str, reservation: str) -> bool:
        """Whether a slot has begun, and jobs may still be placed in it."""
        slot = self.slot(tenant, reservation)
        return slot is not None and slot.started_us is not None and slot.returned is None

    def is_over(self, tenant: str, reservation: str) -> bool:
        """Whether a reservation has ended, was cancelled, or was given back."""
        slot = self.slot(tenant, reservation)
        return slot is None or slot.returned is not None

    def accounted(self, slot: Slot, now_us: int) -> Slot:
        """A slot with what runs there now, and how long its backend is out of service already."""
        used, foreign, blocked = [*slot.used], [*slot.foreign], [*slot.blocked]
        for (tenant, _), run in self._runs.items():
            if run.backend == slot.reservation.backend and run.started_us is not None:
                add(used if _holds(slot.reservation, tenant, run) else foreign, (run.started_us, now_us))
        if (since := self._out.get(slot.reservation.backend)) is not None:
            add(blocked, (since, now_us))
        return replace(slot, used=used, foreign=foreign, blocked=blocked)

    def overdue(self, at_us: int) -> list[Key]:
        """Placed jobs that their executor does not start any more: their last moment has passed."""
        return [
            key
            for key, run in self._runs.items()
            if run.started_us is None and run.start_by_us is not None and run.start_by_us < at_us
        ]

    def is_kept_from(self, key: Key, window: Window) -> bool:
        """Whether the placement of a job says that it must start before this window: its executor obeys that."""
        run = self._runs.get(key)
        return run is not None and run.start_by_us is not None and run.start_by_us <= window.start_us

    def take(self, event: Decoded, sequence: int, at: datetime, user: str | None = None) -> None:
        """Fold one event of the log, stored there `at`.

        Args:
            event: the event.
            sequence: of the event.
            at: when the log stored it.
            user: of a placement, who submitted the job.
        """
        match event:
            case BackendWindowPlanned(data=window):
                self._windows[window.backend, window.window] = window
                self._arrange(window.backend, micros(at))
            case BackendWindowCancelled(data=it):
                self._windows.pop((it.backend, it.window), None)
                self._arrange(it.backend, micros(at))
            case ReservationBooked(data=data):
                self._slots.setdefault((data.tenant, data.reservation), Slot(data, sequence))
                self._arrange(data.backend, micros(at))
            case ReservationStarted() | ReservationReturned() | ReservationCancelled() | ReservationEnded():
                self._move(event, sequence, at)
            case JobPlaced(data=placed):
                start_by_us = None if placed.start_by is None else micros(placed.start_by)
                self._runs[placed.tenant, placed.job] = _Run(
                    placed.backend, placed.project, start_by_us, reservation=placed.reservation, user=user
                )
            case JobStarted(data=start):
                if (run := self._runs.get((start.tenant, start.job))) is not None and run.started_us is None:
                    self._runs[start.tenant, start.job] = replace(run, backend=start.backend, started_us=micros(at))
            case JobWithdrawn(data=it):
                self._runs.pop((it.tenant, it.job), None)
            case LeaderElected(data=leader) if leader.vacant_since is not None:
                self._vacant((micros(leader.vacant_since), micros(at)))
            case _ if isinstance(event, Ended):
                self._ended((event.data.tenant, event.data.job), micros(at))

    def serves(self, backend: BackendCapacity, at: datetime) -> None:
        """Note whether a backend is in service, after a fact about it that was stored `at`."""
        since = backend.out_since_us if backend.out_since_us is not None else backend.isolated_since_us
        if since is not None:
            self._out.setdefault(backend.name, since)
        elif (begun := self._out.pop(backend.name, None)) is not None:
            for slot in self._on(backend.name):
                if slot.covers((begun, micros(at))):
                    add(slot.blocked, (begun, micros(at)))

    def freeze(self) -> Callable[[], Iterator[bytes]]:
        """Copy what the log says."""
        slots = (
            replace(it, used=[*it.used], blocked=[*it.blocked], foreign=[*it.foreign]) for it in self._slots.values()
        )
        runs = [(*key, run) for key, run in self._runs.items()]
        copied = tuple(self._windows.values()), tuple(slots), runs, {**self._out}
        return lambda: iter([_records().dump_json(copied)])

    def thaw(self, records: Iterable[bytes]) -> Callable[[], None]:
        """Read it; the result makes it the state. Without a record, there is nothing.

        Raises:
            ValueError: the record is of another form.
        """
        empty: _Records = ((), (), [], {})
        windows, slots, runs, out = next((_records().validate_json(it) for it in records), empty)

        def fill() -> None:
            self._windows = {(it.backend, it.window): it for it in windows}
            self._slots = {(it.reservation.tenant, it.reservation.reservation): it for it in slots}
            self._runs = {(tenant, job): run for tenant, job, run in runs}
            self._out = out
            for backend in {*(it.backend for it in windows), *(it.reservation.backend for it in slots)}:
                self._arrange(backend, 0)

        return fill

    def _move(
        self,
        event: ReservationStarted | ReservationReturned | ReservationCancelled | ReservationEnded,
        sequence: int,
        at: datetime,
    ) -> None:
        key = event.data.tenant, event.data.reservation
        if (slot := self._slots.get(key)) is None:
            return
        slot.last = sequence
        match event:
            case ReservationStarted(data=start):
                slot.started_us = micros(start.started_at)
            case ReservationReturned(data=returned):
                slot.returned = returned
            case _:
                del self._slots[key]
        self._arrange(event.data.backend, micros(at))

    def _ended(self, key: Key, at_us: int) -> None:
        run = self._runs.pop(key, None)
        if run is None or run.started_us is None:
            return
        span = run.started_us, at_us
        for slot in self._on(run.backend):
            if run.reservation == slot.reservation.reservation:
                slot.last_us = max(slot.last_us, at_us)
            if slot.covers(span) or run.reservation == slot.reservation.reservation:
                add(slot.used if _holds(slot.reservation, key[0], run) else slot.foreign, span)

    def _vacant(self, span: Span) -> None:
        """No scheduler led for a time: what was idle of a slot then could not be used."""
        for slot in self._slots.values():
            if slot.covers(span):
                add(slot.foreign, span)

    def _on(self, backend: str) -> Iterator[Slot]:
        return (it for it in self._slots.values() if it.reservation.backend == backend)

    def _busy(self, slot: Slot) -> bool:
        if slot.returned is not None:
            return any(run.reservation == slot.reservation.reservation for run in self._runs.values())
        return any(
            run.started_us is not None
            and run.backend == slot.reservation.backend
            and _holds(slot.reservation, tenant, run)
            for (tenant, _), run in self._runs.items()
        )

    def _arrange(self, backend: str, at_us: int) -> None:
        """Bring the windows of a backend up to date."""
        for key, it in [*self._windows.items()]:
            if micros(it.ends_at) + _KEPT_US < at_us:
                del self._windows[key]
        found = defaultdict[str, list[Window]](list)
        for it in self._windows.values():
            found[it.backend].append(Window(micros(it.starts_at), min(micros(it.ends_at), _LATEST_US), it.kind))
        for slot in self._slots.values():
            if slot.returned is None:
                found[slot.reservation.backend].append(_window(slot))
        windows = tuple(sorted(found[backend], key=lambda it: it.place))
        if windows:
            self._of[backend] = windows
        else:
            self._of.pop(backend, None)

    def _at(self, windows: Iterable[Window], at_us: int) -> Iterator[Window]:
        for window in windows:
            slot, it = self._slots.get((window.tenant or "", window.reservation or "")), window
            if slot is not None and slot.started_us is not None:
                it = replace(window, start_us=min(window.start_us, at_us), end_us=max(window.end_us, at_us + 1))
            if it.end_us > at_us:
                yield it


def _window(slot: Slot) -> Window:
    it = slot.reservation
    users = None if it.users is None else tuple(sorted(it.users))
    return Window(slot.start_us, slot.end_us, "reservation", it.tenant, it.reservation, it.project, users)


def _holds(reservation: Reservation, tenant: str, run: _Run) -> bool:
    """Whether a run is one of the holder: it was placed in the slot, or it began before, and may use it."""
    if run.reservation == reservation.reservation:
        return True
    own = (reservation.tenant, reservation.project) == (tenant, run.project)
    return own and (reservation.users is None or run.user in reservation.users)


@cache
def _records() -> TypeAdapter[_Records]:
    return TypeAdapter(_Records)
