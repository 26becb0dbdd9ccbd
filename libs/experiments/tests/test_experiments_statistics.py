"""The tests behind the gate, beside SciPy, published examples and simulations."""

from __future__ import annotations

from math import inf, log
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import mannwhitneyu, norm

from queuebit_experiments import compare, evidence, largest_increase, mismatch
from queuebit_experiments.gate import LOOK_Z

_nulls = st.floats(0.02, 0.9)


@given(st.integers(0, 60), st.integers(0, 60), _nulls)
def test_evidence_is_the_average_likelihood_ratio(hits: int, misses: int, null: float) -> None:
    ratio = lambda p: (p / null) ** hits * ((1 - p) / (1 - null)) ** misses  # noqa: E731
    peak = min(1.0, max(null, hits / max(1, hits + misses)))
    exact = quad(ratio, null, 1, points=[peak], limit=200)[0] / (1 - null)
    assert evidence(hits, hits + misses, null) == pytest.approx(exact, rel=1e-5)


@given(st.integers(0, 30), st.integers(0, 30), _nulls)
def test_the_next_toss_leaves_the_expected_evidence_as_it_is(hits: int, misses: int, null: float) -> None:
    """The law behind the error rate: with the probability of the null, evidence is a martingale."""
    now, trials = evidence(hits, hits + misses, null), hits + misses
    after = null * evidence(hits + 1, trials + 1, null) + (1 - null) * evidence(hits, trials + 1, null)
    assert after == pytest.approx(now, rel=1e-9)


def test_evidence_of_many_tosses_has_no_limit_but_that_of_a_float() -> None:
    assert evidence(90_000, 100_000, 0.5) == inf
    assert evidence(0, 100_000, 0.5) < 1e-4
    assert log(evidence(1_300, 2_000, 0.5)) > 80


@pytest.mark.parametrize(("hits", "trials", "null"), [(3, 2, 0.5), (-1, 2, 0.5), (1, 2, 0.0), (1, 2, 1.0)])
def test_impossible_counts_are_refused(hits: int, trials: int, null: float) -> None:
    with pytest.raises(ValueError):
        evidence(hits, trials, null)


def test_arms_of_the_wrong_size_are_a_mismatch_and_of_the_right_size_none() -> None:
    assert mismatch(100, 1000, 0.1) < 1
    assert mismatch(200, 1000, 0.1) > 1000
    assert mismatch(30, 1000, 0.1) > 1000


@pytest.mark.parametrize(
    ("before", "after", "bound"),
    [  # Newcombe 1998, table II, method 10: the upper limits of the differences at 95 %, two-sided
        ((48, 80), (56, 70), 0.3339),
        ((3, 10), (9, 10), 0.8090),
        ((0, 29), (5, 56), 0.1926),
        ((0, 20), (0, 10), 0.2775),
        ((0, 10), (10, 10), 1.0),
    ],
)
def test_the_bound_is_that_of_newcombe(before: tuple[int, int], after: tuple[int, int], bound: float) -> None:
    assert largest_increase(before, after, 1.959964) == pytest.approx(bound, abs=2e-4)


def test_without_trials_nothing_is_bounded() -> None:
    assert largest_increase((0, 0), (0, 10), 1.645) == largest_increase((0, 10), (0, 0), 1.645) == 1


_values = st.lists(st.integers(0, 12).map(float), min_size=2, max_size=30)


@given(_values, _values)
def test_one_stratum_is_the_test_of_mann_and_whitney(one: list[float], other: list[float]) -> None:
    found = compare({"": one}, {"": other}, 1.0)
    exact = mannwhitneyu(other, one, alternative="less", use_continuity=False, method="asymptotic")
    assert found.smaller * found.pairs == pytest.approx(len(one) * len(other) - exact.statistic)
    if found.z < inf:
        assert norm.sf(found.z) == pytest.approx(exact.pvalue, rel=1e-6)


@given(st.dictionaries(st.sampled_from("abc"), _values), st.dictionaries(st.sampled_from("abc"), _values))
def test_exchanged_arms_have_the_opposite_sign(one: dict[str, list[float]], other: dict[str, list[float]]) -> None:
    there, back = compare(one, other, 1.0), compare(other, one, 1.0)
    assert there.z == back.z == inf or there.z == pytest.approx(-back.z)
    assert there.pairs == back.pairs


def test_a_stratum_of_another_device_does_not_count() -> None:
    """Pooled, the candidate looks slow: it had more jobs on the slow device. By device it is the faster one."""
    draw = Random(3)
    fast, slow = [draw.gauss(10, 1) for _ in range(90)], [draw.gauss(100, 5) for _ in range(10)]
    better = [draw.gauss(9, 1) for _ in range(10)], [draw.gauss(90, 5) for _ in range(90)]
    assert compare({"": [*fast, *slow]}, {"": [*better[0], *better[1]]}, 1.0).z < -3
    assert compare({"f": fast, "s": slow}, {"f": better[0], "s": better[1]}, 1.0).z > 3


def test_a_ratio_allows_that_much_more() -> None:
    draw = np.random.default_rng(5)
    one, other = draw.lognormal(3, 0.3, 500), draw.lognormal(3, 0.3, 500) * 1.1
    z = [compare({"": one.tolist()}, {"": other.tolist()}, ratio).z for ratio in (1.0, 1.1, 1.2)]
    assert z[0] < -3
    assert abs(z[1]) < 2
    assert z[2] > 3


def test_values_without_any_difference_are_not_worse_and_no_values_prove_nothing() -> None:
    assert compare({"": [0.0] * 5}, {"": [0.0] * 5}, 1.1).z == inf
    assert compare({"a": [1.0]}, {"b": [1.0]}, 1.1).pairs == 0
    assert compare({"a": []}, {"a": [1.0]}, 1.1).z == 0


def test_two_looks_at_pococks_quantile_err_in_one_of_twenty() -> None:
    """Sums of n and of 2n steps: at least one is beyond the quantile with 5 %, to four digits by integration."""
    density = lambda x: norm.pdf(x) * norm.sf(2**0.5 * LOOK_Z - x)  # noqa: E731
    second = quad(density, -10, LOOK_Z)[0]
    assert norm.sf(LOOK_Z) + second == pytest.approx(0.05, abs=2e-4)
