"""Counts from shares: whole numbers that add up, and draws that are the same for one job."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from queuebit_quantum.shares import drawn, rounded


@given(st.dictionaries(st.integers(0, 255), st.integers(1, 1_000), min_size=1), st.integers(1, 5_000))
def test_counts_add_up_to_the_shots_and_are_near_their_shares(weights: dict[int, int], shots: int) -> None:
    total = sum(weights.values())
    counts = rounded({value: it / total for value, it in weights.items()}, shots)
    assert sum(counts.values()) == shots
    assert all(abs(counts.get(value, 0) - shots * it / total) < 1 for value, it in weights.items())


@given(st.dictionaries(st.integers(0, 255), st.integers(1, 1_000), min_size=1))
def test_shares_that_were_counts_are_these_counts(counts: dict[int, int]) -> None:
    shots = sum(counts.values())
    assert rounded({value: it / shots for value, it in counts.items()}, shots) == counts


def test_shots_of_one_job_are_drawn_alike() -> None:
    shares = {0: 0.25, 3: 0.75}
    first, again, other = (drawn(shares, 1_000, job) for job in ("a", "a", "b"))
    assert first == again != other
    assert sum(first.values()) == 1_000
    assert abs(first[3] - 750) < 5 * (1_000 * 0.75 * 0.25) ** 0.5, "five standard deviations; the seed is fixed"
