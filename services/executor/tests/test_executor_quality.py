"""The quality check of results: counts that do not sum to the shots that were asked for are noticed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.execution import ItemSummary
from queuebit_contracts.program import Item
from queuebit_contracts.quality import Expected, hellinger_fidelity
from queuebit_contracts.usage import Usage
from queuebit_executor.finished import Finished
from queuebit_executor.ports import ItemWork
from queuebit_executor.quality import quality_of

COUNTS = st.dictionaries(st.text("01", min_size=3, max_size=3), st.integers(0, 10**9), min_size=1)


def _circuit(counts: dict[str, int]) -> Finished:
    return Finished(json.dumps(counts).encode(), "application/json", Usage(), None)


def _program(*items: Mapping[str, object]) -> Finished:
    summary = ItemSummary(total=len(items), completed=1, failed=len(items) - 1)
    return Finished(json.dumps({"items": items}).encode(), "x", Usage(), None, items=summary)


@given(COUNTS, st.integers(0, 10**9))
def test_a_circuit_passes_if_its_counts_sum_to_the_shots(counts: dict[str, int], shots: int) -> None:
    quality = quality_of(_circuit(counts), shots)
    assert quality is not None
    (check,) = quality.checks
    total = sum(counts.values())
    assert (quality.passed, check.passed, check.value, check.limit) == (total == shots, total == shots, total, shots)


def test_of_a_program_every_completed_item_with_counts_is_checked() -> None:
    good, short = {"state": "completed", "counts": {"0": 10}}, {"state": "completed", "counts": {"0": 9}}
    failed = {"state": "failed"}
    assert quality_of(_program(good, failed, good), 10) == quality_of(_circuit({"0": 10}), 10)
    quality = quality_of(_program(good, short), 10)
    assert quality is not None
    assert (quality.passed, quality.checks[0].value) == (False, 9)


def test_without_counts_nothing_is_checked() -> None:
    assert quality_of(_program({"state": "completed", "expectations": []}), 10) is None


def test_an_item_is_checked_with_its_own_shots_and_those_that_twirled_copies_add() -> None:
    works = [
        ItemWork(b"", Item(), ("counts",), shots, 1, "t", options={"twirling": twirling} if twirling else {})
        for shots, twirling in ((10, None), (7, None), (10, 4))
    ]
    asked = tuple(it.counted_shots for it in works)
    assert asked == (10, 7, 12)
    items = [{"state": "completed", "counts": {"0": it}} for it in asked]
    done = replace(_program(*items), asked=asked)
    quality = quality_of(done, 10)
    assert quality is not None
    assert quality.passed
    short = quality_of(replace(_program(items[0], items[0], items[2]), asked=asked), 10)
    assert short is not None
    assert (short.passed, short.checks[0].value, short.checks[0].limit) == (False, 10, 7)


def test_counts_are_compared_with_their_reference_and_the_one_furthest_below_its_floor_is_shown() -> None:
    bell = Expected(reference={"00": 1, "11": 1}, floor=0.9)
    counts: list[dict[str, int]] = [{"00": 5, "11": 5}, {"00": 5, "11": 3, "01": 2}, {"01": 10}]
    items = [{"state": "completed", "counts": it} for it in counts]
    done = replace(_program(*items), expected=(bell, bell.model_copy(update={"floor": 0.7}), None))
    quality = quality_of(done, 10)
    assert quality is not None
    assert [(it.name, it.passed, it.value, it.limit) for it in quality.checks] == [
        ("shots", True, 10, 10),
        ("fidelity", True, 787_298, 700_000),
    ]
    quality = quality_of(replace(done, expected=(bell, bell, None)), 10)
    assert quality is not None
    assert (quality.passed, quality.checks[1].passed, quality.checks[1].limit) == (False, False, 900_000)


def test_spaces_between_registers_mean_nothing() -> None:
    assert hellinger_fidelity({"0 1": 7}, {"01": 0.5}) == 1
    assert hellinger_fidelity({}, {"01": 0.5}) == 0


@given(COUNTS, COUNTS)
def test_a_fidelity_is_a_share_and_symmetric(one: dict[str, int], other: dict[str, int]) -> None:
    if any(one.values()) and any(other.values()):
        found = hellinger_fidelity(one, other)
        assert 0 <= found <= 1
        assert found == pytest.approx(hellinger_fidelity(other, one))
        assert hellinger_fidelity(one, one) == pytest.approx(1)
