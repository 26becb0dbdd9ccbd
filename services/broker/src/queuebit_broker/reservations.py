"""The reservations and planned windows that the broker knows, folded from the log: when each backend is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from queuebit_contracts.calendar import BackendWindowCancelled, BackendWindowPlanned, PlannedWindow
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.reservation import (
    Reservation,
    ReservationBooked,
    ReservationCancelled,
    ReservationEnd,
    ReservationEnded,
    ReservationReturned,
    ReservationStarted,
    ReturnedTime,
    Withdrawal,
)
from queuebit_contracts.subjects import parse, subject_of
from queuebit_contracts.wire import UnknownEvent

__all__ = ["Calendars", "KnownReservation", "Taken"]

_KEPT: Final = timedelta(days=1)
"""How long what is over is remembered, so that a request about it has a plain answer; its facts stay."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A time in which a backend cannot be reserved."""

    starts_at: datetime
    ends_at: datetime
    kind: str
    """`reservation`, or the kind of a window."""
    name: str
    """The id of the window or the reservation."""
    by: str | None = None
    """Who planned the window; None for the operator, and for a reservation."""
    rule: str | None = None
    """The rule by which the window was planned."""

    def overlaps(self, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether it has a moment in common with another time."""
        return self.starts_at < ends_at and starts_at < self.ends_at


@dataclass(slots=True)
class KnownReservation:
    """One reservation."""

    reservation: Reservation
    last: int
    """Sequence of its newest event; the next one expects it."""
    cancelled: Withdrawal | None = None
    started_at: datetime | None = None
    returned: ReturnedTime | None = None
    ended: ReservationEnd | None = None

    @property
    def state(self) -> str:
        """`booked`, `started`, `cancelled` or `ended`."""
        if self.cancelled is not None:
            return "cancelled"
        if self.ended is not None:
            return "ended"
        return "booked" if self.started_at is None else "started"

    @property
    def until(self) -> datetime:
        """When its slot is free again."""
        if self.cancelled is not None:
            return min(self.cancelled.cancelled_at, self.reservation.starts_at)
        if self.ended is not None:
            return self.ended.ended_at
        return self.reservation.ends_at if self.returned is None else self.returned.returned_at

    @property
    def is_open(self) -> bool:
        """Whether its holder may still use it."""
        return self.cancelled is None and self.returned is None and self.ended is None

    def is_ahead(self, now: datetime) -> bool:
        """Whether it takes time of its backend from now on."""
        return self.is_open and self.until > now


class Calendars:
    """The calendar of each backend."""

    def __init__(
        self,
        reservations: Iterable[KnownReservation] = (),
        windows: Iterable[PlannedWindow] = (),
        newest: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Begin with nothing, or with what another fold knew."""
        self._known = {(it.reservation.tenant, it.reservation.reservation): it for it in reservations}
        self._windows = {(it.backend, it.window): it for it in windows}
        self._newest = dict(newest)
        self._swept: datetime | None = None

    def newest(self, backend: str) -> int:
        """Sequence of the newest fact of a backend, of any kind."""
        return self._newest.get(backend, 0)

    def find(self, tenant: str, reservation: str) -> KnownReservation | None:
        """A reservation; None if it is unknown or was forgotten."""
        return self._known.get((tenant, reservation))

    def of(self, tenant: str) -> list[KnownReservation]:
        """Those of a tenant, the newest first."""
        return [it for (owner, _), it in reversed(self._known.items()) if owner == tenant]

    def windows(self, backend: str, now: datetime) -> list[PlannedWindow]:
        """The windows of a backend that are not over, the first to start first."""
        found = (it for it in self._windows.values() if it.backend == backend and it.ends_at > now)
        return sorted(found, key=lambda it: (it.starts_at, it.window))

    def reserved(self, backend: str, now: datetime) -> list[KnownReservation]:
        """The slots of a backend that are not over, of all tenants, the first to start first."""
        found = (it for it in self._known.values() if it.reservation.backend == backend and it.is_ahead(now))
        return sorted(found, key=lambda it: (it.reservation.starts_at, it.reservation.reservation))

    def taken(self, backend: str, now: datetime) -> list[Taken]:
        """Every time from now on in which a backend cannot be reserved."""
        windows = (
            Taken(it.starts_at, it.ends_at, it.kind, it.window, it.by, it.rule) for it in self.windows(backend, now)
        )
        slots = (
            Taken(it.reservation.starts_at, it.until, "reservation", it.reservation.reservation)
            for it in self.reserved(backend, now)
        )
        return sorted((*windows, *slots), key=lambda it: (it.starts_at, it.ends_at, it.name))

    def taken_from(self, holder: tuple[str, str | None], backend: str, now: datetime) -> list[Taken]:
        """Every time from now on in which jobs of a tenant and a project do not run on a backend."""
        own = {
            it.reservation.reservation
            for it in self.reserved(backend, now)
            if (it.reservation.tenant, it.reservation.project) == holder
        }
        return [it for it in self.taken(backend, now) if it.kind != "reservation" or it.name not in own]

    def take(self, event: Decoded, sequence: int) -> None:
        """Fold one fact of a backend or a reservation; any other changes nothing."""
        subject = event.subject if isinstance(event, UnknownEvent) else subject_of(event)
        if (about := parse(subject)).noun == "backend":
            self._newest[about.id] = sequence
        match event:
            case BackendWindowPlanned(data=window):
                self._windows[window.backend, window.window] = window
                self._sweep(event.time)
            case BackendWindowCancelled(data=it):
                self._windows.pop((it.backend, it.window), None)
            case ReservationBooked(data=it):
                self._known.setdefault((it.tenant, it.reservation), KnownReservation(it, sequence)).last = sequence
                self._sweep(it.booked_at)
            case ReservationCancelled() | ReservationStarted() | ReservationReturned() | ReservationEnded():
                self._move(event, sequence)
            case _:
                pass

    def freeze(self) -> tuple[tuple[KnownReservation, ...], tuple[PlannedWindow, ...], dict[str, int]]:
        """Copy what the log says."""
        return tuple(self._copies()), tuple(self._windows.values()), {**self._newest}

    def _copies(self) -> Iterator[KnownReservation]:
        for it in self._known.values():
            yield KnownReservation(it.reservation, it.last, it.cancelled, it.started_at, it.returned, it.ended)

    def _move(
        self,
        event: ReservationCancelled | ReservationStarted | ReservationReturned | ReservationEnded,
        sequence: int,
    ) -> None:
        known = self.find(event.data.tenant, event.data.reservation)
        if known is None:
            return
        known.last = sequence
        match event:
            case ReservationCancelled():
                known.cancelled = event.data
            case ReservationStarted():
                known.started_at = event.data.started_at
            case ReservationReturned():
                known.returned = event.data
            case ReservationEnded():
                known.ended = event.data

    def _sweep(self, now: datetime) -> None:
        if self._swept is not None and now - self._swept < _KEPT / 24:
            return
        self._swept = now
        for key in [key for key, it in self._known.items() if not it.is_open and it.until < now - _KEPT]:
            del self._known[key]
        for place in [place for place, it in self._windows.items() if it.ends_at < now - _KEPT]:
            del self._windows[place]
