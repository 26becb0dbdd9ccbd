"""Shot noise and seasons, beside Qiskit, NumPy and simulated histories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import cos, pi
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.quantum_info import hellinger_fidelity

from queuebit_drift import Season, expected_infidelity, heavy_outcomes, hellinger_infidelity, least_infidelity
from queuebit_drift.noise import overdispersion, robust, shot_variance

_counts = st.dictionaries(st.sampled_from(["00", "01", "10", "11"]), st.integers(1, 1000), min_size=1)


@given(_counts, _counts)
def test_infidelity_is_that_of_qiskit(one: dict[str, int], other: dict[str, int]) -> None:
    assert hellinger_infidelity(one, other) == pytest.approx(1 - hellinger_fidelity(one, other), abs=1e-9)


def test_infidelity_to_nothing_is_one() -> None:
    assert hellinger_infidelity({}, {"0": 1}) == 1


@pytest.mark.parametrize(("outcomes", "shots"), [(2, 500), (4, 1000), (16, 8000)])
def test_shot_noise_alone_has_the_expected_infidelity(outcomes: int, shots: int) -> None:
    draw = np.random.default_rng(7)
    exact = np.full(outcomes, 1 / outcomes)
    overlaps = np.sqrt(draw.multinomial(shots, exact, size=4000) / shots * exact).sum(axis=1)
    assert float(np.mean(1 - overlaps**2)) == pytest.approx(expected_infidelity(outcomes, shots), rel=0.05)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.93])
def test_the_bound_holds_in_nineteen_of_twenty_histories(share: float) -> None:
    draw = np.random.default_rng(1)
    one, other = draw.binomial(4000, share, 4000) / 4000, draw.binomial(1000, share, 4000) / 1000
    above = [least_infidelity((p, 4000), (q, 1000)) > 0 for p, q in zip(one, other, strict=True)]
    assert float(np.mean(above)) == pytest.approx(0.10, abs=0.02), "both directions, 5 % each"


@given(st.floats(0, 1), st.floats(0, 1))
def test_with_many_shots_the_bound_is_the_infidelity(one: float, other: float) -> None:
    exact = 1 - ((one * other) ** 0.5 + ((1 - one) * (1 - other)) ** 0.5) ** 2
    assert least_infidelity((one, 10**15), (other, 10**15)) == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("phi", [1.0, 1.4, 5.1])
def test_overdispersion_is_found_despite_far_jobs(phi: float) -> None:
    draw, shots, share = np.random.default_rng(2), 1000, 0.9
    deviation = (phi * shot_variance(share, shots)) ** 0.5
    values = [*(share + deviation * draw.standard_normal(400)), *[0.1] * 10]
    assert overdispersion(values, [shot_variance(share, shots)] * 410) == pytest.approx(phi, rel=0.4)


def test_a_scale_is_an_upper_estimate() -> None:
    draw = Random(4)
    scales = [robust([draw.gauss(0, 1) for _ in range(60)])[1] for _ in range(400)]
    assert sum(it < 0.9 for it in scales) / 400 < 0.06
    assert robust([]) == (0, 0)


def test_heavy_outcomes_are_those_above_uniform_noise() -> None:
    assert heavy_outcomes({"00": 480, "11": 470, "01": 30, "10": 20}, 2) == {"00", "11"}
    assert heavy_outcomes({"0": 50, "1": 50}, 1) == frozenset()


def _history(days: int, draw: Random) -> list[tuple[datetime, float]]:
    start = datetime(2026, 11, 2, tzinfo=UTC)
    found = []
    for hour in range(24 * days):
        at = start + timedelta(hours=hour)
        busy = cos(2 * pi * (at.hour - 15) / 24) - (2.0 if at.weekday() >= 5 else 0.0)
        found.append((at, 5 + busy + draw.gauss(0, 0.3)))
    return found


def test_a_season_of_day_and_week_is_removed() -> None:
    draw = Random(9)
    season = Season.learned(_history(28, draw))
    rest = [value - season.at(at) for at, value in _history(28, draw)]
    assert float(np.std(rest)) == pytest.approx(0.3, abs=0.05)
    weekdays = [value for it, value in enumerate(rest) if (it // 24) % 7 < 5]
    weekends = [value for it, value in enumerate(rest) if (it // 24) % 7 >= 5]
    assert float(np.mean(weekdays)) == pytest.approx(float(np.mean(weekends)), abs=0.1)


def test_a_short_history_has_no_season() -> None:
    assert Season.learned(_history(13, Random(1))) == Season()
    assert Season.learned([]) == Season()
