"""Which qubits and couplers are used."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_isolation import Element, Elements, Figures, Limits, judge, read_figures

LIMITS = Limits()
LINE: dict[Element, float | None] = {
    **{(it,): 0.02 for it in range(5)},
    **{(it, it + 1): 0.01 for it in range(4)},
}
"""Five qubits in a row, all good."""


def line(changed: dict[Element, float | None] | None = None) -> Figures:
    return Figures({**LINE, **(changed or {})}, 5)


@pytest.mark.parametrize("error", [1.0, 0.11, None], ids=["failed", "above its limit", "no value"])
def test_a_bad_coupler_is_taken_out_and_the_rest_is_enough(error: float | None) -> None:
    found = judge(line({(3, 4): error}), [], Elements(), LIMITS)
    assert (found.bad_qubits, found.bad_couplers, found.connected) == ((), ((3, 4),), 4)
    assert found.is_enough(LIMITS)
    assert [it.element for it in found.worst] == [(3, 4)]


def test_a_line_that_is_cut_twice_is_not_enough() -> None:
    found = judge(line({(1, 2): 1.0, (3, 4): 1.0}), [], Elements(), LIMITS)
    assert found.connected == 2
    assert not found.is_enough(LIMITS)


def test_couplers_of_a_bad_qubit_are_not_named_again() -> None:
    found = judge(line({(2,): 0.5, (1, 2): 1.0}), [], Elements(), LIMITS)
    assert (found.bad_qubits, found.bad_couplers, found.connected) == ((2,), (), 2)


def test_a_coupler_that_is_not_in_the_calibration_any_more_is_bad() -> None:
    shorter = Figures({it: error for it, error in LINE.items() if it != (0, 1)}, 5)
    assert judge(shorter, [line()], Elements(), LIMITS).bad_couplers == ((0, 1),)


def test_a_device_whose_vendor_states_no_readout_errors_is_whole() -> None:
    found = judge(line({(it,): None for it in range(5)}), [], Elements(), LIMITS)
    assert (found.out, found.connected) == ({}, 5)


def test_all_qubits_of_a_device_without_couplers_are_connected() -> None:
    found = judge(Figures({(it,): 0.02 for it in range(11)}, 11), [], Elements(), LIMITS)
    assert found.connected == 11


def test_an_error_far_above_its_own_history_counts_below_the_limit_of_all() -> None:
    worse = line({(0, 1): 0.085})
    assert judge(worse, [], Elements(), LIMITS).out == {}
    assert judge(worse, [line()] * 3, Elements(), LIMITS).bad_couplers == ((0, 1),)


def test_an_element_returns_after_good_calibrations_in_a_row() -> None:
    dead = judge(line({(0, 1): 1.0}), [], Elements(), LIMITS)
    once = judge(line(), [], dead, LIMITS)
    near = judge(line({(0, 1): 0.09}), [], once, LIMITS)
    assert (once.out, near.out) == ({(0, 1): 1}, {(0, 1): 0}), "just below its limit is not good enough to return"
    assert judge(line(), [], judge(line(), [], near, LIMITS), LIMITS).out == {}


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60))
def test_an_element_never_returns_without_good_calibrations_in_a_row(errors: list[float]) -> None:
    before, good = Elements(), 0
    for error in errors:
        found = judge(line({(0, 1): error}), [], before, LIMITS)
        good = good + 1 if error <= LIMITS.two_qubit_error * LIMITS.returns_below else 0
        if (0, 1) in before.out and (0, 1) not in found.out:
            assert good >= LIMITS.good_calibrations
        before = found


def test_the_errors_of_a_snapshot() -> None:
    snapshot = {
        "qubits": [{"readout_error": 0.02}, {"readout_error": math.nan}, {"readout_error": 1.5}, {}],
        "couplers": [{"qubits": [1, 0], "error": 0.01}, {"qubits": [2, 3], "error": None}],
    }
    expected = {(0,): 0.02, (1,): None, (2,): None, (3,): None, (0, 1): 0.01, (2, 3): None}
    assert read_figures(snapshot) == Figures(expected, 4)
    with pytest.raises(ValueError, match="no qubits"):
        read_figures({})
