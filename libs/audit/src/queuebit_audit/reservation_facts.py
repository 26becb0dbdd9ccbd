"""What is kept of reservations."""

from __future__ import annotations

from dataclasses import dataclass

from queuebit_contracts.reservation import (
    Reservation,
    ReservationBill,
    ReservationBooked,
    ReservationCancelled,
    ReservationEnd,
    ReservationEnded,
    ReservationMetered,
    ReservationReturned,
    ReservationStarted,
    request_of,
    reservation_id,
    signed_part,
)
from queuebit_runtime.keys import ALGORITHMS, ED25519

__all__ = ["RESERVATION_EVENTS", "ReservationFacts", "is_booked_by_its_user"]

RESERVATION_EVENTS = (
    ReservationBooked,
    ReservationCancelled,
    ReservationStarted,
    ReservationReturned,
    ReservationEnded,
    ReservationMetered,
)
"""What is kept of reservations."""

_Event = (
    ReservationBooked
    | ReservationCancelled
    | ReservationStarted
    | ReservationReturned
    | ReservationEnded
    | ReservationMetered
)


@dataclass(slots=True)
class ReservationFacts:
    """What the log says of one reservation."""

    reservation: Reservation | None = None
    cancelled: bool = False
    end: ReservationEnd | None = None
    bill: ReservationBill | None = None
    last: int = 0
    """Sequence of its newest event."""
    names: tuple[str, ...] = ()
    """The types of its events, oldest first."""

    def take(self, event: _Event, sequence: int) -> None:
        """Fold one event; of several of one type, the first counts."""
        self.last = sequence
        if event.type not in self.names:
            match event:
                case ReservationBooked(data=data):
                    self.reservation = data
                case ReservationCancelled():
                    self.cancelled = True
                case ReservationEnded(data=data):
                    self.end = data
                case ReservationMetered(data=data):
                    self.bill = data
                case _:
                    pass
        self.names = (*self.names, event.type)


def is_booked_by_its_user(reservation: Reservation) -> bool:
    """Whether its user's key signed the request that booked it."""
    verify = ALGORITHMS.get(reservation.proof.algorithm or ED25519)
    named = reservation.reservation == reservation_id(reservation.tenant, reservation.key)
    signed = signed_part(request_of(reservation))
    return named and verify is not None and verify(reservation.proof.key, signed, reservation.proof.signature)
