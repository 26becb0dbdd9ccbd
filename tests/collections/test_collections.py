"""The comparison of collections: its statistics, and its protection against failing runs."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.collections import runners
from tests.collections.runners import Run, bounded
from tests.collections.verdicts import FAILURES, distance, judge, judge_again

HERE = Path("a.qasm")


def _sample(seed: int, weights: list[float], shots: int = 4_096) -> dict[str, int]:
    outcomes = [format(outcome, "020b") for outcome in range(len(weights))]
    return dict(Counter(random.Random(seed).choices(outcomes, weights, k=shots)))


@pytest.mark.parametrize("width", [1, 2, 7, 64, 5_000])
def test_two_samples_of_one_distribution_are_the_same(width: int) -> None:
    weights = [1.0 / (rank + 1) for rank in range(width)]
    for seed in range(20):
        apart, allowed = distance(_sample(2 * seed, weights), _sample(2 * seed + 1, weights))
        assert apart <= allowed


@pytest.mark.parametrize(
    ("first", "second"),
    [([1.0], [0.0, 1.0]), ([0.5, 0.5], [0.7, 0.3]), ([1.0] * 64, [1.0] * 32), ([1.0] * 4_000, [1.0] * 16)],
)
def test_samples_of_different_distributions_are_wrong(first: list[float], second: list[float]) -> None:
    ours, theirs = (Run("done", _sample(seed, weights)) for seed, weights in enumerate((first, second)))
    assert judge(str(HERE), ours, theirs, 0).kind == "wrong"


@pytest.mark.parametrize(
    ("ours", "theirs", "kind"),
    [
        ("refused", "done", "refused"),
        ("refused", "crash", "refused"),
        ("crash", "done", "crash"),
        ("time-out", "time-out", "neither"),
        ("done", "crash", "alone"),
    ],
)
def test_without_a_comparison_the_verdict_names_the_side_that_failed(ours: str, theirs: str, kind: str) -> None:
    detail = "undefined: line 3, column 1: 'a' is not defined"
    assert judge(str(HERE), Run(ours, {"0": 1}, detail), Run(theirs, {"0": 1}), 0).kind == kind


@pytest.mark.parametrize(
    ("ours", "steps", "kind"),
    [
        ("done", "done", "same steps"),
        ("large", "done", "same steps"),
        ("time-out", "done", "same steps"),
        ("large", "differs", "wrong"),
        ("large", "crash", "large"),
        ("done", "crash", "alone"),
        ("crash", "crash", "neither"),
    ],
)
def test_without_two_samples_the_steps_decide(ours: str, steps: str, kind: str) -> None:
    assert judge(str(HERE), Run(ours, {"0": 1}), Run("crash", {}), 0, steps=Run(steps, {})).kind == kind


def test_a_distribution_of_the_specification_is_disputed_and_not_wrong() -> None:
    """Qiskit ignores the body of a gate that has the name of one of its own."""
    ours, qiskit, other = (Run("done", {it: 4_096}) for it in ("0", "1", "1"))
    verdict = judge(str(HERE), ours, qiskit, 0, "plain Qiskit")
    assert judge_again(verdict, ours, Run("done", {"0": 4_000_000}), "the interpreter").kind == "disputed"
    assert judge_again(verdict, ours, other, "the interpreter").kind == "wrong"
    assert judge_again(verdict, ours, Run("crash", {}), "the interpreter").kind == "wrong"


def test_a_refusal_without_a_place_is_a_defect() -> None:
    assert (
        judge(str(HERE), Run("refused", {}, "no_measurement: nothing is measured"), Run("done", {}), 0).kind in FAILURES
    )


def _slow(_: Path) -> Run:
    time.sleep(30)
    raise AssertionError("it was not ended")


def test_children_that_raise_crash_hang_or_use_too_much_memory_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert bounded(lambda _: Run("done", {"0": 1}), HERE) == Run("done", {"0": 1})
    assert "MemoryError" in bounded(lambda _: Run("done", {"0": len(bytes(64 << 30))}), HERE).detail
    assert "ended with 3" in bounded(lambda _: os._exit(3), HERE).detail
    monkeypatch.setattr(runners, "SECONDS", 0.02)
    assert bounded(_slow, HERE).state == "time-out"
