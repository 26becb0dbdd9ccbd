"""Laws of the ports to the log: the fakes in memory obey what the real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.topology import topology
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.view import Raw, View
from queuebit_telemetry.adapters import LogHead
from queuebit_telemetry.ports import Follow, Log
from queuebit_testing.build import funded, held
from queuebit_testing.server import NatsServer

from .fakes import MemoryMessages

Publish = Callable[[AnyEvent], Awaitable[int]]
"""Stores an event in the log; returns its sequence."""


class LogLaws:
    """Asks for the fixtures `log` and `publish`."""

    async def test_the_head_is_the_last_message(self, log: Log, publish: Publish) -> None:
        before = await log.head()
        assert (before.last, before.messages) == (0, 0)
        await publish(funded())
        last = await publish(held("j1"))
        now = await log.head()
        assert (now.first, now.last, now.messages) == (1, last, 2)


class FollowerLaws:
    """Asks for the fixtures `follow` and `publish`."""

    async def test_it_folds_what_comes_after_a_sequence_in_order_and_goes_on(
        self, follow: Follow, publish: Publish
    ) -> None:
        for number in range(5):
            await publish(held(f"j{number}"))
        async with _following(follow, after=2) as (seen, caught_up):
            await caught_up.wait()
            assert [it.sequence for it in seen] == [3, 4, 5]
            event = held("later")
            await publish(event)
            while len(seen) < 4:
                await asyncio.sleep(0.005)
            assert (seen[-1].sequence, seen[-1].subject, seen[-1].body) == (6, subject_of(event), event.to_bytes())

    async def test_it_has_caught_up_with_a_log_that_holds_nothing_newer(self, follow: Follow, publish: Publish) -> None:
        last = await publish(funded())
        async with _following(follow, after=last) as (seen, caught_up):
            await caught_up.wait()
            assert seen == []


@asynccontextmanager
async def _following(follow: Follow, after: int) -> AsyncIterator[tuple[list[Raw], asyncio.Event]]:
    seen: list[Raw] = []

    def fold(message: Raw) -> None:
        seen.append(message)

    follower = follow(fold, after)
    running = asyncio.ensure_future(follower.run())
    try:
        async with asyncio.timeout(20):
            yield seen, follower.caught_up
        assert not running.done(), "it runs until it is cancelled"
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def messages() -> MemoryMessages:
    return MemoryMessages()


class TestMemoryMessages(LogLaws, FollowerLaws):
    @pytest.fixture
    def log(self, messages: MemoryMessages) -> Log:
        return messages

    @pytest.fixture
    def follow(self, messages: MemoryMessages) -> Follow:
        return messages.follow

    @pytest.fixture
    def publish(self, messages: MemoryMessages) -> Publish:
        async def publish(event: AnyEvent) -> int:
            return await messages.publish(subject_of(event), event.to_bytes())

        return publish


@pytest.mark.server
class TestServer(LogLaws, FollowerLaws):
    @pytest.fixture
    async def bus(self, nats_server: NatsServer) -> AsyncIterator[Bus]:
        bus = Bus("telemetry", nats_server.url, nats_server.seeds["telemetry"])
        await bus.connect()
        yield bus
        await bus.close()

    @pytest.fixture
    def log(self, bus: Bus) -> Log:
        return LogHead(bus)

    @pytest.fixture
    def follow(self, bus: Bus) -> Follow:
        return lambda fold, after: View(bus, "telemetry", topology().service["telemetry"].view, fold, after=after)

    @pytest.fixture
    async def publish(self, nats_server: NatsServer) -> AsyncIterator[Publish]:
        bus = Bus("broker", nats_server.url, nats_server.seeds["broker"])
        await bus.connect()
        yield JetStreamLog(bus).append
        await bus.close()
