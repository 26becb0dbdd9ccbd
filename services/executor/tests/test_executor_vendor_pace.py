"""The rate limit of a vendor."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_executor.vendor_pace import PacedVendor, TokenBucket


def test_a_tenth_comes_at_once_and_the_rest_evenly() -> None:
    bucket = TokenBucket(20)
    assert [round(bucket.take(100.0), 3) for _ in range(4)] == [0, 0, 3.333, 6.667]
    assert bucket.take(1_000.0) == 0, "it is full again"


@given(st.integers(1, 500), st.lists(st.integers(0, 20_000), min_size=1, max_size=200))
def test_no_minute_has_more_than_allowed_and_calls_keep_their_order(per_minute: int, pauses_ms: list[int]) -> None:
    bucket, now, used = TokenBucket(per_minute), 0.0, list[float]()
    for pause in pauses_ms:
        now += pause / 1_000
        used.append(now + bucket.take(now))
    assert all(one <= later for one, later in pairwise(used))
    for at, first in enumerate(used):
        assert sum(it < first + 59.999 for it in used[at:]) <= per_minute


class Counting:
    """A vendor that knows when it was called."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[float] = []

    async def ended(self, backend: str, handle: str, owner: str) -> bool:
        self.calls.append(self.now)
        return True

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


async def test_calls_of_all_tenants_share_the_bucket() -> None:
    vendor = Counting()
    paced = PacedVendor(vendor, TokenBucket(10), lambda: vendor.now, vendor.sleep)  # type: ignore[arg-type]  # one call
    for owner in ("acme", "evil", "acme"):
        assert await paced.ended("garnet", "h1", owner)
    assert vendor.calls == pytest.approx([0, 60 / 9, 120 / 9])
    await asyncio.gather(*(paced.ended("garnet", "h1", "acme") for _ in range(2)))
    assert len(vendor.calls) == 5
