"""The intervals of counts: as SciPy computes them, and true as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binomtest

from queuebit_contracts.intervals import intervals, wilson


@given(st.integers(1, 10_000), st.data(), st.sampled_from(["0.5", "0.9", "0.95", "0.999"]))
def test_an_interval_is_that_of_scipy(shots: int, data: st.DataObject, level: str) -> None:
    count = data.draw(st.integers(0, shots))
    low, high = wilson(count, shots, level)
    known = binomtest(count, shots).proportion_ci(confidence_level=float(level), method="wilson")
    assert (low, high) == pytest.approx((known.low, known.high), abs=1e-12)
    assert 0 <= low <= count / shots <= high <= 1


@settings(deadline=None)
@given(st.integers(1, 3_000), st.sampled_from(["0.8", "0.95", "0.99"]))
def test_an_interval_holds_the_share_as_often_as_its_level_says(shots: int, level: str) -> None:
    """The mean coverage over all shares is near the level for any number of shots, also a few.

    It is exact: the probability of a count, integrated over the shares of its interval, is an incomplete beta function.
    """
    counts = np.arange(shots + 1)
    ends = np.array([wilson(count, shots, level) for count in range(shots + 1)])
    low, high = (betainc(counts + 1, shots - counts + 1, it) for it in ends.T)
    coverage = (high - low).sum() / (shots + 1)
    assert abs(coverage - float(level)) < 0.06 / shots**0.5


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_outcome_and_its_absence_have_mirrored_intervals(count: int, more: int) -> None:
    shots = count + more
    low, high = wilson(count, shots)
    mirrored = wilson(shots - count, shots)
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-12)


def test_a_method_that_is_not_known_gives_no_intervals() -> None:
    assert intervals({"0": 3}, "bayes", "0.95") == {}
    assert intervals({}) == {}
    assert [*intervals({"0": 3, "1": 1})] == ["0", "1"]


@pytest.mark.parametrize(("count", "shots"), [(-1, 3), (4, 3), (0, 0)])
def test_counts_without_a_share_are_refused(count: int, shots: int) -> None:
    with pytest.raises(ValueError, match="have no share"):
        wilson(count, shots)
