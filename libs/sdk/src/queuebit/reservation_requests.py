"""Requests to book and cancel reservations, signed by the user, and what the platform answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from queuebit.credentials import Credential
from queuebit.errors import InvalidInput, Reason, Refused
from queuebit.inputs import one_line, plain_name, whole_number
from queuebit.records import Row
from queuebit.signing import UNSIGNED, proof_of
from queuebit_contracts.reservation import (
    LEAST_S,
    MOST_S,
    BookReservation,
    CancelReservation,
    ReservationAnswer,
    reservation_id,
)
from queuebit_kernel import Money, rfc3339

__all__ = ["Reservation", "booking", "cancelling", "reservation_document", "reservation_of"]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A slot of a backend in which only the jobs of its holder run."""

    id: str
    backend: str
    starts_at: datetime
    ends_at: datetime
    state: str
    """`booked`, `started`, `cancelled` or `ended`."""
    hold: Money | None
    """The price of the whole slot, as it was held; None if it is free."""
    unit_price: Money
    """Of a second, used or idle."""
    reason: str | None = None
    """Why it was cancelled, or ended."""
    used_s: int | None = None
    """Seconds in which a job of the holder ran; None before its end."""
    idle_s: int | None = None
    unavailable_s: int | None = None
    """Seconds that the holder could not use, which are not charged."""


def booking(
    credential: Credential,
    *,
    key: str,
    backend: str,
    starts_at: datetime,
    ends_at: datetime | None = None,
    length: timedelta | None = None,
    project: str | None = None,
    users: Iterable[str] | None = None,
    label: str = "",
    max_idle: int | None = None,
    dry_run: bool = False,
) -> BookReservation:
    """The signed request to book a slot, until `ends_at` or for `length`.

    Raises:
        InvalidInput: a value cannot be sent.
    """
    project = project or credential.project
    if not project:
        raise InvalidInput("no project is named, and the credential has no default: name the project that pays")
    if (ends_at is None) is (length is None):
        raise InvalidInput("a slot has an end or a length: give one of the two")
    for name, moment in (("starts_at", starts_at), ("ends_at", ends_at)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(f"{name} has no time zone: give one, such as datetime(…, tzinfo=UTC)")
    try:
        until = starts_at + length if length is not None else ends_at
    except OverflowError as error:
        raise InvalidInput("the slot ends after the year 9999: give an earlier time") from error
    draft = BookReservation(
        tenant=credential.tenant,
        project=plain_name("project", project),
        reservation=reservation_id(credential.tenant, key),
        key=one_line("key", key, 128),
        label=one_line("name", label, 200),
        backend=plain_name("backend", str(backend).lower()),
        starts_at=starts_at,
        ends_at=until,
        users=None if users is None else tuple(plain_name("user", it) for it in users),
        max_idle_s=None if max_idle is None else whole_number("max_idle", max_idle, LEAST_S, MOST_S),
        dry_run=dry_run,
        proof=UNSIGNED,
    )
    content = draft.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    return draft.model_copy(update={"proof": proof_of(content, credential.seed, credential.delegation)})


def cancelling(credential: Credential, reservation: str) -> CancelReservation:
    """The signed request to cancel a reservation, or to give the rest of its slot back."""
    content = {"tenant": credential.tenant, "reservation": plain_name("reservation", reservation)}
    return CancelReservation(**content, proof=proof_of(content, credential.seed, credential.delegation))


def reservation_document(answer: ReservationAnswer) -> Row:
    """A reservation as a row, with the names that `qb.query.<tenant>.reservations` has.

    Raises:
        Refused: the answer is a refusal.
    """
    it, end, cancelled = answer.reservation, answer.ended, answer.cancelled
    if it is None:
        raise Refused([Reason(it.code, it.text) for it in answer.errors])
    state = "cancelled" if cancelled else "ended" if end else "started" if answer.returned else "booked"
    reasons = (end, cancelled, answer.returned)
    return {
        "reservation": it.reservation,
        "label": it.label,
        "key": it.key,
        "project": it.project,
        "user": it.user,
        "users": None if it.users is None else [*it.users],
        "backend": it.backend,
        "state": state,
        "reason": next((found.reason for found in reasons if found is not None), None),
        "starts_at": rfc3339(it.starts_at),
        "ends_at": rfc3339(it.ends_at),
        "unit_price": it.unit_price.money.text(),
        "hold": it.hold.money.text() if it.hold else None,
        "currency": it.unit_price.currency,
        "price": it.price,
        "max_idle_s": it.max_idle_s,
        "used_s": end.used_s if end else None,
        "idle_s": end.idle_s if end else None,
        "unavailable_s": end.unavailable_s if end else None,
        "booked_at": rfc3339(it.booked_at),
    }


def reservation_of(row: Mapping[str, Any]) -> Reservation:
    """What a row says."""
    return Reservation(
        id=row["reservation"],
        backend=row["backend"],
        starts_at=datetime.fromisoformat(row["starts_at"]),
        ends_at=datetime.fromisoformat(row["ends_at"]),
        state=row["state"],
        hold=None if row["hold"] is None else Money.of(row["hold"], row["currency"]),
        unit_price=Money.of(row["unit_price"], row["currency"]),
        reason=row["reason"],
        used_s=row["used_s"],
        idle_s=row["idle_s"],
        unavailable_s=row["unavailable_s"],
    )
