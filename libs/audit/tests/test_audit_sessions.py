"""A session with a cap, two jobs and idle time passes; broken in one way, it fails by the name of what was broken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from queuebit_audit.lifecycle import Outstanding
from queuebit_contracts.account import (
    AccountCorrected,
    AccountHeld,
    AccountReleased,
    AccountSettled,
    Adjustment,
    Settlement,
)
from queuebit_contracts.admission import Signature
from queuebit_contracts.billing import Charge
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobAccepted
from queuebit_contracts.session import (
    OpenSession,
    Session,
    SessionBill,
    SessionClosed,
    SessionEnd,
    SessionMetered,
    SessionOpened,
    budget_of,
    idle_hold_of,
    session_id,
    signed_part,
)
from queuebit_contracts.wire import Amount
from queuebit_kernel import job_id
from queuebit_pricing import PriceBook
from queuebit_runtime.keys import new_seed, public_key, sign_bytes
from queuebit_testing.build import NOON, held, released

from .conftest import Recording

NAME = session_id("acme", "scan")
SEED = new_seed()
IDLE = Amount(amount="0.05")
Break = Callable[[Recording], object]


def signed() -> OpenSession:
    fields = {"tenant": "acme", "project": "main", "session": NAME, "key": "scan", "cap": {"amount": "0.50"}}
    unsigned = OpenSession.model_validate({**fields, "proof": {"key": "", "signature": ""}})
    proof = Signature(key=public_key(SEED), signature=sign_bytes(SEED, signed_part(unsigned)))
    return unsigned.model_copy(update={"proof": proof})


def _opened() -> SessionOpened:
    fields = {**signed().model_dump(), "user": "ann", "opened_at": NOON, "expires_at": NOON + timedelta(hours=8)}
    return SessionOpened(source="qb/broker", data=Session.model_validate(fields))


def _named(event: AccountHeld, **changes: object) -> AccountHeld:
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})


@pytest.fixture
def recording(recording: Recording) -> Recording:
    """Both jobs of acme run in the session; a second of idle time costs a cent."""
    book = recording.book.model_dump(mode="json", by_alias=True)
    aer = next(it for it in book["price"] if it["id"] == "aer-2026")
    aer["per_session_idle_second"] = "0.01"
    recording.book = PriceBook.model_validate(book)
    budgets = (budget_of(NAME),)
    for at, event in enumerate(recording.events):
        if event.data.model_dump().get("tenant") != "acme":
            continue
        if isinstance(event, AccountHeld):
            recording.events[at] = _named(event, budgets=budgets)
        if isinstance(event, JobAccepted):
            data = event.data.model_copy(update={"session": NAME, "budgets": budgets})
            recording.events[at] = event.model_copy(update={"data": data})
    at = recording.find(AccountHeld, "k1") - 1
    recording.events[at:at] = [_named(held(NAME, "0.50"), purpose="session"), _opened()]
    end = SessionEnd(
        tenant="acme", session=NAME, project="main", reason="asked", by="ann", idle_s=5, idle_hold=IDLE,
        price="aer-2026", closed_at=NOON,
    )  # fmt: skip
    closed = SessionClosed(source="qb/broker", data=end)
    idle = _named(held(idle_hold_of(NAME), "0.05"), purpose="idle", budgets=budgets)
    recording.events += [idle, released(NAME, "0.50"), closed, *_billed(recording.book.digest)]
    return recording


def _billed(book: str) -> tuple[SessionMetered, AccountSettled]:
    bill = SessionBill(
        tenant="acme", session=NAME, project="main", idle_s=5, charge=Charge(amount="0.05", currency="USD", jbu="0"),
        price_book=book, hold=IDLE, closed_at=NOON,
    )  # fmt: skip
    settled = Settlement(
        tenant="acme", account="main", job=idle_hold_of(NAME), held=IDLE, settled=IDLE, released=Amount(amount="0.00")
    )
    metered = SessionMetered(source="qb/metering", data=bill)
    return metered, AccountSettled(source="qb/metering", data=settled)


def findings(recording: Recording, invariant: str = "I2") -> list[str]:
    return [f"{it.subject}: {it.text}" for it in recording.judged()[invariant].findings]


def test_a_good_session_holds(recording: Recording) -> None:
    assert {name: it.findings for name, it in recording.judged().items()} == {
        f"I{number}": [] for number in range(1, 6)
    }


def test_a_session_that_is_charged_by_the_clock_holds(recording: Recording) -> None:
    book = recording.book.model_dump(mode="json", by_alias=True)
    aer = next(it for it in book["price"] if it["id"] == "aer-2026")
    aer["per_session_second"], aer["per_session_idle_second"] = "0.005", None
    recording.book = PriceBook.model_validate(book)
    _change(SessionClosed, {}, idle_s=2, wall_s=10)(recording)
    assert findings(recording) == []
    _change(SessionClosed, {}, wall_s=9)(recording)
    assert any("was held for 9 s of it" in it for it in findings(recording))


def _at(recording: Recording, kind: type[AnyEvent], **fields: object) -> int:
    for at, it in enumerate(recording.events):
        if isinstance(it, kind) and all(getattr(it.data, name) == value for name, value in fields.items()):
            return at
    raise LookupError(kind)


def _drop(kind: type[AnyEvent], **fields: object) -> Break:
    def breaks(it: Recording) -> None:
        del it.events[_at(it, kind, **fields)]

    return breaks


def _change(kind: type[AnyEvent], at: dict[str, object], **changes: object) -> Break:
    def breaks(it: Recording) -> None:
        place = _at(it, kind, **at)
        it.events[place] = it.events[place].model_copy(
            update={"data": it.events[place].data.model_copy(update=changes)}
        )

    return breaks


def _twice(kind: type[AnyEvent]) -> Break:
    def breaks(it: Recording) -> None:
        it.events.append(it.events[_at(it, kind)].model_copy(update={"id": "again"}))

    return breaks


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        pytest.param(_drop(SessionOpened), "never opened", id="never opened"),
        pytest.param(_drop(AccountHeld, job=NAME), "but 0 was held", id="cap not held"),
        pytest.param(_drop(AccountReleased, job=NAME), "but of 0.50 held 0 was released", id="cap never released"),
        pytest.param(_drop(SessionClosed), "has ended, although it is open", id="released while open"),
        pytest.param(_twice(SessionClosed), "second event qb.session.closed.v1", id="closed twice"),
        pytest.param(_drop(AccountHeld, job=idle_hold_of(NAME)), "but 0 was held", id="idle time not held"),
        pytest.param(_drop(SessionMetered), "never charged", id="idle time not billed"),
        pytest.param(
            _change(SessionClosed, {}, idle_s=4), "which price aer-2026 does not give", id="more than the price"
        ),
        pytest.param(
            _change(AccountSettled, {"job": idle_hold_of(NAME)}, settled=Amount(amount="0.01")),
            "0.01 settled",
            id="settled for less",
        ),
        pytest.param(
            _change(AccountHeld, {"job": job_id("acme", "k1")}, budgets=None), "its hold counts in none", id="not in it"
        ),
        pytest.param(
            _change(AccountHeld, {"job": NAME}, amount=Amount(amount="0.01")), "exceeds the cap of session", id="over"
        ),
    ],
)
def test_each_break_is_found_and_named(recording: Recording, breaks: Break, words: str) -> None:
    breaks(recording)
    assert any(words in it for it in findings(recording)), findings(recording)


def test_a_session_that_its_user_did_not_sign_is_a_breach(recording: Recording) -> None:
    _change(SessionOpened, {}, max_age_s=86_400)(recording)
    assert any("has signed" in it for it in findings(recording, "I3"))


def test_a_bill_that_is_under_way_is_no_fault(recording: Recording) -> None:
    _drop(SessionMetered)(recording)
    _drop(AccountSettled, job=idle_hold_of(NAME))(recording)
    recording.outstanding = Outstanding(since=10**9, pending={"metering-sessions": 1})
    assert findings(recording) == []


def test_a_correction_after_the_settlement_may_exceed_the_cap_and_no_later_hold_may(recording: Recording) -> None:
    """A vendor states its usage late: no cap can know that, and it is no fault of the platform."""
    job = job_id("acme", "k1")
    place = _at(recording, AccountSettled, job=job) + 1
    late = Adjustment(
        tenant="acme", account="main", job=job, revision=1, delta=Amount(amount="0.45"), reason="late",
        budgets=(budget_of(NAME),),
    )  # fmt: skip
    recording.events.insert(place, AccountCorrected(source="qb/metering", data=late))
    assert not any("exceeds the cap" in it for it in findings(recording))
