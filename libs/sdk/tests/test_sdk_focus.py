"""Corrections as rows of FOCUS are exact."""

from __future__ import annotations

from queuebit.focus import focus_rows


def test_the_difference_of_a_correction_has_all_its_digits() -> None:
    def data(amount: str) -> dict[str, object]:
        line = {"price": "p1", "component": "shot", "unit": "Shots", "unit_price": "1", "consumed": amount}
        charge = {"currency": "USD", "lines": [{**line, "billed": amount, "amount": amount}]}
        ids = {"tenant": "acme", "project": "main", "job": "j1", "state": "completed", "price_book": "sha256:0"}
        times = {"submitted_at": "2026-11-03T09:00:00+00:00", "ended_at": "2026-11-03T09:01:00+00:00"}
        return {**ids, **times, "charge": charge, "reason": "a test", "final": True}

    bill = {
        "type": "qb.job.corrected.v1",
        "sequence": 9,
        "at": "2026-11-07T09:00:00+00:00",
        "data": data("123456789012345678.000000000000000001"),
        "before": data("1"),
    }
    (row,) = focus_rows(bill)
    assert row["BilledCost"] == "123456789012345677.000000000000000001"


def _bill(*lines: dict[str, object], **more: object) -> dict[str, object]:
    ids = {"tenant": "acme", "project": "main", "job": "j1", "state": "completed", "price_book": "sha256:0"}
    times = {"submitted_at": "2026-11-03T09:00:00+00:00", "ended_at": "2026-11-03T09:01:00+00:00"}
    data = {**ids, **times, "charge": {"currency": "USD", "lines": [*lines]}, "reason": "a test", "final": True}
    return {"type": "qb.job.metered.v1", "sequence": 9, "at": "2026-11-07T09:00:00+00:00", "data": data, **more}


def _gates(billed: str, amount: str, credits_: str) -> dict[str, object]:
    about = {"price": "hqc-1", "component": "gate_2q", "unit": "Gate-Shots", "unit_price": "0.24"}
    virtual = {"unit": "HQC", "amount": credits_}
    return {**about, "consumed": billed, "billed": billed, "amount": amount, "credits": virtual}


def _currency(row: dict[str, str | None]) -> list[str | None]:
    names = ("", "ContractedUnitPrice", "EffectiveCost", "ListUnitPrice")
    return [row[f"PricingCurrency{it}"] for it in names]


def test_a_line_in_credits_names_its_currency_and_what_it_costs_there() -> None:
    (row,) = focus_rows(_bill(_gates("2000", "480", "4")))
    assert _currency(row) == ["HQC", "0.002", "4", "0.002"]
    assert (row["BillingCurrency"], row["BilledCost"], row["ListUnitPrice"]) == ("USD", "480", "0.24")


def test_other_lines_are_priced_in_the_currency_in_which_they_are_billed() -> None:
    line = {"price": "p1", "component": "shot", "unit": "Shots", "unit_price": "0.5", "consumed": "8", "billed": "8"}
    (row,) = focus_rows(_bill({**line, "amount": "4"}))
    assert _currency(row) == ["USD", "0.5", "4", "0.5"]
    (free,) = focus_rows(_bill(_gates("0", "0", "0")))
    assert _currency(free) == ["USD", "0.24", "0", "0.24"]


def test_a_correction_has_the_difference_in_credits() -> None:
    before = _bill(_gates("2000", "480", "4"))["data"]
    (row,) = focus_rows({**_bill(_gates("1500", "360", "3")), "before": before})
    assert _currency(row) == ["HQC", "0.002", "-1", "0.002"]
