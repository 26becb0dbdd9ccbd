"""Ids, digests, money and faults."""

from __future__ import annotations

import json
from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import (
    CurrencyMismatch,
    Fault,
    InvalidId,
    Money,
    Settle,
    canonical,
    digest,
    event_id,
    job_id,
    require_token,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_job_is_named_by_its_tenant_and_key() -> None:
    assert job_id("acme", "k") == job_id("acme", "k")
    assert len({job_id("acme", "k"), job_id("acme", "l"), job_id("evil", "k"), job_id("acm", "ek")}) == 4
    assert require_token(job_id("acme", "any key at all, even\nwith lines"))


@given(st.text(max_size=70))
def test_a_token_never_holds_what_means_something_in_a_subject(text: str) -> None:
    try:
        require_token(text)
    except InvalidId:
        return
    assert text
    assert not set(text) & set(".*> \t\n")


@given(JSON)
def test_the_canonical_form_is_one_form(document: object) -> None:
    once = canonical(document)  # type: ignore[arg-type]  # any JSON
    assert canonical(json.loads(once)) == once


@pytest.mark.parametrize("document", [1.5, {"a": [1, {"b": 0.1}]}, [float("nan")]])
def test_a_float_cannot_be_signed(document: object) -> None:
    with pytest.raises(TypeError, match="decimal string"):
        canonical(document)  # type: ignore[arg-type]  # the point of the test


def test_a_digest_says_its_algorithm() -> None:
    assert digest(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_an_event_id_repeats_only_when_asked() -> None:
    assert event_id("a", "b") == event_id("a", "b") != event_id("ab")
    assert event_id() != event_id()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**12), max_value=10**12))
def test_adding_and_taking_away_is_nothing(amount: Decimal) -> None:
    money = Money(amount)
    assert (money + Money.of("0.000000000001")) - Money.of("0.000000000001") == money


def test_money_is_never_rounded_nor_converted() -> None:
    with pytest.raises(TypeError):
        Money(0.1)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(CurrencyMismatch):
        Money.of(1) + Money.of(1, "EUR")
    with pytest.raises(Inexact):
        Money(Decimal("1e50")) + Money(Decimal("1e-50"))


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1", "1.00"), ("1.5", "1.50"), ("0.000023", "0.000023"), ("100", "100.00"), ("-2.1", "-2.10")],
)
def test_an_amount_is_written_plainly(amount: str, text: str) -> None:
    assert Money.of(amount).text() == text


def test_every_fault_knows_how_it_is_settled() -> None:
    settled = {
        fault.code: fault.settle for fault in Fault.__subclasses__() if fault.__module__ == "queuebit_kernel.faults"
    }
    assert settled == {
        "stale": Settle.RETRY,
        "unavailable": Settle.RETRY_LATER,
        "superseded": Settle.ACKNOWLEDGE,
        "malformed": Settle.BURY,
    }
