"""Forecasts of waits in vendors' queues."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_planning.vendor_queues import QueueHistory, QueueWait, stated

MINUTE_US = 60_000_000


def waits(*jobs: int) -> QueueWait:
    """The wait after these polls, a minute apart."""
    history = QueueHistory()
    for minute, count in enumerate(jobs):
        history.add(minute * MINUTE_US, count)
    return history.wait()


def test_without_a_poll_or_a_job_nothing_is_in_front() -> None:
    assert waits() == waits(0) == waits(7, 3, 0) == QueueWait(0, 0, 0)


def test_one_poll_uses_the_usual_time_of_a_job() -> None:
    assert waits(100) == QueueWait(1_100_000_000, 375_000_000, 4_650_000_000)


def test_a_queue_that_moves_fast_is_shorter_than_one_that_stands_still() -> None:
    fast, slow = waits(*range(200, 100, -10), 100), waits(*[100] * 11)
    assert fast.expected_us < waits(100).expected_us < slow.expected_us


def test_what_is_older_than_an_hour_does_not_count() -> None:
    stood, moved = [100] * 120, [100 + 20 * (59 - it) for it in range(60)]
    assert waits(*stood, *moved).expected_us < waits(*stood, *moved[:10]).expected_us
    assert abs(waits(*stood, *moved, 100).expected_us - waits(*moved, 100).expected_us) < waits(100).expected_us // 10


def test_a_poll_of_the_past_changes_nothing() -> None:
    history = QueueHistory()
    history.add(MINUTE_US, 5)
    before = history.wait()
    history.add(0, 900)
    history.add(MINUTE_US, 900)
    assert history.wait() == before


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=90))
def test_an_interval_contains_its_forecast(jobs: list[int]) -> None:
    found = waits(*jobs)
    assert 0 <= found.low_us <= found.expected_us <= found.high_us
    assert (found.expected_us == 0) == (jobs[-1] == 0)


def test_a_vendor_that_states_the_wait_is_believed_within_the_same_interval() -> None:
    found, own = stated(600_000_000), waits(100)
    assert found.expected_us == 600_000_000
    assert found.high_us / found.expected_us == pytest.approx(own.high_us / own.expected_us)
    assert found.low_us / found.expected_us == pytest.approx(own.low_us / own.expected_us)
