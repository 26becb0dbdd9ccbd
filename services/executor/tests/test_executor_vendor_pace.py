"""The rate limit of a vendor."""

from __future__ import annotations

import asyncio

import pytest

from queuebit_executor.vendor_pace import PacedVendor
from queuebit_planning.token_bucket import TokenBucket


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
