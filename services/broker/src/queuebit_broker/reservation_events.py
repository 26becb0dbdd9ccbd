"""The events of reservations and windows that the broker appends. Ids are derived, so that a repeat is recognised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from queuebit_broker import account_events
from queuebit_contracts.account import AccountHeld, AccountReleased, Hold, Release
from queuebit_contracts.calendar import (
    BackendFreed,
    BackendReserved,
    BackendWindowCancelled,
    BackendWindowPlanned,
    FreedSlot,
    PlannedWindow,
    ReservedSlot,
    WindowCancellation,
)
from queuebit_contracts.reservation import (
    Reservation,
    ReservationBooked,
    ReservationCancelled,
    ReservationReturned,
    ReturnedTime,
    Withdrawal,
)
from queuebit_contracts.wire import Amount
from queuebit_kernel import event_id, rfc3339
from queuebit_runtime.trace_context import current_traceparent

__all__ = [
    "booked",
    "cancelled",
    "freed",
    "held",
    "released",
    "reserved",
    "returned",
    "window_cancelled",
    "window_planned",
]

_SOURCE = "qb/broker"


def booked(it: Reservation) -> ReservationBooked:
    """A slot is booked."""
    return ReservationBooked(
        id=event_id("reservation-booked", it.tenant, it.reservation),
        source=_SOURCE,
        time=it.booked_at,
        traceparent=current_traceparent(),
        data=it,
    )


def reserved(it: Reservation) -> BackendReserved:
    """A slot of a backend is reserved."""
    return BackendReserved(
        id=event_id("backend-reserved", it.tenant, it.reservation),
        source=_SOURCE,
        time=it.booked_at,
        data=ReservedSlot(backend=it.backend, reservation=it.reservation, starts_at=it.starts_at, ends_at=it.ends_at),
    )


def freed(it: Reservation, at: datetime) -> BackendFreed:
    """The slot is free again."""
    return BackendFreed(
        id=event_id("backend-freed", it.tenant, it.reservation),
        source=_SOURCE,
        time=at,
        data=FreedSlot(backend=it.backend, reservation=it.reservation, freed_at=at),
    )


def held(it: Reservation, amount: Amount, budgets: Sequence[str]) -> AccountHeld:
    """The price of a slot is held."""
    hold = Hold(
        tenant=it.tenant,
        account=it.project,
        job=it.reservation,
        amount=amount,
        purpose="reservation",
        budgets=tuple(budgets) or None,
    )
    return account_events.held(hold)


def released(it: Reservation, amount: Amount) -> AccountReleased:
    """The hold of a slot that is not used ends."""
    return account_events.released(Release(tenant=it.tenant, account=it.project, job=it.reservation, amount=amount))


def cancelled(it: Reservation, reason: str, by: str | None, at: datetime) -> ReservationCancelled:
    """A reservation is cancelled before its start."""
    return ReservationCancelled(
        id=event_id("reservation-cancelled", it.tenant, it.reservation),
        source=_SOURCE,
        time=at,
        traceparent=current_traceparent(),
        data=Withdrawal(
            tenant=it.tenant,
            reservation=it.reservation,
            project=it.project,
            backend=it.backend,
            reason=reason,
            by=by,
            cancelled_at=at,
        ),
    )


def returned(it: Reservation, reason: str, by: str | None, at: datetime) -> ReservationReturned:
    """The rest of a slot is given back."""
    return ReservationReturned(
        id=event_id("reservation-returned", it.tenant, it.reservation),
        source=_SOURCE,
        time=at,
        traceparent=current_traceparent(),
        data=ReturnedTime(
            tenant=it.tenant,
            reservation=it.reservation,
            project=it.project,
            backend=it.backend,
            reason=reason,
            by=by,
            returned_at=at,
        ),
    )


def window_planned(it: PlannedWindow, at: datetime) -> BackendWindowPlanned:
    """A window is planned."""
    return BackendWindowPlanned(
        id=event_id(
            "window-planned", it.backend, it.window, rfc3339(it.starts_at), rfc3339(it.ends_at), it.kind, it.note
        ),
        source=_SOURCE,
        time=at,
        data=it,
    )


def window_cancelled(it: PlannedWindow, by: str | None, at: datetime) -> BackendWindowCancelled:
    """A window is cancelled."""
    return BackendWindowCancelled(
        id=event_id("window-cancelled", it.backend, it.window, rfc3339(at)),
        source=_SOURCE,
        time=at,
        data=WindowCancellation(backend=it.backend, window=it.window, cancelled_at=at, by=by),
    )
