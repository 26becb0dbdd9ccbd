"""Views of trouble at their limits: too little history, equal days, and what repeats on purpose."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

import pytest

from .scenario import BELL, NOW, QFT, job, line
from .warehouse import Warehouse

pytestmark = pytest.mark.server

_HOUR = NOW.replace(minute=0, second=0) - timedelta(hours=3)


def _fill_days(warehouse: Warehouse, tenant: str, amounts: list[str]) -> None:
    """A charge a day; the last one today."""
    days = [NOW - timedelta(days=ago) for ago in range(len(amounts) - 1, -1, -1)]
    made = [job(tenant, at, [line("task", "1", amount)]) for at, amount in zip(days, amounts, strict=True)]
    warehouse.fill(chain.from_iterable(made))


@pytest.mark.parametrize(
    ("tenant", "amounts", "flagged"),
    [
        ("young", [*["1"] * 6, "100"], None),
        ("week", [*["1"] * 7, "100"], True),
        ("steady", [*["1"] * 10, "1.2"], False),  # the scale is 5 % of the median: z = 0.6745 * 0.2 / 0.05 = 2.7
        ("doubled", [*["1"] * 10, "2"], True),
        ("cheap", [*["1"] * 10, "0.01"], False),
    ],
)
def test_a_day_is_compared_with_enough_days_of_its_own_tenant(
    warehouse: Warehouse, tenant: str, amounts: list[str], flagged: bool | None
) -> None:
    _fill_days(warehouse, tenant, amounts)
    day = f"{NOW:%Y-%m-%d}"
    query = f"SELECT isNull(z) AS unknown, is_anomaly FROM anomalies WHERE tenant = '{tenant}' AND day = '{day}'"
    (row,) = warehouse.ask(query)
    assert bool(row["unknown"]) is (flagged is None)
    assert bool(row["is_anomaly"]) is bool(flagged)


def test_what_repeats_within_an_hour_is_a_runaway_but_a_session_may(warehouse: Warehouse) -> None:
    fee, made = [line("task", "1", "0.5")], []
    for number in range(20):
        at = _HOUR + timedelta(minutes=number)
        made += [job("loops", at, fee, circuit=BELL), job("loops", at, fee, circuit=QFT, session="s1")]
        made.append(job("slow", _HOUR + timedelta(minutes=6 * number), fee))
    warehouse.fill(chain.from_iterable(made))
    query = "SELECT tenant, label, kind, jobs, amount FROM runaways WHERE tenant IN ('loops', 'slow')"
    assert warehouse.ask(query) == [
        {"tenant": "loops", "label": "bell.qasm", "kind": "repeating", "jobs": 20, "amount": "10"}
    ]


def test_failures_are_a_runaway_only_if_they_are_half_of_the_jobs(warehouse: Warehouse) -> None:
    fee, made = [line("task", "1", "0.5")], []
    for number in range(5):
        at = _HOUR + timedelta(minutes=number)
        for tenant, good in (("rare", 2), ("half", 1)):
            made.append(job(tenant, at, fee, state="failed", reason="run_timeout"))
            made += [job(tenant, at, fee) for _ in range(good)]
    warehouse.fill(chain.from_iterable(made))
    rows = warehouse.ask("SELECT tenant, kind, failures FROM runaways WHERE tenant IN ('rare', 'half')")
    assert rows == [{"tenant": "half", "kind": "failing", "failures": 5}]
