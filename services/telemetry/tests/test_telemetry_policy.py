"""Promises and how well they are kept, without any machinery."""

from __future__ import annotations

import re
from fractions import Fraction
from importlib.resources import files

import pytest
from pydantic import ValidationError

from queuebit_contracts.objectives import BUCKETS_MS, Objectives
from queuebit_telemetry.policy import Counts, Durations, Level, Ratio, levels, quantile

BOUNDS = (10, 100, 1000)


def _level(good: int, total: int, target: str = "0.99") -> Level:
    return Level("any", "a promise", Fraction(target), good, total)


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
    assert _level(good, total).budget_remaining == remaining


def test_share_is_unknown_before_the_first_case() -> None:
    assert _level(0, 0).actual is None
    assert _level(1, 3).actual == Fraction(1, 3)


@pytest.mark.parametrize(
    ("histogram", "q", "expected"),
    [
        ((0, 0, 0, 0), "0.5", None),
        ((4, 0, 0, 0), "0.5", 5),
        ((2, 2, 0, 0), "0.5", 10),
        ((2, 2, 0, 0), "0.75", 55),
        ((0, 0, 0, 3), "0.5", 1000),
        ((1, 0, 1, 0), "0.95", 910),
    ],
)
def test_quantile_is_linear_within_its_bucket(histogram: tuple[int, ...], q: str, expected: int | None) -> None:
    assert quantile(Durations(histogram, 1000), BOUNDS, Fraction(q)) == expected


@pytest.mark.parametrize("histogram", [(0, 0, 9, 0), (0, 0, 0, 9)])
def test_no_quantile_is_above_the_longest(histogram: tuple[int, ...]) -> None:
    assert quantile(Durations(histogram, 120), BOUNDS, Fraction("0.95")) == 120


def test_durations_count_as_good_up_to_their_threshold() -> None:
    promised = Objectives.model_validate(
        {
            "window_days": 30,
            "slo": {"wait": {"promise": "", "indicator": "queue_wait", "target": "0.5", "threshold_ms": 100}},
        }
    )
    none = (0,) * (len(BUCKETS_MS) + 1)
    waits = (3, 0, 0, 2, 1, *none[5:-1], 4)
    counts = Counts(Ratio(0, 0), queue_wait=Durations(waits, 700_000), end_to_end=Durations(none), receipts=Ratio(0, 0))
    (level,) = levels(promised, counts, Ratio(0, 0))
    assert (level.good, level.total, level.value_ms) == (5, 10, 100)


def test_threshold_between_buckets_is_refused() -> None:
    slo = {"promise": "", "indicator": "queue_wait", "target": "0.5", "threshold_ms": 99}
    with pytest.raises(ValidationError, match="must be one of 10, 20"):
        Objectives.model_validate({"window_days": 30, "slo": {"wait": slo}})


@pytest.mark.parametrize("target", ["0", "1", "1.0", "-0.5", "2", "99"])
def test_target_that_is_no_share_is_refused(target: str) -> None:
    slo = {"promise": "", "indicator": "success", "target": target}
    with pytest.raises(ValidationError, match="a share between 0 and 1"):
        Objectives.model_validate({"window_days": 30, "slo": {"any": slo}})


def test_table_counts_in_the_buckets_of_the_objectives() -> None:
    ddl = files("queuebit_contracts").joinpath("warehouse/01_events.sql").read_text()
    lists = re.findall(r"arrayCount\(bound -> \w+ > bound,\s*\[([\d,\s]+)\]", ddl)
    assert [tuple(map(int, it.split(","))) for it in lists] == [BUCKETS_MS] * 2
    assert f"countResample(1, {len(BUCKETS_MS) + 2}, 1)" in ddl
