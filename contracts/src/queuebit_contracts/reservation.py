"""Reservations: a time slot on a backend in which only the jobs of its holder are placed.

The price of the whole slot is held on its project's account when it is booked. The slot is also a fact of its backend,
`qb.backend.<backend>.reserved.<reservation>`, in the same batch: the calendar of a backend is guarded as a whole, so
that of two bookings at the same time one is refused. What is not used and given back, and what the backend could not
give, is not charged.

Requests are sent to `subjects.reservations("book", tenant)` and `subjects.reservations("cancel", tenant)`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.admission import Signature
from queuebit_contracts.billing import Charge
from queuebit_contracts.wire import Amount, Digest, Event, Moment, Name, Reason, Wire, open_text
from queuebit_kernel import canonical

__all__ = [
    "ENDING_REASONS",
    "LEAST_S",
    "MOST_AHEAD_S",
    "MOST_S",
    "BookReservation",
    "CancelReservation",
    "Reservation",
    "ReservationAnswer",
    "ReservationBill",
    "ReservationBooked",
    "ReservationCancelled",
    "ReservationEnd",
    "ReservationEnded",
    "ReservationMetered",
    "ReservationReturned",
    "ReservationStart",
    "ReservationStarted",
    "ReturnedTime",
    "Withdrawal",
    "request_of",
    "reservation_id",
    "signed_part",
]

ENDING_REASONS: Final = ("over", "given_back", "idle", "window")
"""Why a reservation ended: its time was over, its holder gave the rest back, it had no job for `max_idle_s`, or the
operator planned a window of the backend over the rest."""

LEAST_S: Final = 60
"""The shortest slot: one minute."""

MOST_S: Final = 86_400
"""The longest slot: one day."""

MOST_AHEAD_S: Final = 90 * 86_400
"""How long before its start a slot can be booked at most: 90 days."""


class BookReservation(Wire):
    """Book a slot. The same request again has the same answer, also after the reservation ended.

    Signed like a submission, over `signed_part`.
    """

    tenant: Name
    project: Name
    """Whose account pays; only jobs of this project use the slot."""
    reservation: Name
    """Derived from tenant and key by `reservation_id`."""
    key: str = Field(min_length=1, max_length=128)
    """Idempotency key: the same key with the same content is the same reservation."""
    label: str = Field(default="", max_length=200)
    """A name for people."""
    backend: Name
    starts_at: Moment
    ends_at: Moment
    """The slot ends before this moment."""
    users: tuple[Name, ...] | None = Field(default=None, max_length=64)
    """The users whose jobs use the slot; absent: all of the project."""
    max_idle_s: int | None = Field(default=None, ge=LEAST_S, le=MOST_S)
    """The rest of the slot is given back after this time without a job; absent: it never is."""
    dry_run: bool = False
    """Answer with the reservation as it would be booked, its hold included, and book nothing."""
    proof: Signature


class CancelReservation(Wire):
    """Cancel a reservation before it starts, or give the rest back: its user and admins of the tenant may.

    Cancelling it again changes nothing. Signed over `signed_part`.
    """

    tenant: Name
    reservation: Name
    proof: Signature


class Reservation(Wire):
    """A slot that is booked: the request, and what the broker added."""

    tenant: Name
    project: Name
    reservation: Name
    user: Name
    delegation: Name | None = None
    """The delegation under which it was booked; absent if the user signed."""
    key: str = Field(min_length=1, max_length=128)
    label: str = Field(default="", max_length=200)
    backend: Name
    starts_at: Moment
    ends_at: Moment
    users: tuple[Name, ...] | None = None
    """The users whose jobs use the slot; absent: all of the project."""
    max_idle_s: int | None = None
    booked_at: Moment
    unit_price: Amount
    """The price of a second of the slot."""
    price: str
    """Immutable id of the price that `unit_price` comes from."""
    hold: Amount | None = None
    """Held under the name of the reservation: the price of the whole slot; absent if it is free."""
    proof: Signature
    """The signature of its user over the request, `request_of`."""

    @property
    def length_s(self) -> int:
        """The whole seconds of the slot."""
        return int((self.ends_at - self.starts_at).total_seconds())


class Withdrawal(Wire):
    """A reservation was cancelled before it started; its hold is released in the same batch."""

    tenant: Name
    reservation: Name
    project: Name
    backend: Name
    reason: Annotated[str, open_text("asked", "window")]
    """A request of its holder, or a window that the operator planned over it."""
    by: Name | None = None
    """The user that asked; absent for the operator."""
    cancelled_at: Moment


class ReservationStart(Wire):
    """The slot began: from now on only jobs of its holder are placed on the backend."""

    tenant: Name
    reservation: Name
    project: Name
    backend: Name
    starts_at: Moment
    started_at: Moment


class ReturnedTime(Wire):
    """The rest of a slot that has started is given back, so that it can be booked by others and is not charged."""

    tenant: Name
    reservation: Name
    project: Name
    backend: Name
    reason: Annotated[str, open_text("given_back", "window")]
    by: Name | None = None
    """The user that asked; absent for the operator."""
    returned_at: Moment


class ReservationEnd(Wire):
    """A slot is over, with what became of its time. Its seconds are whole: `used_s` and `idle_s` are charged."""

    tenant: Name
    reservation: Name
    project: Name
    backend: Name
    reason: Annotated[str, open_text(*ENDING_REASONS)]
    starts_at: Moment
    ended_at: Moment
    """The end of the charged time: that of the slot, or when the rest was given back and the jobs that were placed in
    the slot had ended."""
    used_s: int = Field(ge=0)
    """Seconds in which a job of the holder ran there."""
    idle_s: int = Field(ge=0)
    """Seconds in which the backend was in service and no job ran."""
    unavailable_s: int = Field(ge=0)
    """Seconds that the holder could not use: the backend was out of service, or a job of another tenant still ran."""
    unit_price: Amount
    price: str
    hold: Amount | None = None
    """As it was booked; metering settles it."""


class ReservationBill(Wire):
    """The used and the idle time of a reservation were rated; both are charged to its hold."""

    tenant: Name
    reservation: Name
    project: Name
    backend: Name
    used_s: int = Field(ge=0)
    idle_s: int = Field(ge=0)
    unavailable_s: int = Field(ge=0)
    charge: Charge
    price_book: Digest
    hold: Amount
    starts_at: Moment
    ended_at: Moment


class ReservationBooked(Event[Reservation]):
    """A slot is booked. Appended in one batch with its hold and with `qb.backend.<backend>.reserved`."""

    type: Literal["qb.reservation.booked.v1"] = "qb.reservation.booked.v1"


class ReservationCancelled(Event[Withdrawal]):
    """A reservation was cancelled before its start: nothing is charged."""

    type: Literal["qb.reservation.cancelled.v1"] = "qb.reservation.cancelled.v1"


class ReservationStarted(Event[ReservationStart]):
    """A slot began."""

    type: Literal["qb.reservation.started.v1"] = "qb.reservation.started.v1"


class ReservationReturned(Event[ReturnedTime]):
    """The rest of a slot is given back; its end follows."""

    type: Literal["qb.reservation.returned.v1"] = "qb.reservation.returned.v1"


class ReservationEnded(Event[ReservationEnd]):
    """A slot ended, once."""

    type: Literal["qb.reservation.ended.v1"] = "qb.reservation.ended.v1"


class ReservationMetered(Event[ReservationBill]):
    """The bill for a reservation that has a price."""

    type: Literal["qb.reservation.metered.v1"] = "qb.reservation.metered.v1"


class ReservationAnswer(Wire):
    """The reservation as it stands, or all reasons of a refusal."""

    reservation: Reservation | None = None
    cancelled: Withdrawal | None = None
    returned: ReturnedTime | None = None
    ended: ReservationEnd | None = None
    errors: tuple[Reason, ...] = ()
    free_from: Moment | None = None
    """Of a refusal because of the calendar: when the next slot of the same length that is free begins."""


def reservation_id(tenant: str, key: str) -> str:
    """The id of a reservation: `r` and 20 digits of base 32 over SHA-256 of `reservation`, tenant and key, in lines."""
    image = hashlib.sha256(f"reservation\n{tenant}\n{key}".encode()).digest()
    return "r" + base64.b32encode(image[:15]).decode()[:20].lower()


def request_of(reservation: Reservation) -> BookReservation:
    """The request that booked a reservation, as it was signed."""
    return BookReservation.model_validate(reservation.model_dump())


def signed_part(request: BookReservation | CancelReservation) -> bytes:
    """What is signed: the canonical JSON of all fields but `proof`, with defaults and without absent ones."""
    return canonical(request.model_dump(mode="json", exclude={"proof"}, exclude_none=True))
