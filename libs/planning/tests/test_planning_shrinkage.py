"""The correction of a success probability by what earlier jobs gave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_planning.shrinkage import PRIOR_JOBS, corrected_ppm

ESP = st.integers(0, 1_000_000)


@pytest.mark.parametrize(
    ("esp_ppm", "jobs", "mean", "expected"),
    [
        pytest.param(900_000, 0, 0.0, 900_000, id="without a measurement it is the estimate"),
        pytest.param(900_000, 1, 0.8, 883_636, id="one job says little"),
        pytest.param(900_000, 10, 0.8, 810_000, id="as many jobs as the weight: half way"),
        pytest.param(900_000, 10_000, 0.8, 720_179, id="many jobs: their mean"),
        pytest.param(900_000, 1_000, 1.5, 1_000_000, id="never more than certain"),
    ],
)
def test_the_mean_is_drawn_to_the_estimate(esp_ppm: int, jobs: int, mean: float, expected: int) -> None:
    assert corrected_ppm(esp_ppm, jobs, round(jobs * mean * 1_000_000)) == expected


@given(ESP, st.lists(st.integers(0, 2_000_000), max_size=50))
def test_it_lies_between_the_estimate_and_what_the_mean_says(esp_ppm: int, ratios: list[int]) -> None:
    found = corrected_ppm(esp_ppm, len(ratios), sum(ratios))
    mean = min(1_000_000, esp_ppm * sum(ratios) // (len(ratios) * 1_000_000)) if ratios else esp_ppm
    assert min(esp_ppm, mean) - 1 <= found <= max(esp_ppm, mean) + 1


@given(ESP, st.lists(st.integers(0, 2_000_000), min_size=1, max_size=50))
def test_the_order_of_jobs_does_not_matter_and_another_job_moves_it_towards_its_ratio(
    esp_ppm: int, ratios: list[int]
) -> None:
    *before, last = ratios
    without = corrected_ppm(esp_ppm, len(before), sum(before))
    with_it = corrected_ppm(esp_ppm, len(ratios), sum(reversed(ratios)))
    factor = (sum(before) + PRIOR_JOBS * 1_000_000) / (len(before) + PRIOR_JOBS)
    assert with_it <= without + 1 if last < factor else with_it >= without - 1


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        corrected_ppm(-1, 0, 0)
