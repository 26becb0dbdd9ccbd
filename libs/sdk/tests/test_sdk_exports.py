"""Charges as files: exact, complete over pages, and in the columns of FOCUS 1.2."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from queuebit.charge_exports import FORMS, exported
from queuebit.focus import COLUMNS, focus_rows

ALWAYS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd"),
    *("ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity"),
    *("PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
)
"""Columns that a dataset of FOCUS 1.2 always has, by its requirements model (FinOps Foundation, CC BY 4.0)."""

NULLABLE = {"BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"}


def line(component: str, billed: str, price: str, amount: str) -> dict[str, str]:
    fields = {"price": "aer-2026", "component": component, "unit": f"{component.title()}s", "consumed": billed}
    return {**fields, "billed": billed, "unit_price": price, "amount": amount}


def charge(amount: str, *lines: dict[str, str]) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD", "jbu": "1", "lines": [*lines]}


FIRST = {
    "tenant": "acme",
    "project": "main",
    "job": "j1",
    "state": "completed",
    "backend": "aer",
    "charge": charge("0.35", line("task", "1", "0.30", "0.30"), line("shot", "1000", "0.00005", "0.05")),
    "price_book": "sha256:0",
    "ended_at": "2026-10-31T23:59:59.900000Z",
}
BILL = {"sequence": 7, "at": "2026-11-01T00:00:00.100000Z", "type": "qb.job.metered.v1", "job": "j1", "data": FIRST}
KNOWN = {"user": "ann", "label": "bell", "tags": ["t1"]}


def correction(at: str = "2026-11-02T10:00:00Z") -> dict[str, Any]:
    moved = {"amount": "-0.01", "currency": "USD", "jbu": "0"}
    changed = charge("0.34", line("task", "1", "0.30", "0.30"), line("shot", "800", "0.00005", "0.04"))
    data = {**FIRST, "charge": changed, "delta": moved, "reason": "=fewer shots", "final": True}
    del data["state"], data["ended_at"]
    row = {"sequence": 9, "at": at, "type": "qb.job.corrected.v1", "job": "j1", "data": data}
    return {**row, **KNOWN, "before": FIRST, "first": FIRST}


def rows_of(*bills: dict[str, Any]) -> list[dict[str, str | None]]:
    return [row for bill in bills for row in focus_rows({**KNOWN, **bill})]


def test_a_component_of_a_price_is_a_row_and_explains_its_cost() -> None:
    rows = rows_of(BILL)
    assert [it["SkuPriceId"] for it in rows] == ["aer-2026/task", "aer-2026/shot"]
    for row in rows:
        assert {*row} == {*COLUMNS}
        assert {*ALWAYS} <= {*row}
        assert [name for name in ALWAYS if row[name] is None and name not in NULLABLE] == []
        assert Decimal(str(row["PricingQuantity"])) * Decimal(str(row["ListUnitPrice"])) == Decimal(
            str(row["ListCost"])
        )
    (first, _) = rows
    assert (first["BillingPeriodStart"], first["BillingPeriodEnd"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")
    assert (first["ChargePeriodStart"], first["ChargePeriodEnd"]) == ("2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z")
    assert (first["ChargeCategory"], first["ChargeClass"]) == ("Usage", None)
    assert (first["ServiceCategory"], first["ServiceSubcategory"]) == ("Compute", "Quantum Compute")
    assert json.loads(str(first["Tags"])) == {"t1": True}
    assert (first["BillingAccountId"], first["SubAccountId"], first["x_User"]) == ("acme", "main", "ann")


def test_a_correction_has_rows_of_its_own_that_add_up_to_the_charge() -> None:
    (row,) = rows_of(correction())
    assert (row["SkuMeter"], row["BilledCost"], row["PricingQuantity"]) == ("shot", "-0.01", "-200")
    assert (row["ChargeClass"], row["ChargePeriodStart"]) == ("Correction", "2026-10-31T23:59:59Z")
    assert row["BillingPeriodStart"] == "2026-11-01T00:00:00Z"
    assert sum(Decimal(str(it["BilledCost"])) for it in rows_of(BILL, correction())) == Decimal("0.34")


def test_a_correction_in_the_period_of_its_job_is_none_of_an_invoice() -> None:
    (row,) = rows_of(correction(at="2026-10-31T23:59:59.950000Z"))
    assert row["ChargeClass"] is None


def test_a_component_that_a_correction_takes_away_is_refunded() -> None:
    later = correction()
    later["data"]["charge"]["lines"].pop()
    (row,) = rows_of(later)
    assert (row["SkuMeter"], row["BilledCost"], row["PricingQuantity"]) == ("shot", "-0.05", "-1000")


def test_a_session_that_was_idle_is_a_resource_too() -> None:
    data = {**FIRST, "session": "s1", "closed_at": "2026-11-01T00:00:00Z"}
    del data["job"], data["ended_at"]
    row = rows_of({**BILL, "type": "qb.session.metered.v1", "data": data})[0]
    assert (row["ResourceId"], row["ResourceType"]) == ("s1", "Session")


def test_a_reservation_is_a_resource_with_a_line_for_used_and_for_idle_time() -> None:
    lines = [line("reserved_second", "10", "0.01", "0.1"), line("reserved_idle_second", "20", "0.01", "0.2")]
    data = {**FIRST, "reservation": "r1", "charge": charge("0.3", *lines)}
    del data["job"]
    found = rows_of({**BILL, "type": "qb.reservation.metered.v1", "job": "", "data": data})
    assert [(it["ResourceId"], it["ResourceType"], it["SkuMeter"], it["BilledCost"]) for it in found] == [
        ("r1", "Reservation", "reserved_second", "0.1"),
        ("r1", "Reservation", "reserved_idle_second", "0.2"),
    ]


def test_the_own_time_of_a_hybrid_job_is_no_quantum_computing() -> None:
    data = {**FIRST, "hybrid": "h1", "charge": charge("0.00425", line("classical_second", "42.5", "0.0001", "0.00425"))}
    del data["job"], data["backend"]
    (row,) = rows_of({**BILL, "type": "qb.hybrid.metered.v1", "job": "", "data": data})
    assert (row["ResourceId"], row["ResourceType"]) == ("h1", "Hybrid Job")
    assert (row["ServiceSubcategory"], row["SkuMeter"]) == ("Serverless Compute", "classical_second")
    assert (row["BilledCost"], row["ChargePeriodStart"]) == ("0.00425", "2026-10-31T23:59:59Z")


async def whole(form: str, *pages: Sequence[dict[str, Any]], **wanted: object) -> tuple[str, list[dict[str, object]]]:
    asked, left = list[dict[str, object]](), [*pages]

    async def ask(**fields: object) -> Sequence[dict[str, Any]]:
        asked.append(fields)
        return left.pop(0) if left else []

    return b"".join([it async for it in exported(ask, form, **wanted)]).decode(), asked


@pytest.mark.parametrize("form", FORMS)
async def test_pages_follow_one_another_until_there_is_none(form: str) -> None:
    bills = [{**BILL, **KNOWN, "sequence": number} for number in (9, 8, 7)]
    text, asked = await whole(form, bills[:2], bills[2:], project="main", since="2026-11-01T00:00:00Z")
    assert [it["before"] for it in asked] == [None, 8, 7]
    assert {it["project"] for it in asked} == {"main"}
    if form == "jsonl":
        assert [json.loads(it)["sequence"] for it in text.splitlines()] == [9, 8, 7]
    else:
        column = "sequence" if form == "csv" else "x_Sequence"
        assert [*dict.fromkeys(it[column] for it in csv.DictReader(io.StringIO(text)))] == ["9", "8", "7"]


@pytest.mark.parametrize("form", ["csv", "focus"])
async def test_nothing_charged_is_a_file_with_a_head_alone(form: str) -> None:
    text, _ = await whole(form)
    assert text.count("\r\n") == 1


@pytest.mark.parametrize("form", ["csv", "focus"])
async def test_no_text_of_a_person_is_a_formula_in_a_spreadsheet(form: str) -> None:
    text, _ = await whole(form, [{**BILL, **KNOWN, "label": "=1+1"}, correction()])
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert "'=1+1" in cells
    assert [it for it in cells if it.startswith("=")] == []
    assert "-0.01" in cells  # an amount is a number
