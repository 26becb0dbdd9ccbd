"""Hybrid jobs: what is admitted, what is held for them, and what they mean for a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit_broker.budgets import Budgets
from queuebit_broker.eligibility import Tariff
from queuebit_broker.hybrid_policy import AdmitHybrid, HybridRequest, HybridSnapshot, admit_hybrid
from queuebit_broker.snapshot import Cap
from queuebit_contracts.account import AccountHeld, AccountSettled, Hold, Settlement
from queuebit_contracts.delegation import Delegation
from queuebit_contracts.delegations import Authority
from queuebit_contracts.hybrid import PYTHON, HybridSubmission, hybrid_id
from queuebit_contracts.job import Signature
from queuebit_contracts.session import SessionClosed, budget_of
from queuebit_contracts.wire import Amount, Reason
from queuebit_kernel import Money, digest
from queuebit_pricing import parse
from queuebit_runtime.payloads import describe

from .broker_office import BOOK, Office, opening

AT = datetime(2026, 11, 29, tzinfo=UTC)
PRICE = """
[[price]]
id = "hybrid-1"
backend = "hybrid"
valid_from = 2026-01-01T00:00:00Z
source = "a test"
as_of = 2026-01-01
confidence = "high"
per_second = { amount = "0.01" }
"""


def submission(**changes: Any) -> HybridSubmission:
    fields = {
        "tenant": "acme",
        "project": "main",
        "hybrid": hybrid_id("acme", "k1"),
        "key": "k1",
        "purpose": "a test",
        "file": describe(b"pass", PYTHON),
        "delegation": "d1",
        "max_time_s": 100,
        "proof": Signature(key="k", signature="s"),
        **changes,
    }
    return HybridSubmission.model_validate(fields)


def request(*, signed: bool = True, **changes: Any) -> HybridRequest:
    return HybridRequest("acme", hybrid_id("acme", "k1"), submission(**changes), signed, None, AT)


@pytest.fixture
def snapshot(office: Office, book_text: str) -> HybridSnapshot:
    key = Delegation(
        tenant="acme",
        delegation="d1",
        key="key",
        user="ann",
        scope="submit",
        subject="ann",
        proof=digest(b""),
        granted_at=AT,
        expires_at=AT + timedelta(hours=1),
    )
    return HybridSnapshot(
        directory=office.world.directory,
        tariff=Tariff(parse(book_text + PRICE)),
        author=Authority("ann", "submitter"),
        key=key,
        available=Money.of(10),
        budgets=Budgets({"tenant": Money.of(5)}),
    )


def codes(request: HybridRequest, snapshot: HybridSnapshot) -> list[str]:
    decision = admit_hybrid(request, snapshot)
    assert not isinstance(decision, AdmitHybrid)
    return [it.code for it in decision]


def test_the_price_of_its_whole_time_is_held(snapshot: HybridSnapshot) -> None:
    decision = admit_hybrid(request(), snapshot)
    assert isinstance(decision, AdmitHybrid)
    assert (decision.user, decision.terms.hold.money, decision.budgets) == ("ann", Money.of(1), ("tenant",))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"signed": False}, ["bad_proof"], id="not signed"),
        pytest.param({"key": "other"}, ["bad_proof"], id="an id of another key"),
        pytest.param({"project": "mian"}, ["unknown_project"], id="no project"),
        pytest.param({"purpose": " "}, ["missing_metadata"], id="no purpose"),
        pytest.param({"max_time_s": 0}, ["bad_time_limit"], id="no time"),
        pytest.param({"max_time_s": 21_601}, ["bad_time_limit", "bad_delegation"], id="too much time"),
        pytest.param({"max_time_s": 3_601}, ["bad_delegation"], id="longer than its key lives"),
        pytest.param({"retries": 6}, ["bad_retries"], id="too many retries"),
        pytest.param({"file": describe(b"#" * (1 << 20 | 1), PYTHON)}, ["file_too_large"], id="too large"),
        pytest.param({"session": "snone"}, ["unknown_session"], id="no such session"),
        pytest.param({"max_cost": Amount(amount="0.99")}, ["max_cost_exceeded"], id="above its limit"),
        pytest.param({"max_time_s": 501}, ["budget_exceeded"], id="above a budget"),
        pytest.param({"max_time_s": 1001}, ["budget_exceeded", "budget_exceeded"], id="above budget and account"),
    ],
)
def test_a_refusal_has_a_reason(snapshot: HybridSnapshot, changes: dict[str, Any], expected: list[str]) -> None:
    assert codes(request(**changes), snapshot) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"author": Authority("ann", "viewer")}, ["role_forbids"], id="a viewer"),
        pytest.param({"author": Authority("ann", "viewer", "d2")}, ["scope_forbids"], id="a key that reads"),
        pytest.param({"author": Authority("ann", "submitter", "d2", "sim")}, ["scope_forbids"], id="of a project"),
        pytest.param({"author": Authority("bob", "submitter")}, ["bad_delegation"], id="a key of another user"),
        pytest.param({"author": Reason(code="bad_proof", text="no")}, ["bad_proof"], id="an unknown key"),
        pytest.param({"key": Reason(code="bad_delegation", text="no")}, ["bad_delegation"], id="no key for its jobs"),
        pytest.param({"available": Money.of("0.99")}, ["budget_exceeded"], id="too little money"),
        pytest.param({"tariff": Tariff(parse(BOOK))}, ["unpriced"], id="no price"),
    ],
)
def test_it_depends_on_who_asks_and_what_there_is(
    snapshot: HybridSnapshot, changes: dict[str, Any], expected: list[str]
) -> None:
    assert codes(request(), replace(snapshot, **changes)) == expected


async def test_in_a_session_its_hold_is_taken_out_of_the_cap(office: Office, snapshot: HybridSnapshot) -> None:
    await office.open()
    session = (await office.sessions.open("acme", opening())).session
    assert session is not None
    known = office.world.sessions.find("acme", session.session)
    inside = replace(
        snapshot, session=known, cap=Cap(Money.of(1), ("tenant",)), available=Money.zero(), budgets=Budgets()
    )
    decision = admit_hybrid(request(session=session.session), inside)
    assert isinstance(decision, AdmitHybrid)
    assert decision.budgets == ("tenant", budget_of(session.session))
    less = replace(inside, cap=Cap(Money.of("0.99"), ()))
    assert codes(request(session=session.session), less) == ["session_cap"]


async def test_a_session_is_not_idle_while_it_has_a_hybrid_job(office: Office) -> None:
    """It closed after its longest idle time, and the jobs of a hybrid job that calculated for long were refused."""
    await office.open()
    session = (await office.sessions.open("acme", opening(max_idle_s=60))).session
    assert session is not None
    hybrid = hybrid_id("acme", "k1")
    hold = Hold(
        tenant="acme",
        account="main",
        job=hybrid,
        amount=Amount(amount="0.10"),
        budgets=(budget_of(session.session),),
        purpose="hybrid",
    )
    await office.log.append(AccountHeld(source="t", time=office.clock.now(), data=hold))
    await office.catch_up()
    office.clock.advance(120)
    await office.sessions.close_due()
    assert office.log.events(SessionClosed) == []
    assert office.world.others_active("acme", "j1") == 0, "it is not one of the tenant's active jobs"
    zero = Amount(amount="0.00")
    ended = Settlement(tenant="acme", account="main", job=hybrid, held=hold.amount, settled=hold.amount, released=zero)
    await office.log.append(AccountSettled(source="t", time=office.clock.now(), data=ended))
    await office.catch_up()
    office.clock.advance(60)
    await office.sessions.close_due()
    assert [it.data.reason for it in office.log.events(SessionClosed)] == ["idle"]
