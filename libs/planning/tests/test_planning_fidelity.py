"""The estimated success probability: from counted operations and a calibration, the same everywhere."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_kernel import Malformed
from queuebit_planning.fidelity import (
    Errors,
    Operation,
    errors_in,
    esp_ppm,
    read_operations,
    tally,
    write_errors,
    write_operations,
)

Step = tuple[str, tuple[int, ...]]
"""The name of an operation, and its qubits."""

ERRORS = {("cx", (0, 1)): 0.01, ("measure", (0,)): 0.02, ("measure", (1,)): 0.03}
BELL = (("rz", (0,)), ("cx", (0, 1)), ("barrier", (0, 1)), ("delay", (0,)), ("measure", (0,)), ("measure", (1,)))

steps = st.lists(st.tuples(st.sampled_from(["cx", "sx"]), st.tuples(st.integers(0, 3))), max_size=40)
errors = st.dictionaries(
    st.tuples(st.sampled_from(["cx", "sx"]), st.tuples(st.integers(0, 3))), st.floats(0, 1, allow_nan=False)
)


def test_operations_are_counted_without_those_that_have_no_error() -> None:
    assert tally([*BELL, ("cx", (0, 1))]) == (
        Operation("cx", (0, 1), 2),
        Operation("measure", (0,), 1),
        Operation("measure", (1,), 1),
        Operation("rz", (0,), 1),
    )


def test_success_is_the_product_over_all_operations() -> None:
    assert esp_ppm(tally(BELL), ERRORS) == round(0.99 * 0.98 * 0.97 * 1_000_000)
    assert esp_ppm((), ERRORS) == 1_000_000
    assert esp_ppm(tally(BELL), {**ERRORS, ("cx", (0, 1)): 1.0}) == 0, "a gate that failed its calibration"


@given(steps, errors)
def test_it_is_the_exact_product_rounded(applied: list[Step], known: Errors) -> None:
    exact = math.prod((1 - Fraction(repr(known.get(step, 0.0))) for step in applied), start=Fraction(1))
    assert abs(esp_ppm(tally(applied), known) - exact * 1_000_000) <= Fraction(1, 2) + Fraction(1, 10**9)


@given(steps, errors, st.randoms())
def test_the_order_of_operations_does_not_matter(applied: list[Step], known: Errors, random: Random) -> None:
    shuffled = [*applied]
    random.shuffle(shuffled)
    assert esp_ppm(tally(shuffled), known) == esp_ppm(tally(applied), known)
    assert write_operations(tally(shuffled)) == write_operations(tally(applied))


@given(steps)
def test_operations_survive_their_written_form(applied: list[Step]) -> None:
    assert read_operations(write_operations(tally(applied))) == tally(applied)


@given(errors)
def test_errors_survive_their_written_form(known: Errors) -> None:
    assert errors_in(json.dumps({"errors": write_errors(known)}).encode()) == known


def test_a_snapshot_from_before_gates_were_named_says_nothing() -> None:
    assert errors_in(b'{"calibrated_at": "2026-01-01T00:00:00Z", "qubits": []}') is None


@pytest.mark.parametrize("content", [b"", b"[", b'[["cx", 1, 2]]', b'[["cx", [0]]]', b'[["cx", ["a"], 1]]', b"3"])
def test_what_are_no_operations_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_operations(content)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"errors": 3}', b'{"errors": {"cx": {"a b": 0.1}}}'])
def test_what_is_no_snapshot_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        errors_in(content)
