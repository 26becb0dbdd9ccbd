"""Exact decimals are compared with fractions, which round nothing."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel.exact import difference, places, plain, product, quotient, rounded, total

NUMBERS = st.builds(
    lambda digits, place: Decimal(digits).scaleb(-place), st.integers(-(10**27), 10**27), st.integers(0, 18)
)


@given(st.lists(NUMBERS, max_size=9))
def test_sums_are_exact_whatever_the_context_of_the_thread(numbers: list[Decimal]) -> None:
    with localcontext(Context(prec=3)):
        assert Fraction(total(numbers)) == sum(map(Fraction, numbers))


@given(NUMBERS, NUMBERS)
def test_differences_and_products_are_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(difference(left, right)) == Fraction(left) - Fraction(right)
    assert Fraction(product(left, right)) == Fraction(left) * Fraction(right)


def test_a_quotient_that_needs_rounding_is_refused() -> None:
    assert quotient(Decimal(1), Decimal(8)) == Decimal("0.125")
    with pytest.raises(Inexact):
        quotient(Decimal(1), Decimal(3))


@given(NUMBERS)
def test_text_has_all_digits_and_no_others(number: Decimal) -> None:
    text = plain(number)
    assert Fraction(text) == Fraction(number)
    assert "E" not in text
    assert text == plain(Decimal(text + "0" if "." in text else text + ".0")), "equal values have equal text"
    assert places(number) == len(text.partition(".")[2])


def test_minus_zero_is_zero() -> None:
    assert plain(Decimal("-0.00")) == "0"


@pytest.mark.parametrize(("value", "expected"), [("0.0000005", "0"), ("0.0000015", "0.000002"), ("-0.0000005", "0")])
def test_a_half_is_rounded_to_even(value: str, expected: str) -> None:
    assert plain(rounded(Decimal(value), 6)) == expected


def test_rounding_knows_no_limit_of_28_digits() -> None:
    assert plain(rounded(Decimal("1234567890123456789012345678.12345678"), 6)) == "1234567890123456789012345678.123457"
