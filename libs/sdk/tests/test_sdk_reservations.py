"""Requests to book slots as the client signs them, and what it makes of the answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from queuebit import Credential, InvalidInput, Refused
from queuebit.reservation_requests import booking, cancelling, reservation_document, reservation_of
from queuebit_contracts.reservation import (
    Reservation,
    ReservationAnswer,
    ReservationEnd,
    reservation_id,
    signed_part,
)
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import Money
from queuebit_runtime.keys import new_seed, public_key, verify_bytes

SEED = new_seed()
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ME = Credential(url="nats://127.0.0.1:4222", tenant="acme", user="ann", seed=SEED, project="main")


def test_a_request_is_signed_and_its_id_follows_from_its_key() -> None:
    asked = booking(ME, key="k1", backend="Aer", starts_at=NOON, length=timedelta(hours=1), users=["ann"])
    assert (asked.reservation, asked.backend, asked.ends_at) == (
        reservation_id("acme", "k1"),
        "aer",
        NOON + timedelta(hours=1),
    )
    assert verify_bytes(public_key(SEED), signed_part(asked), asked.proof.signature)
    end = cancelling(ME, asked.reservation)
    assert verify_bytes(public_key(SEED), signed_part(end), end.proof.signature)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"starts_at": NOON.replace(tzinfo=None)}, "no time zone"),
        ({"length": None}, "an end or a length"),
        ({"ends_at": NOON}, "an end or a length"),
        ({"max_idle": 5}, "max_idle"),
        ({"starts_at": NOON.replace(year=9999, month=12, day=31, hour=23)}, "after the year 9999"),
        ({"users": ["a b"]}, "user"),
    ],
)
def test_what_cannot_be_sent_is_refused_before(changes: dict[str, object], text: str) -> None:
    fields = {"key": "k1", "backend": "aer", "starts_at": NOON, "length": timedelta(hours=1), **changes}
    with pytest.raises(InvalidInput, match=text):
        booking(ME, **fields)  # type: ignore[arg-type]  # some are wrong


def test_an_answer_is_a_reservation_or_every_reason() -> None:
    asked = booking(ME, key="k1", backend="aer", starts_at=NOON, length=timedelta(minutes=1))
    added = {"user": "ann", "booked_at": NOON, "unit_price": Amount(amount="0.01"), "price": "p"}
    slot = Reservation.model_validate({**asked.model_dump(), **added, "hold": Amount(amount="0.60")})
    found = reservation_of(reservation_document(ReservationAnswer(reservation=slot)))
    assert (found.state, found.hold, found.used_s) == ("booked", Money.of("0.60", "USD"), None)
    whose = {it: getattr(slot, it) for it in ("tenant", "reservation", "project", "backend", "starts_at", "price")}
    end = ReservationEnd(
        **whose, reason="over", ended_at=slot.ends_at, used_s=1, idle_s=59, unavailable_s=0, unit_price=slot.unit_price
    )
    found = reservation_of(reservation_document(ReservationAnswer(reservation=slot, ended=end)))
    assert (found.state, found.reason, found.used_s, found.idle_s) == ("ended", "over", 1, 59)
    with pytest.raises(Refused, match="taken"):
        reservation_document(ReservationAnswer(errors=(Reason(code="slot_taken", text="it is taken"),)))
