"""Turns validation errors into instructions for the editor of the book."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from queuebit_pricing.agreement_terms import Agreement, Allowance, Discount, Included, Step, Subscription, Tier
from queuebit_pricing.errors import Problem
from queuebit_pricing.listing import Credits, Duration, Listing, Minimum, Weights

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["CLASH", "explain", "place"]

CLASH = "clash"
"""The error type of conflicts between prices, which are reported separately."""

_SPELLING = {
    "id": 'use lower-case letters, digits, "-" and ".", such as "aer-2026-11"',
    "backend": 'write a backend\'s id such as "aer", or a common prefix and one "*" at the end, such as '
    '"emulated-ibm-*"; "*" alone would price backends that were never reviewed',
    "version": 'write the date of the edition, such as "2026-11-01"',
    "tenant": 'write the name of a tenant, or "*" for all',
    "prices": 'write the id of a price, a common prefix and one "*" at the end, or "*" for all',
    "component": 'write the name of a component as lines have it, such as "second"',
    "unit": 'write a name such as "HQC"',
    "window": 'write "month", or a number of days such as "28d"',
    "currency": 'write three capital letters, such as "USD"',
}

_ADVICE = {
    "timezone_aware": "has no time zone: write it in UTC, such as 2026-11-01T00:00:00Z",
    "model_type": 'must be a table, such as { amount = "1.60", quantum = "1" }',
    "tuple_type": "must be a list: write [[price]] above each price",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}

_KEYS: dict[str, type[BaseModel]] = {
    "price": Listing,
    "per_second": Duration,
    "per_qubit_second": Duration,
    "jbu": Weights,
    "minimum": Minimum,
    "credits": Credits,
    "agreement": Agreement,
    "discount": Discount,
    "allowance": Allowance,
    "subscription": Subscription,
    "included": Included,
    "tier": Tier,
    "steps": Step,
}

_ROWS = {"price", "agreement"}
"""The tables of rows that have ids."""


def place(index: int, row_id: object, table: str = "price") -> str:
    """Name a row by its table, its position and, if it has one, its id."""
    return f"{table} {index + 1} ({row_id})" if isinstance(row_id, str) else f"{table} {index + 1}"


def explain(error: ValidationError, document: Mapping[str, object]) -> list[Problem]:
    """Return the position of each error in the document, and what to do."""
    faults = error.errors()
    return [_explain(fault, document) for fault in faults if fault["type"] != CLASH and not _echoes(fault, faults)]


def _echoes(fault: ErrorDetails, faults: list[ErrorDetails]) -> bool:
    """Whether a list is too short only because its entries were refused, which is reported already."""
    path = fault["loc"]
    return fault["type"] == "too_short" and any(
        len(other["loc"]) > len(path) and other["loc"][: len(path)] == path for other in faults
    )


def _explain(fault: ErrorDetails, document: Mapping[str, object]) -> Problem:
    *path, key = fault["loc"] or ("book",)
    keys = [str(part) for part in (*path, key)]
    what = _advice(fault["type"], fault["msg"], keys)
    if len(keys) < 2 or keys[0] not in _ROWS or not keys[1].isdigit():
        return Problem(".".join(keys), what, fault["loc"])
    rows = document[keys[0]]
    row = rows[int(keys[1])] if isinstance(rows, list) else None
    name = place(int(keys[1]), row.get("id") if isinstance(row, Mapping) else None, keys[0])
    inside = [] if fault["type"] in ("no_component", "no_rule", "credit_places", "two_clocks") else keys[2:]
    return Problem(", ".join([name, ".".join(inside)]) if inside else name, what, fault["loc"])


def _advice(kind: str, message: str, keys: list[str]) -> str:
    if kind == "missing":
        return "is missing: add it (see pricebook.schema.json)"
    if kind == "extra_forbidden":
        if keys[-1] == "currency":
            return "a book has one currency, above its prices: put prices in another currency into a book of their own"
        return f"is not a key of a price book: {_instead(keys)}"
    if kind == "string_pattern_mismatch" and keys[-1] in _SPELLING:
        return _SPELLING[keys[-1]]
    return _ADVICE.get(kind, message)


def _instead(keys: list[str]) -> str:
    table = next((name for name in reversed(keys[:-1]) if name in _KEYS), None)
    known = list(_KEYS[table].model_fields) if table else ["version", "currency", "price", "agreement"]
    close = get_close_matches(keys[-1], known, n=1)
    return f"did you mean {close[0]}?" if close else f"remove it, or use one of {', '.join(known)}"
