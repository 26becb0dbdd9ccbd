"""Grants are burnt by priority, then expiry, then age; and no charge burns more than it is, or than there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import Money
from queuebit_ledger import Credit, burn, expiring

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def credit(amount: int, priority: int = 0, days: int | None = None, sequence: int = 1) -> Credit:
    zero = Money.zero()
    expires = None if days is None else NOW + timedelta(days=days)
    return Credit(Money.of(amount), zero, zero, priority, expires, sequence)


def burnt(grants: dict[str, Credit], charge: int) -> list[tuple[str, str]]:
    return [(name, it.burnt.text()) for name, it in burn(grants, Money.of(charge)).items()]


def test_the_order_is_priority_then_expiry_then_age() -> None:
    grants = {
        "endless": credit(5, 0, None, 1),
        "later": credit(5, 0, 9, 2),
        "sooner": credit(5, 0, 3, 4),
        "sooner-older": credit(5, 0, 3, 3),
        "second": credit(5, 1, 1, 5),
    }
    order = ["sooner-older", "sooner", "later", "endless", "second"]
    assert burnt(grants, 3) == [("sooner-older", "3.00")]
    assert burnt(grants, 12) == [("sooner-older", "5.00"), ("sooner", "5.00"), ("later", "2.00")]
    assert burnt(grants, 100) == [(it, "5.00") for it in order]
    assert burnt(grants, 0) == burnt(grants, -4) == []


CREDITS = st.lists(
    st.builds(credit, st.integers(0, 9), st.integers(0, 2), st.none() | st.integers(-2, 2), st.integers(1, 3)),
    max_size=5,
).map(lambda them: {f"g{number}": it for number, it in enumerate(them)})


@given(CREDITS, st.lists(st.integers(-3, 9), max_size=8))
def test_what_is_burnt_is_what_was_charged_or_all_there_is(grants: dict[str, Credit], charges: list[int]) -> None:
    everything, positive = sum(it.amount.amount for it in grants.values()), sum(max(it, 0) for it in charges)
    for charge in charges:
        grants = {**grants, **burn(grants, Money.of(charge))}
        assert all(0 <= it.burnt.amount <= it.amount.amount for it in grants.values())
    assert sum(it.burnt.amount for it in grants.values()) == min(everything, positive)


def test_other_currencies_are_not_burnt() -> None:
    euros = Credit(Money.of(5, "EUR"), Money.zero("EUR"), Money.zero("EUR"), 0, None, 1)
    assert burn({"g": euros}, Money.of(2)) == {}
    assert expiring([euros, credit(3, days=0), credit(4, days=1)], "USD", NOW) == Money.of(3)
