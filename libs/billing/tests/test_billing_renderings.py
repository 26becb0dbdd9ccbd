"""CSV and FOCUS 1.2 of an invoice: every line, and the same sums; and the rules of FOCUS find what is wrong."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_billing import AgreementLine, Bounds, Document, Earlier, Heading, Party, Usage, build, faults, read
from queuebit_billing.focus import COLUMNS, as_focus, focus_rows
from queuebit_billing.queries import UsageSum
from queuebit_billing.tabular import as_csv
from queuebit_kernel import Malformed
from queuebit_pricing import UNITS, parse
from queuebit_pricing.listing import Component

from .focus_rules import broken

DIGEST = "sha256:" + "a" * 64
BOUNDS = Bounds("acme", "2026-11", 9, (Earlier("2026-10", date(2026, 11, 1), 4),))

PRICES = st.decimals("0", "1000", places=12)
QUANTITIES = st.decimals("-1000000", "1000000", places=6)


def usage(
    origin: int, price: str, component: Component, unit_price: Decimal, quantity: Decimal, currency: str
) -> UsageSum:
    amount = unit_price * quantity
    return UsageSum(
        origin, "main", price, component, UNITS[component], currency, unit_price, quantity, amount, 3, DIGEST
    )


def reduction(kind: str, unit_price: str, quantity: str, *, late: bool = False) -> AgreementLine:
    return AgreementLine(
        period="2026-10" if late else "2026-11",
        correction=late,
        agreement="volume",
        kind=kind,
        project="main",
        price="p1",
        component="shot",
        currency="USD",
        quantity=quantity,
        unit_price=unit_price,
        amount=f"{Decimal(unit_price) * Decimal(quantity):f}",
    )


SUMS = st.lists(
    st.builds(
        usage,
        st.sampled_from([0, 1]),
        st.sampled_from(["p1", "p2"]),
        st.sampled_from(["shot", "qubit_second"]),
        PRICES,
        QUANTITIES,
        st.sampled_from(["USD", "EUR"]),
    ),
    unique_by=lambda it: (it.origin, it.price, it.component, it.currency, it.unit_price),
    max_size=6,
)
AGREED = st.lists(
    st.sampled_from([reduction("discount", "-0.0000001", "7"), reduction("subscription", "12.5", "1")]), unique=True
)
DOCUMENTS = st.builds(
    lambda sums, agreed: build(BOUNDS, Usage(sums, 9), agreed, DIGEST, Heading(Party(name="Example"))), SUMS, AGREED
)


@given(document=DOCUMENTS)
def test_every_rendering_has_the_sums_of_the_document(document: Document) -> None:
    assert faults(document) == []
    assert read(document.to_bytes()) == document
    rows = [*csv.DictReader(io.StringIO(as_csv(document).decode()))]
    costs = [*csv.DictReader(io.StringIO(as_focus(document).decode()))]
    for total in document.totals:
        assert sum(Decimal(it["amount"]) for it in rows if it["currency"] == total.currency) == Decimal(
            total.usage
        ) + Decimal(total.agreements)
        assert sum(Decimal(it["BilledCost"]) for it in costs if it["BillingCurrency"] == total.currency) == Decimal(
            total.total
        )
    assert len(rows) == len(document.lines) + len(document.agreed)


@given(document=DOCUMENTS)
def test_rows_keep_the_rules_of_focus(document: Document) -> None:
    totals = {(document.number, it.currency): Decimal(it.total) for it in document.totals}
    assert broken([*focus_rows(document)], totals) == []


@pytest.mark.parametrize("component", UNITS)
def test_units_are_those_of_the_facts(component: Component) -> None:
    used = usage(1, "p1", component, Decimal(1), Decimal(2), "USD")
    (row,) = focus_rows(build(BOUNDS, Usage([used], 1), [], DIGEST))
    assert (row["ConsumedUnit"], row["PricingUnit"]) == (UNITS[component], UNITS[component])


def good() -> list[dict[str, Any]]:
    sums = [(0, Decimal(-2)), (1, Decimal(8))]
    found = [usage(origin, "p1", "shot", Decimal("0.5"), quantity, "USD") for origin, quantity in sums]
    document = build(BOUNDS, Usage(found, 4), [reduction("allowance", "-0.5", "2")], DIGEST)
    return [dict(it) for it in focus_rows(document)]


@pytest.mark.parametrize(
    ("place", "change", "rule"),
    [
        (0, {"BilledCost": "4.1"}, "sums to its total"),
        (0, {"ListCost": "4.1"}, "ListUnitPrice times"),
        (0, {"ContractedUnitPrice": "0.51"}, "ContractedUnitPrice times"),
        (0, {"BillingCurrency": "usd"}, "ISO 4217"),
        (0, {"ChargeCategory": "Use"}, "ChargeCategory"),
        (0, {"ChargeClass": "Fix"}, "ChargeClass"),
        (0, {"ChargeClass": "Correction"}, "was invoiced before"),
        (1, {"ChargeClass": None}, "is a Correction"),
        (0, {"ServiceSubcategory": "Quantum"}, "allowed pair"),
        (0, {"ProviderName": None}, "ProviderName is not null"),
        (0, {"SkuPriceId": None}, "SkuPriceId is not null"),
        (0, {"PricingQuantity": None}, "PricingQuantity is not null"),
        (0, {"ChargePeriodStart": "2026-11-01T00:00:00.5Z"}, "whole seconds"),
        (0, {"ChargePeriodEnd": "2026-11-01T00:00:00Z"}, "exclusive"),
        (0, {"PricingUnit": "shot"}, "capitalised and plural"),
        (0, {"Tags": "[]"}, "JSON object"),
        (0, {"ListCost": "4,0"}, "is a number"),
        (0, {"x_own": "1"}, "Pascal case"),
        (2, {"ConsumedQuantity": "1"}, "where nothing is used"),
    ],
)
def test_a_row_that_breaks_a_rule_of_focus_is_found(place: int, change: dict[str, str | None], rule: str) -> None:
    totals = {("acme-2026-11", "USD"): Decimal(2)}
    rows = good()
    assert broken(rows, totals) == []
    rows[place] |= change
    try:
        found = broken(rows, totals)
    except ArithmeticError:
        found = ["is a number"]
    assert any(rule in it for it in found), found


def test_a_missing_column_is_found() -> None:
    rows = good()
    del rows[0]["EffectiveCost"]
    assert "row 0: EffectiveCost is there" in broken(rows, {("acme-2026-11", "USD"): Decimal(2)})
    assert tuple(rows[1]) == COLUMNS


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version":2}'])
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed, match="not an invoice"):
        read(content)


def test_a_document_in_another_form_is_refused() -> None:
    document = build(BOUNDS, Usage([], 0), [], DIGEST)
    with pytest.raises(Malformed, match="not canonical"):
        read(document.to_bytes().replace(b":", b": ", 1))


HQC = parse("""
version = "2026-11-01"
currency = "USD"
[[price]]
id = "hqc-1"
backend = "device"
valid_from = 2026-01-01T00:00:00Z
source = "test"
as_of = 2026-01-01
confidence = "high"
per_gate_2q = "0.002"
minimum = { amount = "5", rule = "base" }
credits = { unit = "HQC", price = "120" }
""")


def test_lines_in_a_virtual_currency_name_it_with_the_price_and_the_cost_in_it() -> None:
    used = [
        usage(0, "hqc-1", "gate_2q", Decimal("0.24"), Decimal(2000), "USD"),
        usage(0, "hqc-1", "base", Decimal(600), Decimal(3), "USD"),
        usage(0, "p1", "shot", Decimal("0.5"), Decimal(2), "USD"),
    ]
    document = build(BOUNDS, Usage(used, 9), [], DIGEST)
    names = ("", "ListUnitPrice", "ContractedUnitPrice", "EffectiveCost")
    rows = [*focus_rows(document, HQC)]
    found = {str(it["SkuPriceId"]): [it[f"PricingCurrency{name}"] for name in names] for it in rows}
    assert found == {
        "hqc-1/gate_2q": ["HQC", "0.002", "0.002", "4"],
        "hqc-1/base": ["HQC", "5", "5", "15"],
        "p1/shot": ["USD", "0.5", "0.5", "1"],
    }
    totals = {(document.number, it.currency): Decimal(it.total) for it in document.totals}
    assert broken(rows, totals) == []
    assert {it["PricingCurrency"] for it in focus_rows(document)} == {"USD"}, "without a book, it is not known"
