"""A reservation that was used passes; broken in one way, it fails by the name of what was broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from queuebit_contracts.account import AccountHeld, AccountReleased, AccountSettled, Settlement
from queuebit_contracts.admission import Signature
from queuebit_contracts.billing import Charge
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.reservation import (
    BookReservation,
    Reservation,
    ReservationBill,
    ReservationBooked,
    ReservationCancelled,
    ReservationEnd,
    ReservationEnded,
    ReservationMetered,
    Withdrawal,
    reservation_id,
    signed_part,
)
from queuebit_contracts.wire import Amount
from queuebit_pricing import PriceBook
from queuebit_runtime.keys import new_seed, public_key, sign_bytes
from queuebit_testing.build import NOON, held, released

from .conftest import Recording

NAME = reservation_id("acme", "slot")
SEED = new_seed()
HOLD, UNIT = Amount(amount="0.60"), Amount(amount="0.01")
IDS: dict[str, Any] = {"tenant": "acme", "reservation": NAME, "project": "main", "backend": "aer"}
Break = Callable[[Recording], object]


def _booked() -> ReservationBooked:
    fields = {
        "tenant": "acme", "project": "main", "reservation": NAME, "key": "slot", "backend": "aer",
        "starts_at": NOON, "ends_at": NOON + timedelta(minutes=1),
    }  # fmt: skip
    unsigned = BookReservation.model_validate({**fields, "proof": {"key": "", "signature": ""}})
    proof = Signature(key=public_key(SEED), signature=sign_bytes(SEED, signed_part(unsigned)))
    added = {"user": "ann", "booked_at": NOON, "unit_price": UNIT, "price": "aer-2026", "hold": HOLD, "proof": proof}
    return ReservationBooked(source="qb/broker", data=Reservation.model_validate({**fields, **added}))


def _billed(book: str) -> list[AnyEvent]:
    times: dict[str, Any] = {"starts_at": NOON, "ended_at": NOON + timedelta(minutes=1)}
    seconds = {"used_s": 10, "idle_s": 20, "unavailable_s": 30}
    end = ReservationEnd(**IDS, **times, **seconds, reason="over", unit_price=UNIT, price="aer-2026", hold=HOLD)
    charge = Charge(amount="0.30", currency="USD", jbu="0")
    bill = ReservationBill(**IDS, **times, **seconds, charge=charge, price_book=book, hold=HOLD)
    half = Amount(amount="0.30")
    settled = Settlement(tenant="acme", account="main", job=NAME, held=HOLD, settled=half, released=half)
    return [
        ReservationEnded(source="qb/scheduler", data=end),
        ReservationMetered(source="qb/metering", data=bill),
        AccountSettled(source="qb/metering", data=settled),
    ]


@pytest.fixture
def recording(recording: Recording) -> Recording:
    """A minute of aer is reserved, at a cent a second."""
    book = recording.book.model_dump(mode="json", by_alias=True)
    next(it for it in book["price"] if it["id"] == "aer-2026")["per_reserved_second"] = "0.01"
    recording.book = PriceBook.model_validate(book)
    hold = held(NAME, "0.60")
    hold = hold.model_copy(update={"data": hold.data.model_copy(update={"purpose": "reservation"})})
    recording.events += [hold, _booked(), *_billed(recording.book.digest)]
    return recording


def findings(recording: Recording, invariant: str = "I2") -> list[str]:
    return [f"{it.subject}: {it.text}" for it in recording.judged()[invariant].findings]


def test_a_good_reservation_holds(recording: Recording) -> None:
    assert {name: it.findings for name, it in recording.judged().items()} == {
        f"I{number}": [] for number in range(1, 6)
    }


def _drop(kind: type[AnyEvent]) -> Break:
    def drop(recording: Recording) -> None:
        at = max(place for place, it in enumerate(recording.events) if isinstance(it, kind))
        del recording.events[at]

    return drop


def _change(kind: type[AnyEvent], **changes: object) -> Break:
    def change(recording: Recording) -> None:
        at = max(place for place, it in enumerate(recording.events) if isinstance(it, kind))
        event = recording.events[at]
        recording.events[at] = event.model_copy(update={"data": event.data.model_copy(update=changes)})

    return change


def _release(recording: Recording) -> None:
    recording.events.append(released(NAME, "0.60"))


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        pytest.param(_drop(ReservationBooked), "never booked", id="never booked"),
        pytest.param(_drop(AccountHeld), "but 0 was held", id="nothing held"),
        pytest.param(_drop(ReservationMetered), "never charged", id="not billed"),
        pytest.param(_drop(AccountSettled), "never charged", id="not settled"),
        pytest.param(_drop(ReservationEnded), "although it has not ended", id="charged before its end"),
        pytest.param(_change(ReservationEnded, idle_s=19), "of 60 s", id="seconds missing"),
        pytest.param(
            _change(ReservationEnded, used_s=11, idle_s=20, unavailable_s=29), "which costs 0.31", id="charge"
        ),
        pytest.param(_change(AccountSettled, settled=Amount(amount="0.20")), "0.20 settled", id="settled otherwise"),
        pytest.param(_change(ReservationEnded, price="gone"), "does not have", id="price lost"),
        pytest.param(_release, "was released, and it was not cancelled", id="released too"),
    ],
)
def test_a_broken_one_is_found(recording: Recording, broken: Break, expected: str) -> None:
    broken(recording)
    found = findings(recording)
    assert any(NAME in it and expected in it for it in found), found


def test_a_booking_that_its_user_did_not_sign_is_found(recording: Recording) -> None:
    _change(ReservationBooked, label="another")(recording)
    assert any("books what" in it for it in findings(recording, "I3"))


def test_a_cancelled_one_has_its_hold_back(recording: Recording) -> None:
    for kind in (ReservationEnded, ReservationMetered, AccountSettled):
        _drop(kind)(recording)
    withdrawn = Withdrawal(**IDS, reason="asked", by="ann", cancelled_at=NOON)
    recording.events += [ReservationCancelled(source="qb/broker", data=withdrawn), released(NAME, "0.60")]
    assert findings(recording) == []
    _drop(AccountReleased)(recording)
    assert any("0 was released, and it was cancelled" in it for it in findings(recording))
