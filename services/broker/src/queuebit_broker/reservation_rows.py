"""Reservations and windows as rows of answers."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from queuebit_broker.reservations import KnownReservation, Taken
from queuebit_kernel import rfc3339

__all__ = ["reservation_row", "taken_row"]


def reservation_row(known: KnownReservation, sequence: int) -> dict[str, JsonValue]:
    """What a reservation is, and what became of it.

    Args:
        known: the reservation.
        sequence: up to where the log is folded.
    """
    it, end = known.reservation, known.ended
    return {
        "reservation": it.reservation,
        "label": it.label,
        "key": it.key,
        "project": it.project,
        "user": it.user,
        "users": [*it.users] if it.users is not None else None,
        "backend": it.backend,
        "state": known.state,
        "reason": end.reason if end else known.cancelled.reason if known.cancelled else None,
        "starts_at": rfc3339(it.starts_at),
        "ends_at": rfc3339(it.ends_at),
        "until": rfc3339(known.until),
        "unit_price": it.unit_price.money.text(),
        "hold": it.hold.money.text() if it.hold else None,
        "currency": it.unit_price.currency,
        "price": it.price,
        "max_idle_s": it.max_idle_s,
        "used_s": end.used_s if end else None,
        "idle_s": end.idle_s if end else None,
        "unavailable_s": end.unavailable_s if end else None,
        "booked_at": rfc3339(it.booked_at),
        "sequence": sequence,
    }


def taken_row(backend: str, taken: Taken, now: datetime) -> dict[str, JsonValue]:
    """A time in which a backend cannot be reserved; a reservation has no id here, since it may be of another tenant."""
    return {
        "backend": backend,
        "kind": taken.kind,
        "window": taken.name if taken.kind != "reservation" else None,
        "starts_at": rfc3339(taken.starts_at),
        "ends_at": rfc3339(taken.ends_at),
        "by": None if taken.kind == "reservation" else taken.by or "operator",
        "rule": taken.rule,
        "now": taken.starts_at <= now,
    }
