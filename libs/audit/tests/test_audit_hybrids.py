"""A hybrid job runs, is billed and settled; broken in one way, it fails by the name of what was broken."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from queuebit_audit.lifecycle import Outstanding
from queuebit_contracts.account import AccountHeld, AccountSettled, Settlement
from queuebit_contracts.billing import Charge
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.hybrid import (
    PYTHON,
    HybridAcceptance,
    HybridAccepted,
    HybridCompleted,
    HybridCompletion,
    HybridMetered,
    HybridMetering,
    HybridStart,
    HybridStarted,
    HybridSubmission,
    HybridSubmitted,
    HybridTerms,
    HybridUsage,
    hybrid_id,
)
from queuebit_contracts.roles import Role
from queuebit_contracts.session import budget_of
from queuebit_contracts.tenants import Tenant, Tenants, User
from queuebit_contracts.wire import Amount
from queuebit_pricing import CLASSICAL, PriceBook, plain, rate_time
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.payloads import describe
from queuebit_testing.build import NOON, held

from .conftest import Recording

NAME = hybrid_id("acme", "vqe")
KEY = public_key(new_seed())
LIMIT_S, TIME_US = 600, 1_500_000
FILE = describe(b"pass", PYTHON)
Break = Callable[[Recording], object]


def life(book: PriceBook) -> list[AnyEvent]:
    """What the log has of a hybrid job that completed."""
    price = book.price_for(CLASSICAL, NOON)
    hold = Amount(amount=plain(rate_time(price, LIMIT_S * 1_000_000).amount))
    charged = plain(rate_time(price, TIME_US, LIMIT_S * 1_000_000).amount)
    usage, of = HybridUsage(time_us=TIME_US), {"tenant": "acme", "hybrid": NAME}
    terms = HybridTerms(
        project="main", price=price.id, price_book=book.digest, hold=hold, max_time_s=LIMIT_S
    )  # fmt: skip
    asked = {**of, "project": "main", "key": "vqe", "purpose": "test", "file": FILE, "delegation": "d1"}
    asked |= {"max_time_s": LIMIT_S, "proof": {"key": KEY, "signature": "s"}}
    accepted = {**of, "user": "ann", "delegation": "d1", "file": FILE, "parameters": "{}", "purpose": "test"}
    bill = {**of, "project": "main", "state": "completed", "usage": usage, "price_book": book.digest, "hold": hold}
    bill |= {"charge": Charge(amount=charged, currency="USD", jbu="0"), "submitted_at": NOON, "ended_at": NOON}
    settled = Settlement(
        tenant="acme", account="main", job=NAME, held=hold, settled=Amount(amount=charged),
        released=Amount(amount=plain(Decimal(hold.amount) - Decimal(charged))),
    )  # fmt: skip
    ended = {**of, "attempt": 1, "usage": usage, "terms": terms, "submitted_at": NOON}
    return [
        HybridSubmitted(source="qb/client", data=HybridSubmission.model_validate(asked)),
        held(NAME, hold.amount, tenant="acme"),
        HybridAccepted(
            source="qb/broker",
            data=HybridAcceptance.model_validate({**accepted, "terms": terms, "submitted_at": NOON}),
        ),
        HybridStarted(source="qb/hybrid", data=HybridStart(tenant="acme", hybrid=NAME, attempt=1, service="one")),
        HybridCompleted(source="qb/hybrid", data=HybridCompletion.model_validate(ended)),
        HybridMetered(source="qb/metering", data=HybridMetering.model_validate(bill)),
        AccountSettled(source="qb/metering", data=settled),
    ]


@pytest.fixture
def recording(recording: Recording) -> Recording:
    recording.events += life(recording.book)
    return recording


def findings(recording: Recording, invariant: str) -> list[str]:
    return [f"{it.subject}: {it.text}" for it in recording.judged()[invariant].findings]


def _at(recording: Recording, kind: type[AnyEvent]) -> int:
    for at, it in enumerate(recording.events):
        if isinstance(it, kind) and NAME in (getattr(it.data, "hybrid", ""), getattr(it.data, "job", "")):
            return at
    raise LookupError(kind)


def _drop(*kinds: type[AnyEvent]) -> Break:
    def breaks(it: Recording) -> None:
        for kind in kinds:
            del it.events[_at(it, kind)]

    return breaks


def _change(kind: type[AnyEvent], **changes: object) -> Break:
    def breaks(it: Recording) -> None:
        event = it.events[at := _at(it, kind)]
        it.events[at] = event.model_copy(update={"data": event.data.model_copy(update=changes)})

    return breaks


def _again(kind: type[AnyEvent]) -> Break:
    def breaks(it: Recording) -> None:
        it.events.append(it.events[_at(it, kind)].model_copy(update={"id": "again"}))

    return breaks


_SETTLED = (HybridMetered, AccountSettled)


def test_a_good_hybrid_job_holds(recording: Recording) -> None:
    assert {name: it.findings for name, it in recording.judged().items()} == {
        f"I{number}": [] for number in range(1, 6)
    }


@pytest.mark.parametrize(
    ("invariant", "breaks", "words"),
    [
        pytest.param("I1", _drop(HybridSubmitted), "begins with accepted", id="never submitted"),
        pytest.param("I1", _drop(HybridCompleted), "was metered, but never ended", id="metered without an end"),
        pytest.param("I1", _drop(HybridCompleted, *_SETTLED), "hybrid-accepted has no message left", id="lost"),
        pytest.param(
            "I1", _drop(AccountHeld, HybridAccepted, HybridStarted, HybridCompleted, *_SETTLED),
            "broker-hybrids has no message left", id="undecided",
        ),
        pytest.param("I1", _again(HybridCompleted), "it ended 2 times: completed, completed", id="two ends"),
        pytest.param("I1", _again(HybridAccepted), "it was accepted 2 times", id="accepted twice"),
        pytest.param("I1", _again(HybridStarted), "it was started after it had ended", id="runs after its end"),
        pytest.param("I2", _drop(AccountHeld), "but nothing was held", id="not held"),
        pytest.param("I2", _change(AccountHeld, amount=Amount(amount="0.01")), "but 0.01 was held", id="held less"),
        pytest.param(
            "I2", _change(AccountHeld, budgets=(budget_of("sother"),)), "its hold counts in sother", id="other session"
        ),
        pytest.param("I2", _change(HybridAccepted, session="sone"), "it is of sone, but", id="not in its session"),
        pytest.param("I2", _drop(*_SETTLED), "its hold was never settled", id="not settled"),
        pytest.param(
            "I2", _change(AccountSettled, settled=Amount(amount="0.0000")), "but 0.0000 settled", id="settled for less"
        ),
        pytest.param("I2", _change(AccountSettled, held=Amount(amount="9")), "was charged, but", id="other hold ended"),
        pytest.param("I2", _again(AccountSettled), "several entries of one kind", id="settled twice"),
        pytest.param(
            "I2", _change(HybridMetered, usage=HybridUsage(time_us=100_000_000)), "its time costs", id="price and time"
        ),
        pytest.param(
            "I2", _change(HybridAccepted, terms=HybridTerms(
                project="main", price="none", price_book="sha256:" + 64 * "0", hold=Amount(amount="0.01"),
                max_time_s=LIMIT_S,
            )), "price none is not in the price book", id="unknown price",
        ),
        pytest.param(
            "I2", _drop(AccountHeld, HybridAccepted, AccountSettled), "metered, but it was never accepted", id="terms"
        ),
        pytest.param("I2", _drop(HybridAccepted), "account was held, but it was never accepted", id="held for nothing"),
    ],
)  # fmt: skip
def test_each_break_is_found_and_named(recording: Recording, invariant: str, breaks: Break, words: str) -> None:
    breaks(recording)
    assert any(words in it for it in findings(recording, invariant)), findings(recording, invariant)


@pytest.mark.parametrize(
    ("consumer", "missing"),
    [
        ("hybrid-accepted", (HybridCompleted, *_SETTLED)),
        ("metering-hybrids", _SETTLED),
        ("broker-hybrids", (AccountHeld, HybridAccepted, HybridStarted, HybridCompleted, *_SETTLED)),
    ],
)
def test_what_a_consumer_still_has_is_no_fault(
    recording: Recording, consumer: str, missing: tuple[type[AnyEvent], ...]
) -> None:
    _drop(*missing)(recording)
    recording.outstanding = Outstanding(since=10**9, pending={consumer: 1})
    assert findings(recording, "I1") + findings(recording, "I2") == []


@pytest.mark.parametrize(("role", "faults"), [("submitter", 0), ("viewer", 1)])
def test_what_no_member_has_signed_must_not_be_accepted(recording: Recording, role: Role, faults: int) -> None:
    owners = {"acme": Tenant(user={"ann": User(role=role, keys=(KEY,))})}
    recording.events[:0] = changes(Directory(), Tenants.model_construct(tenant=owners), "ops")
    found = findings(recording, "I3")
    assert len([it for it in found if it.startswith(f"qb.hybrid.acme.{NAME}.accepted")]) == faults, found
