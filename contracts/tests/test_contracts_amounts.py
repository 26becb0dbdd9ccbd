"""Money on the wire is the money that was meant."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.wire import Amount
from queuebit_kernel import Money


@given(st.decimals(min_value=-(10**17), max_value=10**17, places=12), st.sampled_from(["USD", "EUR"]))
def test_money_survives_the_wire_exactly(amount: Decimal, currency: str) -> None:
    money = Money(amount, currency)
    assert Amount.model_validate_json(Amount.of(money).model_dump_json()).money == money
