"""Allocated + idle + overhead = total: the views against a computation by hand, on the real engine."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings

from queuebit_contracts.tables import views

from .histories import EXACT, START, Charged, entries, histories, messages
from .warehouse import Warehouse

pytestmark = pytest.mark.server

_numbers = count()
_ALLOCATION = """
SELECT
    category, project, user, tag, dateDiff('day', {start:Date}, day) AS day,
    sum(quantity) AS quantity, sum(amount) AS amount
FROM allocation WHERE tenant = {tenant:String} GROUP BY ALL
"""
_CHARGES = "SELECT kind, id, sum(amount) AS amount FROM charges WHERE tenant = {tenant:String} GROUP BY ALL"

_Key = tuple[str, str, str, str, int]
"""Category, project, user, tag and day."""


def _by_hand(history: list[Charged]) -> dict[_Key, tuple[int, int]]:
    sums: dict[_Key, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for it in entries(history):
        key = (it.category, it.project, it.user, it.tag, it.day)
        sums[key] = (sums[key][0] + it.quantity, sums[key][1] + it.amount)
    return dict(sums)


def _whole(text: str, places: int) -> int:
    return int(EXACT.scaleb(Decimal(text), places))


@settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_charges_are_allocated_idle_or_overhead_and_add_up_to_the_last_digit(
    warehouse: Warehouse, history: list[Charged]
) -> None:
    tenant = f"t{next(_numbers)}"
    warehouse.fill(messages(tenant, history), twice=True)
    rows = warehouse.ask(_ALLOCATION, {"tenant": tenant, "start": f"{START:%Y-%m-%d}"})
    found: dict[_Key, tuple[int, int]] = {
        (it["category"], it["project"], it["user"], it["tag"], it["day"]):
            (_whole(it["quantity"], 18), _whole(it["amount"], 36))
        for it in rows
    }  # fmt: skip
    assert found == _by_hand(history)
    billed = sum(_whole(it["amount"], 36) for it in warehouse.ask(_CHARGES, {"tenant": tenant}))
    assert billed == sum(_whole(f"{it.bills[-1].amount:f}", 36) for it in history)
    overhead = sum(amount for (category, *_), (_, amount) in found.items() if category == "overhead")
    assert sum(amount for _, amount in found.values()) == billed + overhead


def test_each_view_names_the_tenant_of_its_rows(warehouse: Warehouse) -> None:
    """Row policies compare the column."""
    for view in views():
        columns = {it["name"]: it["type"] for it in warehouse.ask(f"DESCRIBE TABLE {view}")}
        assert "String" in columns["tenant"], view
