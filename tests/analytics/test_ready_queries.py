"""Each ready query of the analyst's page runs, and answers what a person computes by hand from the scenario."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .scenario import NOW
from .warehouse import Warehouse

pytestmark = pytest.mark.server

PAGE = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text()
QUERIES: dict[str, str] = dict(re.findall(r"\*\*\d+\. (.+?)\*\*\n\n```sql\n(.*?)\n```", PAGE, re.DOTALL))
TODAY = f"{NOW:%Y-%m-%d}"


def _day(ago: int) -> str:
    return f"{NOW - timedelta(days=ago):%Y-%m-%d}"


def _of_beta(ago: int) -> Decimal:
    """What a day of the tenant beta cost."""
    return Decimal(50) if ago == 0 else Decimal("1.00" if ago % 2 else "1.2")


_BETA = range(21)
_MONTH = [it for it in _BETA if (NOW - timedelta(days=it)).month == NOW.month]
_TO_DATE = sum((_of_beta(it) for it in _MONTH), Decimal(0))


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"


EXPECTED: dict[str, list[list[Any]]] = {
    "Charges by tenant and day": [
        ["acme", TODAY, "USD", "42.92"],
        *(["beta", _day(ago), "USD", _text(_of_beta(ago))] for ago in _BETA),
    ],
    "Charges by backend": [["torino", "USD", 30, "112.62"], ["garnet", "USD", 2, "2.2"], ["", "USD", 0, "0.1"]],
    "Charges by tag, each charge shared exactly among its tags": [
        ["", "USD", "106.32"],
        ["precision-10000ppm", "USD", "5"],
        ["h2", "USD", "1.85"],
        ["paper", "USD", "1.75"],
    ],
    "Charges by user and project": [
        ["beta", "main", "eve", "USD", "72"],
        ["acme", "chem", "ann", "USD", "37.62"],
        ["acme", "ml", "bob", "USD", "5.3"],
    ],
    "Each team this month: jobs, idle time, what its failed runs would have cost": [
        ["beta", "main", len(_MONTH), len(_MONTH), 0, _text(_TO_DATE), "0", "0",
         _text((_TO_DATE / len(_MONTH)).quantize(Decimal("1E-18"), "ROUND_DOWN")), "USD"],
        ["acme", "chem", 3, 2, 1, "37.62", "0.12", "0", "18.81", "USD"],
        ["acme", "ml", 8, 2, 6, "5.3", "0", "21", "2.65", "USD"],
    ],
    "Quantities by price component": [
        ["p-2026", "shot", "Shot", "57000", "77", "USD"],
        ["p-2026", "second", "Second", "24", "37.2", "USD"],
        ["p-2026", "task", "Task", "2", "0.5", "USD"],
        ["p-2026", "session_idle_second", "Session_Idle_Second", "120", "0.12", "USD"],
        ["p-2026", "classical_second", "Classical_Second", "10", "0.1", "USD"],
    ],
    "Cost per useful result, by backend": [
        ["torino", "USD", 23, "112.5", "4.891304347826086956"],
        ["garnet", "USD", 2, "2.2", "1.1"],
    ],
    "One circuit on each backend": [
        ["bell.qasm", "garnet", 2, 2, "2.2", "1.1"],
        ["bell.qasm", "torino", 23, 22, "107.5", "4.886363636363636363"],
        ["qft.qasm", "torino", 7, 1, "5", "5"],
    ],
    "Cost of the fidelity reached: per shot that is expected to be right": [
        ["garnet", 0.925, "0.001189189189189189", "USD"],
        ["torino", 0.9, "0.001242283950617283", "USD"],
    ],
    "Burn: what the last seven days cost, by day": [
        ["acme", TODAY, "42.92", "USD"],
        *(["beta", _day(ago), _text(_of_beta(ago)), "USD"] for ago in range(6, -1, -1)),
    ],
    "Reserved time without a job, by session": [["acme", "s1", "ann", "torino", "120", "0.12", "USD"]],
    "Runs that failed and were not billed, by reason, at list price": [["executor_lost", 6, "21", "USD"]],
    "The law: allocated + idle + overhead = total": [
        ["USD", "allocated", "114.8"],
        ["USD", "idle", "0.12"],
        ["USD", "overhead", "21"],
        ["USD", "total", "135.92"],
    ],
    "Requested, consumed and billed, kept apart": [
        ["qpu-time", "microsecond", "96000000", "64000000", "24000000"],
        ["shots", "shot", "81000", "74000", "57000"],
    ],
    "Qubit-seconds by project and backend": [
        ["beta", "main", "torino", "84"],
        ["acme", "ml", "torino", "28"],
        ["acme", "chem", "torino", "8"],
        ["acme", "chem", "garnet", "4"],
        ["acme", "ml", "garnet", "4"],
    ],
    "Classical work of hybrid jobs: CPU-seconds and GiB-seconds": [["acme", "ml", "bob", "5", "5"]],
    "Days that cost far more than the tenant's own days before": [
        ["beta", TODAY, "50", "1.1", "0.1", 329.8, "USD"]  # 0.6745 * 48.9 / 0.1
    ],
    "The same circuit failing or repeating within an hour": [
        ["acme", "bob", "qft.qasm", "failing", 7, 6, 12, ["executor_lost"], "5", "21", "USD"]
    ],
    "Storage: GiB-days of circuits and results": [
        ["acme", "circuit", 2, 2 << 20, 1],
        ["acme", "result", 1, 2 << 20, 1],
        ["beta", "circuit", 1, 1 << 20, 1],
        ["beta", "result", 1, 2 << 20, 1],
    ],
}  # fmt: skip
"""By the title on the page. Sorted here as there, up to rows that are equal in what they are sorted by."""


def _answer(filled: Warehouse, title: str) -> list[list[Any]]:
    return [list(it.values()) for it in filled.ask(QUERIES[title])]


@pytest.mark.parametrize("title", EXPECTED)
def test_a_ready_query_answers_what_a_person_computes(filled: Warehouse, title: str) -> None:
    found = _answer(filled, title)
    assert sorted(map(repr, found)) == sorted(map(repr, EXPECTED[title]))


def test_corrections_are_differences(filled: Warehouse) -> None:
    """A fee of 0.3 became one of 0.2: the unit price differs, hence two rows."""
    found = _answer(filled, "Corrections, with their jobs")
    assert sorted((it[2], it[3], it[4]) for it in found) == [(1, "task", "-0.3"), (1, "task", "0.2")]


def test_forecasts_follow_the_stated_formulas(filled: Warehouse) -> None:
    asked = datetime.now(UTC)
    found = {(it[0], it[1]): it[2:] for it in _answer(filled, "Month to date, and two forecasts of the month")}
    to_date, daily, linear, burn, before, currency = found["beta", "main"]
    begin = NOW.replace(day=1, hour=0, minute=0, second=0)
    end = (begin + timedelta(days=32)).replace(day=1)
    assert Decimal(to_date) == _TO_DATE
    assert Decimal(before) == sum((_of_beta(it) for it in _BETA if it not in _MONTH), Decimal(0))
    week = sum((_of_beta(it) for it in range(7)), Decimal(0))
    assert float(daily) == pytest.approx(float(week) / 7)
    tolerance = 60 / max((asked - begin).total_seconds(), 60)
    assert float(linear) == pytest.approx(float(_TO_DATE) * ((end - begin) / (asked - begin)), rel=tolerance)
    left = (end - asked) / timedelta(days=1)
    assert float(burn) == pytest.approx(float(_TO_DATE) + float(week) / 7 * left, abs=0.1)
    assert currency == "USD"


def test_each_advice_has_its_sum(filled: Warehouse) -> None:
    found = {it[2]: it for it in _answer(filled, "Advice that saves money, the largest sum first")}
    assert {kind: (it[3], it[4], it[5]) for kind, it in found.items()} == {
        "failed-and-billed": ("bell.qasm", "32", "32"),
        "too-many-shots": ("qft.qasm", "5", "4"),
        "cheaper-backend": ("bell.qasm", "3.5", "3.3"),
        "idle-session": ("", "0.12", "0.12"),
    }
    assert found["too-many-shots"][7].startswith("use 10000 shots")
    assert found["cheaper-backend"][7].startswith("run it on garnet instead of torino")


def test_the_page_has_its_queries_and_each_is_checked() -> None:
    here = {*EXPECTED, "Corrections, with their jobs", "Month to date, and two forecasts of the month",
            "Advice that saves money, the largest sum first"}  # fmt: skip
    assert {*QUERIES} == here
    assert len(QUERIES) >= 20
