"""Names of periods and numbers of invoices."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.invoice import credit_number, invoice_number, number_parts, period_dates, period_name

DAYS = st.dates(max_value=date(9998, 1, 1))


@given(start=DAYS, days=st.integers(1, 400))
def test_a_period_has_one_name_and_reads_as_it_was_written(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    assert period_dates(period_name(start, end)) == (start, end)


def test_a_calendar_month_has_a_short_name() -> None:
    assert period_name(date(2026, 12, 1), date(2027, 1, 1)) == "2026-12"
    assert period_dates("2026-02") == (date(2026, 2, 1), date(2026, 3, 1))
    assert period_name(*period_dates("0999-01")) == "0999-01"
    assert period_name(*period_dates("9999-12-01_9999-12-31")) == "9999-12-01_9999-12-31"


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026", "2026-13", "2026-00", "2026-1", "2026-11-01", "2026-11-02_2026-11-02", "2026-11-31_2026-12-02"),
        "\u0662\u0660\u0662\u0666-\u0661\u0661",
    ],
)
def test_what_is_no_period_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write a month such as 2026-11"):
        period_dates(text)


@pytest.mark.parametrize("tenant", ["acme", "acme-2026", "a-2026-11"])
@pytest.mark.parametrize("period", ["2026-11", "2026-11-01_2026-11-15"])
def test_a_number_says_whose_invoice_it_is(tenant: str, period: str) -> None:
    assert number_parts(invoice_number(tenant, period)) == (tenant, period)
    with pytest.raises(ValueError, match="qb invoice list"):
        number_parts(credit_number(invoice_number(tenant, period), 1))
