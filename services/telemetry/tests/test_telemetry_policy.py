"""Promises and how well they are kept, without any machinery."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest

from queuebit_contracts.indicators import BUCKETS_MS
from queuebit_contracts.query import Question
from queuebit_kernel import FixedClock
from queuebit_slo import Counts, Objective, Query
from queuebit_telemetry.handlers import AnswerLevels
from queuebit_telemetry.policy import Level

WAIT = Objective("wait", "jobs start", "jobs", "queue-wait", Fraction(1, 2), timedelta(days=30), 2000, by=("tenant",))
SUCCESS = Objective("success", "jobs succeed", "jobs", "success", Fraction(99, 100), timedelta(days=30))


@pytest.mark.parametrize(
    ("good", "total", "remaining"),
    [
        pytest.param(0, 0, Fraction(1), id="nothing happened"),
        pytest.param(1000, 1000, Fraction(1), id="all good"),
        pytest.param(990, 1000, Fraction(0), id="exactly spent"),
        pytest.param(995, 1000, Fraction(1, 2), id="half spent"),
        pytest.param(970, 1000, Fraction(-2), id="overdrawn"),
    ],
)
def test_budget(good: int, total: int, remaining: Fraction) -> None:
    assert Level(SUCCESS, Counts(good, total)).budget_remaining == remaining


def test_share_is_unknown_before_the_first_case() -> None:
    assert Level(SUCCESS, Counts(0, 0)).actual is None
    assert Level(SUCCESS, Counts(1, 3)).actual == Fraction(1, 3)


class Asked:
    """A warehouse that counts the same for everything it is asked."""

    def __init__(self, good: int, total: int) -> None:
        self.row = {"good": good, "total": total, "value": 1500, "cases": total, "span_s": 0}
        self.queries: list[Query] = []

    async def cases(self, query: Query) -> list[dict[str, Any]]:
        self.queries.append(query)
        return [self.row]


async def test_each_objective_is_answered_for_the_tenant_alone_and_as_a_whole() -> None:
    asked = Asked(9, 10)
    wait, success = await AnswerLevels(asked, (WAIT, SUCCESS), FixedClock())("acme", Question())
    assert (wait["name"], wait["promise"], wait["value"]) == ("wait", "jobs start", 1500)
    assert (wait["target"], wait["actual"], wait["budget_remaining"]) == ("0.5", "0.9", "0.8")
    assert (success["good"], success["total"], success["budget_remaining"]) == (9, 10, "-9")
    assert all(it.parameters["where_tenant"] == "acme" for it in asked.queries)
    assert not any(it.sql.endswith("GROUP BY tenant") for it in asked.queries)


async def test_what_had_no_case_has_no_value_and_another_tenants_objective_is_left_out() -> None:
    other = Objective("other", "", "jobs", "success", Fraction(1, 2), timedelta(days=1), where={"tenant": "evil"})
    (wait,) = await AnswerLevels(Asked(0, 0), (WAIT, other), FixedClock())("acme", Question())
    assert (wait["actual"], wait["value"], wait["budget_remaining"]) == (None, None, "1")


def test_table_counts_at_the_thresholds_of_the_objectives() -> None:
    ddl = files("queuebit_contracts").joinpath("warehouse/09_case_sums.sql").read_text()
    for column in ("waits", "latencies"):
        assert tuple(map(int, re.findall(rf"^    {column}_(\d+) ", ddl, re.MULTILINE))) == BUCKETS_MS, column
