"""ESP from counted operations and a calibration; the same on every machine."""

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
    count_operations,
    errors_in,
    esp_ppm,
    read_operations,
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
    assert count_operations([*BELL, ("cx", (0, 1))]) == (
        Operation("cx", (0, 1), 2),
        Operation("measure", (0,), 1),
        Operation("measure", (1,), 1),
        Operation("rz", (0,), 1),
    )


def test_esp_is_the_product_over_all_operations() -> None:
    assert esp_ppm(count_operations(BELL), ERRORS) == round(0.99 * 0.98 * 0.97 * 1_000_000)
    assert esp_ppm((), ERRORS) == 1_000_000
    assert esp_ppm(count_operations(BELL), {**ERRORS, ("cx", (0, 1)): 1.0}) == 0, "a gate that failed its calibration"


@given(steps, errors)
def test_esp_is_the_exact_product_rounded(applied: list[Step], known: Errors) -> None:
    exact = math.prod((1 - Fraction(repr(known.get(step, 0.0))) for step in applied), start=Fraction(1))
    assert abs(esp_ppm(count_operations(applied), known) - exact * 1_000_000) <= Fraction(1, 2) + Fraction(1, 10**9)


@given(steps, errors, st.randoms())
def test_the_order_of_operations_does_not_matter(applied: list[Step], known: Errors, random: Random) -> None:
    shuffled = [*applied]
    random.shuffle(shuffled)
    assert esp_ppm(count_operations(shuffled), known) == esp_ppm(count_operations(applied), known)
    assert write_operations(count_operations(shuffled)) == write_operations(count_operations(applied))


@given(steps)
def test_operations_round_trip_through_json(applied: list[Step]) -> None:
    assert read_operations(write_operations(count_operations(applied))) == count_operations(applied)


@given(errors)
def test_errors_round_trip_through_a_snapshot(known: Errors) -> None:
    assert errors_in(json.dumps({"errors": write_errors(known)}).encode()) == known


def test_an_old_snapshot_without_gate_errors_gives_none() -> None:
    assert errors_in(b'{"calibrated_at": "2026-01-01T00:00:00Z", "qubits": []}') is None


@pytest.mark.parametrize("content", [b"", b"[", b'[["cx", 1, 2]]', b'[["cx", [0]]]', b'[["cx", ["a"], 1]]', b"3"])
def test_malformed_operations_are_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        read_operations(content)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"errors": 3}', b'{"errors": {"cx": {"a b": 0.1}}}'])
def test_a_malformed_snapshot_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        errors_in(content)
