"""Costs that vendors state, as CSV and as JSON."""

from __future__ import annotations

import csv
from decimal import Decimal

from queuebit_cli.render_reconciliation import cost_documents, costs_as_csv
from queuebit_stack.reconciling import StatedCost


def test_costs_have_the_same_names_as_csv_and_as_json() -> None:
    cost = StatedCost("aws", "2026-11", "USD", Decimal("1.5"), Decimal(1), Decimal("0.5"), 3, "2026-11-07T12:00:00Z")
    (row,) = csv.DictReader(costs_as_csv([cost]))
    (document,) = cost_documents([cost])
    assert row == {name: str(it) for name, it in document.items()}
