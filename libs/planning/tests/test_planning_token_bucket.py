"""The rate limit of a vendor."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_planning.token_bucket import TokenBucket


def test_a_tenth_comes_at_once_and_the_rest_evenly() -> None:
    bucket = TokenBucket(20)
    assert [round(bucket.take(100.0), 3) for _ in range(4)] == [0, 0, 3.333, 6.667]
    assert bucket.take(1_000.0) == 0, "it is full again"


@pytest.mark.parametrize(
    ("per_minute", "due_s"), [(1, [0, 60, 120]), (2, [0, 60, 120]), (3, [0, 30, 60]), (21, [0, 0, 60 / 19])]
)
def test_tokens_are_due_at_exactly(per_minute: int, due_s: list[float]) -> None:
    bucket = TokenBucket(per_minute)
    assert [bucket.take(0.0) for _ in due_s] == pytest.approx(due_s)


@given(st.integers(1, 500), st.lists(st.integers(0, 20_000), min_size=1, max_size=200))
def test_no_minute_has_more_than_allowed_and_calls_keep_their_order(per_minute: int, pauses_ms: list[int]) -> None:
    bucket, now, used = TokenBucket(per_minute), 0.0, list[float]()
    for pause in pauses_ms:
        now += pause / 1_000
        used.append(now + bucket.take(now))
    assert all(one <= later for one, later in pairwise(used))
    for at, first in enumerate(used):
        assert sum(it < first + 59.999 for it in used[at:]) <= per_minute


def test_a_look_at_the_wait_takes_no_token() -> None:
    bucket = TokenBucket(20)
    assert [round(bucket.wait(100.0), 3) for _ in range(2)] == [0, 0]
    assert [round(bucket.take(100.0), 3) for _ in range(3)] == [0, 0, 3.333]
    assert [round(bucket.wait(100.0), 3) for _ in range(2)] == [6.667, 6.667]
