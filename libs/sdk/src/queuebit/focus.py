"""Charges as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification: a row for each component of a price."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from queuebit_contracts.focus import COLUMNS as SPECIFIED
from queuebit_contracts.focus import issuer, pricing_currency
from queuebit_kernel.exact import difference, plain, quotient

__all__ = ["COLUMNS", "focus_rows"]

_Row = dict[str, str | None]
_Lines = Mapping[tuple[str, str], Mapping[str, Any]]

COLUMNS: Final = (
    *SPECIFIED,
    "x_Backend",
    "x_Event",
    "x_PriceBook",
    "x_Provisional",
    "x_Reason",
    "x_Sequence",
    "x_User",
)
"""The columns of an export, in their order: those of FOCUS 1.2 that apply, two names of 1.3, and our own (`x_`)."""

_NOTHING: Final = {"consumed": "0", "billed": "0", "amount": "0"}


def focus_rows(bill: Mapping[str, Any]) -> Iterator[_Row]:
    """The rows of a bill or of a correction.

    A correction has one row for each component that it changes, with the signed difference; its charge period is that
    of the job, its billing period the one in which it was made. `ChargeClass` is `Correction` if the job ended in an
    earlier billing period. The sum of `BilledCost` over the rows of a job is its charge.

    Args:
        bill: a row of the question `bills`.
    """
    data, before = bill["data"], bill.get("before")
    lines, old = _lines(data), _lines(before) if before else {}
    for key in dict.fromkeys([*lines, *old]):
        line = _difference(lines.get(key), old.get(key)) if before else lines[key]
        if not before or Decimal(line["amount"]) or Decimal(line["billed"]):
            row = {**_about(bill), **_priced(line, data["charge"]["currency"])}
            yield {**row, **pricing_currency(row, _virtual(line))}


def _lines(data: Mapping[str, Any]) -> _Lines:
    return {(it["price"], it["component"]): it for it in data["charge"].get("lines", ())}


def _difference(new: Mapping[str, Any] | None, old: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A line with what changed. Where the price of a unit changed too, the quantities do not explain the cost."""
    known = new or old or {}
    late, early = new or dict[str, Any](_NOTHING), old or dict[str, Any](_NOTHING)
    changed: dict[str, Any] = {name: _text(difference(Decimal(late[name]), Decimal(early[name]))) for name in _NOTHING}
    before, after = (it.get("credits") for it in (early, late))
    if virtual := after or before:
        amounts = [Decimal(it["amount"]) if it else Decimal(0) for it in (after, before)]
        changed["credits"] = {**virtual, "amount": _text(difference(*amounts))}
    return {**known, **changed}


def _virtual(line: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The unit, the price of a unit and the cost in the virtual currency of a price; None if it has none.

    Nor of a line that bills nothing: the price of a unit does not follow from it.
    """
    virtual, billed = line.get("credits"), Decimal(line["billed"])
    if not virtual or not billed:
        return None
    return virtual["unit"], plain(quotient(Decimal(virtual["amount"]), billed)), virtual["amount"]


def _priced(line: Mapping[str, str], currency: str) -> _Row:
    cost = dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), line["amount"])
    return {
        **cost,
        "BillingCurrency": currency,
        "ConsumedQuantity": line["consumed"],
        "ConsumedUnit": line["unit"],
        "ContractedUnitPrice": line["unit_price"],
        "ListUnitPrice": line["unit_price"],
        "PricingCategory": "Standard",
        "PricingQuantity": line["billed"],
        "PricingUnit": line["unit"],
        "SkuId": line["price"],
        "SkuMeter": line["component"],
        "SkuPriceId": f"{line['price']}/{line['component']}",
    }


def _about(bill: Mapping[str, Any]) -> _Row:
    """All that the rows of one bill have in common."""
    data, at = bill["data"], datetime.fromisoformat(bill["at"])
    used = bill.get("first") or data
    end = datetime.fromisoformat(used.get("ended_at") or used.get("closed_at") or bill["at"])
    start, (period, next_period) = _second(end), _month(at)
    resource, kind = _resource(data)
    corrected = "before" in bill
    return {
        "BillingAccountId": data["tenant"],
        "BillingAccountName": data["tenant"],
        "BillingAccountType": "Tenant",
        "BillingPeriodStart": _moment(period),
        "BillingPeriodEnd": _moment(next_period),
        "ChargeCategory": "Usage",
        "ChargeClass": "Correction" if corrected and start < period else None,
        "ChargeDescription": f"{kind} {resource}" + (f", corrected: {data['reason']}" if corrected else ""),
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _moment(start),
        "ChargePeriodEnd": _moment(start + timedelta(seconds=1)),
        "InvoiceId": None,
        **issuer(),
        "ResourceId": resource,
        "ResourceName": bill.get("label") or resource,
        "ResourceType": kind,
        "ServiceSubcategory": "Serverless Compute" if "hybrid" in data else "Quantum Compute",
        "SubAccountId": data["project"],
        "SubAccountName": data["project"],
        "SubAccountType": "Project",
        "Tags": json.dumps(dict.fromkeys(bill.get("tags") or (), True)),
        "x_Backend": data.get("backend"),
        "x_Event": bill["type"],
        "x_PriceBook": data["price_book"],
        "x_Provisional": str(data.get("final") is False).lower(),
        "x_Reason": data.get("reason"),
        "x_Sequence": str(bill["sequence"]),
        "x_User": bill.get("user") or None,
    }


def _resource(data: Mapping[str, Any]) -> tuple[str, str]:
    """The id and the type of what a bill charges."""
    kinds = (
        *(("hybrid", "Hybrid Job"), ("session", "Session")),
        *(("reservation", "Reservation"), ("job", "Quantum Job")),
    )
    name, kind = next(it for it in kinds if it[0] in data)
    return data[name], kind


def _text(number: Decimal) -> str:
    return f"{number:f}"


def _month(at: datetime) -> tuple[datetime, datetime]:
    start = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return start, (start + timedelta(days=32)).replace(day=1)


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
