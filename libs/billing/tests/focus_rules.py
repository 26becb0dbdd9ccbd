"""Rules of FOCUS 1.2, checked on rows: those of the specification that bear on charges, in our own words.

Written from the specification's text and its machine-readable model (1.2, June 2025). A row is text by column, None
where a cell is empty.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

__all__ = ["broken"]

Row = Mapping[str, str | None]

ALWAYS = (
    *(
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingCurrency",
        "BillingPeriodStart",
        "BillingPeriodEnd",
    ),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodStart", "ChargePeriodEnd", "ContractedCost"),
    *(
        "EffectiveCost",
        "InvoiceIssuerName",
        "ListCost",
        "PricingQuantity",
        "PricingUnit",
        "ProviderName",
        "PublisherName",
    ),
    *("ServiceCategory", "ServiceName"),
)
MAY_BE_NULL = {"BillingAccountName", "ChargeClass", "ChargeDescription", "PricingQuantity", "PricingUnit"}
COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
NUMBERS = (
    *COSTS,
    "ConsumedQuantity",
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingQuantity",
    "PricingCurrencyEffectiveCost",
)
TIMES = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
CATEGORIES = {"Usage", "Purchase", "Tax", "Credit", "Adjustment"}
FREQUENCIES = {"One-Time", "Recurring", "Usage-Based"}
PRICING = {"Standard", "Dynamic", "Committed", "Other"}
SERVICES = {("Compute", "Quantum Compute"), ("Compute", "Serverless Compute")}
"""The pairs that are ours."""
OF_1_3 = {"HostProviderName", "ServiceProviderName"}


def broken(rows: Sequence[Row], totals: Mapping[tuple[str, str], Decimal]) -> list[str]:
    """The rules that rows break, each with the number of its row.

    Args:
        rows: of one export.
        totals: of each invoice in it, by its number and currency.
    """
    found = [f"row {place}: {it}" for place, row in enumerate(rows) for it in (*_presence(row), *_row(row))]
    billed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["InvoiceId"]:
            billed[row["InvoiceId"], row["BillingCurrency"] or ""] += Decimal(row["BilledCost"] or 0)
    if dict(billed) != {key: it for key, it in totals.items() if key in billed or it}:
        found.append(f"BilledCost of an invoice sums to its total: {dict(billed)} is not {dict(totals)}")
    return found


def _presence(row: Row) -> Iterator[str]:
    for column in ALWAYS:
        if column not in row:
            yield f"{column} is there"
        elif row[column] is None and column not in MAY_BE_NULL:
            yield f"{column} is not null"
    for column in row:
        plain = re.fullmatch(r"([A-Z][A-Za-z]*)+", column)
        if not (plain or re.fullmatch(r"x_([A-Z][A-Za-z]*)+", column)):
            yield f"{column}: columns are in Pascal case, own ones with x_"


def _row(row: Row) -> Iterator[str]:
    yield from _formats(row)
    yield from _periods(row)
    yield from _categories(row)
    yield from _prices(row)
    yield from _currencies(row)


def _formats(row: Row) -> Iterator[str]:
    for column in NUMBERS:
        value = row.get(column)
        if value is not None and not re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", value):
            yield f"{column} is a number: {value}"
    for column in TIMES:
        value = row.get(column) or ""
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
            yield f"{column} is a time in UTC with whole seconds and Z: {value}"
    if not re.fullmatch(r"[A-Z]{3}", row.get("BillingCurrency") or ""):
        yield "BillingCurrency is a code of ISO 4217"
    for column in ("Tags", "SkuPriceDetails"):
        if row.get(column) is not None and not isinstance(json.loads(row[column] or ""), dict):
            yield f"{column} is a JSON object"
    for column in ("PricingUnit", "ConsumedUnit"):
        unit = row.get(column)
        if unit is not None and not re.fullmatch(r"([A-Z][a-z0-9]*-)*[A-Z][a-z0-9]*s", unit):
            yield f"{column} is capitalised and plural: {unit}"


def _periods(row: Row) -> Iterator[str]:
    start, end, charge_start, charge_end = (datetime.fromisoformat(row[it] or "") for it in TIMES)
    if end <= start or charge_end <= charge_start:
        yield "the end of a period is exclusive, and after its start"
    if charge_start < start and row["ChargeCategory"] == "Usage" and row["ChargeClass"] != "Correction":
        yield "a charge of an earlier billing period is a Correction"
    if row["ChargeClass"] == "Correction" and charge_end > start:
        yield "a Correction is of a billing period that was invoiced before"


def _categories(row: Row) -> Iterator[str]:
    category = row["ChargeCategory"]
    if category not in CATEGORIES:
        yield f"ChargeCategory {category}"
    if row["ChargeClass"] not in (None, "Correction"):
        yield f"ChargeClass {row['ChargeClass']}"
    if row.get("ChargeFrequency") not in FREQUENCIES:
        yield f"ChargeFrequency {row.get('ChargeFrequency')}"
    if category == "Purchase" and row.get("ChargeFrequency") == "Usage-Based" and row.get("x_Agreement") is None:
        yield "a Purchase is not Usage-Based"
    if (row["ServiceCategory"], row.get("ServiceSubcategory")) not in SERVICES:
        yield "ServiceCategory and ServiceSubcategory are an allowed pair"
    if row.get("PricingCategory") is not None and row["PricingCategory"] not in PRICING:
        yield f"PricingCategory {row['PricingCategory']}"
    if (row.get("SubAccountId") is None) != (row.get("SubAccountType") is None):
        yield "SubAccountType is null exactly when SubAccountId is"
    if row.get("ResourceId") is None and (row.get("ResourceName") or row.get("ResourceType")):
        yield "ResourceName and ResourceType are null when ResourceId is"


def _currencies(row: Row) -> Iterator[str]:
    """Columns of the pricing currency: all are there, or none is."""
    columns = [it for it in row if it.startswith("PricingCurrency")]
    if len(columns) != 4:
        yield f"the columns of the pricing currency are four: {columns}"
        return
    unit, cost = row["PricingCurrency"], row["PricingCurrencyEffectiveCost"]
    if unit is None or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", unit):
        yield f"PricingCurrency is a national or virtual currency, and not null: {unit}"
    if cost is None:
        yield "PricingCurrencyEffectiveCost is not null"
    needed = row["ChargeCategory"] in ("Usage", "Purchase") and row["ChargeClass"] != "Correction"
    for kind in ("Contracted", "List"):
        column = f"PricingCurrency{kind}UnitPrice"
        price = row[column]
        if price is None and needed:
            yield f"{column} is not null on {row['ChargeCategory']}"
        elif price is not None and needed and Decimal(price) < 0:
            yield f"{column} is not negative"
        quantity = row.get("PricingQuantity")
        known = price is not None and quantity is not None and cost is not None
        if needed and known and Decimal(price or 0) * Decimal(quantity or 0) != Decimal(cost or 0):
            yield f"{column} times PricingQuantity is PricingCurrencyEffectiveCost, where nothing is reduced"
    if unit == row["BillingCurrency"] and cost is not None and Decimal(cost) != Decimal(row.get("EffectiveCost") or 0):
        yield "PricingCurrencyEffectiveCost is EffectiveCost in the same currency"


def _prices(row: Row) -> Iterator[str]:
    category, corrected = row["ChargeCategory"], row["ChargeClass"] == "Correction"
    if category == "Tax" and row["PricingQuantity"] is not None:
        yield "PricingQuantity is null on Tax"
    if category in ("Usage", "Purchase") and not corrected:
        for column in ("PricingQuantity", "PricingUnit", "SkuId", "SkuPriceId", "PricingCategory", "ListUnitPrice"):
            if row.get(column) is None:
                yield f"{column} is not null on {category}"
    if category != "Usage" and (row.get("ConsumedQuantity") or row.get("ConsumedUnit")):
        yield "ConsumedQuantity and ConsumedUnit are null where nothing is used"
    for left, right in (("ConsumedQuantity", "ConsumedUnit"), ("PricingQuantity", "PricingUnit")):
        if (row.get(left) is None) != (row.get(right) is None):
            yield f"{left} and {right} are null together"
    for kind in ("Contracted", "List"):
        price, quantity = row.get(f"{kind}UnitPrice"), row["PricingQuantity"]
        if price is None or quantity is None or corrected:
            continue
        if Decimal(price) < 0:
            yield f"{kind}UnitPrice is not negative"
        try:
            cost = Decimal(price) * Decimal(quantity)
        except InvalidOperation:
            continue
        if cost != Decimal(row[f"{kind}Cost"] or 0):
            yield f"{kind}UnitPrice times PricingQuantity is {kind}Cost: {cost}"
