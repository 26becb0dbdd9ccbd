"""Each view of the warehouse is explained on the analyst's page, and granted by the scripts for a server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from queuebit_contracts.indicator_page import PAGE, with_table
from queuebit_contracts.indicators import INDICATORS
from queuebit_contracts.tables import views

ROOT = Path(__file__).parents[2]


def test_the_page_explains_every_view_and_no_other() -> None:
    """If this fails: add `### NAME` with its columns to docs/analytics.md; `tests/analytics` compares the columns."""
    page = (ROOT / "docs" / "analytics.md").read_text()
    levels = {"backend_vendors", "calibrated_backends", "results_and_charges", *(it.view for it in INDICATORS.values())}
    assert {*re.findall(r"^### (\w+)$", page, re.MULTILINE)} == {*views()} - levels


def test_the_page_of_service_levels_has_every_indicator() -> None:
    """If this fails: `python -m queuebit_contracts.indicator_page`."""
    page = PAGE.read_text()
    assert page == with_table(page)
    assert {it.view for it in INDICATORS.values()} <= {*views()}


@pytest.mark.parametrize("script", ["tenant.sql", "finance.sql"])
def test_scripts_for_a_server_grant_every_view(script: str) -> None:
    text = (ROOT / "deploy" / "clickhouse" / script).read_text()
    assert {*re.findall(r"^GRANT SELECT ON default\.(\w+) TO ", text, re.MULTILINE)} == {
        "events",
        "otel_traces",
        *views(),
    }
