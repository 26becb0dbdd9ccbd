"""A lease: which of several processes leads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from types import SimpleNamespace
from typing import NoReturn

from queuebit_kernel import FixedClock, Stale, SystemClock, Unavailable
from queuebit_runtime.bucket import Bucket, BucketEntry
from queuebit_runtime.harden import OnMessage
from queuebit_runtime.lease import Lease


class MemoryBucket(Bucket):
    """One entry in memory."""

    def __init__(self) -> None:
        self.name = "TEST"
        self.entry = BucketEntry("leader", 0, b"")
        self.is_away = False
        self.now: Callable[[], datetime | None] = lambda: None
        self.before_write: list[Awaitable[None]] = []
        self._watching: list[OnMessage] = []

    async def newest(self, keys: str) -> BucketEntry:
        if self.is_away:
            raise Unavailable("away")
        return self.entry

    async def write(self, key: str, body: bytes, revision: int) -> int:
        while self.before_write:
            await self.before_write.pop()
        if revision != self.entry.revision:
            raise Stale(key)
        self.entry = BucketEntry(key, revision + 1, body, self.now())
        for on_message in self._watching:
            on_message(SimpleNamespace(data=body))  # type: ignore[arg-type]  # what is read of a message
        return revision + 1

    async def watch(self, key: str, on_message: OnMessage) -> None:
        self._watching.append(on_message)


async def test_one_process_leads_and_another_takes_over_after_its_lease() -> None:
    bucket, clock = MemoryBucket(), FixedClock()
    bucket.now = clock.now
    first, second = Lease(bucket, "one", 10, clock), Lease(bucket, "two", 10, clock)
    await first.renew()
    await second.renew()
    assert (first.leads, second.leads) == (True, False)
    for _ in range(20):
        clock.advance(2)
        await first.renew()
        await second.renew()
        assert (first.leads, second.leads) == (True, False)
    assert first.vacant_since is None
    last = clock.now()
    for _ in range(4):  # the first is killed
        clock.advance(2)
        await second.renew()
        assert not second.leads
    assert not first.leads, "it would have stopped before another takes over"
    clock.advance(2)
    await second.renew()
    assert second.leads
    assert second.vacant_since == last


async def test_a_lease_passes_at_once_to_a_process_of_the_same_name_and_after_an_orderly_end() -> None:
    bucket, clock = MemoryBucket(), FixedClock()
    first = Lease(bucket, "one", 10, clock)
    await first.renew()
    again = Lease(bucket, "one", 10, clock)
    await again.renew()
    assert again.leads
    await again.leave()
    other = Lease(bucket, "two", 10, clock)
    await other.renew()
    assert other.leads
    assert not again.leads


async def test_without_the_bucket_no_process_leads_for_long() -> None:
    bucket, clock = MemoryBucket(), FixedClock()
    lease = Lease(bucket, "one", 10, clock)
    await lease.renew()
    bucket.is_away = True
    clock.advance(8)
    await lease.renew()
    assert not lease.leads


async def test_another_process_cannot_write_between_the_look_and_the_heartbeat() -> None:
    bucket, clock = MemoryBucket(), FixedClock()
    first, second = Lease(bucket, "one", 10, clock), Lease(bucket, "two", 10, clock)
    bucket.before_write.append(second.renew())
    await first.renew()
    assert (first.leads, second.leads) == (False, True)


async def test_a_process_that_was_stopped_for_longer_than_its_lease_does_not_lead_when_it_goes_on() -> None:
    bucket, clock = MemoryBucket(), FixedClock()
    lease = Lease(bucket, "one", 10, clock)
    await lease.renew()
    assert lease.number == 1
    clock.advance(30)
    assert not lease.leads
    await lease.renew()
    assert (lease.leads, lease.number) == (True, 2), "no other process took over, and it leads for a second time"


async def test_a_process_that_has_left_does_not_lead_again_although_a_heartbeat_was_on_its_way() -> None:
    bucket, clock = MemoryBucket(), FixedClock()
    lease, other = Lease(bucket, "one", 10, clock), Lease(bucket, "two", 10, clock)
    await lease.renew()
    bucket.before_write.append(lease.leave())
    await lease.renew()
    await lease.renew()
    assert not lease.leads
    await other.renew()
    assert other.leads


async def test_a_standby_leads_at_once_when_the_leader_leaves() -> None:
    bucket, clock = MemoryBucket(), SystemClock()
    first, second = Lease(bucket, "one", 60, clock), Lease(bucket, "two", 60, clock)
    holding = [asyncio.ensure_future(first.hold())]
    assert await first.gained(0) == 1
    holding.append(asyncio.ensure_future(second.hold()))
    async with asyncio.timeout(5):
        await asyncio.sleep(0.01)
        assert not second.leads
        await first.leave()
        assert await second.gained(0) == 1
    await _end(holding)


async def test_a_standby_leads_when_the_lease_has_ended_and_not_at_its_next_look_only() -> None:
    bucket, clock = MemoryBucket(), SystemClock()
    first, second = Lease(bucket, "one", 0.2, clock), Lease(bucket, "two", 0.2, clock)
    second.every_s = 60
    await first.renew()
    holding = [asyncio.ensure_future(second.hold())]
    async with asyncio.timeout(5):
        await second.gained(0)
    assert not first.leads
    await _end(holding)


async def _end(tasks: list[asyncio.Task[NoReturn]]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
