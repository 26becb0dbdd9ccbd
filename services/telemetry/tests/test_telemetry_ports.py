"""Laws of the ports to the log and to the counters: the fakes in memory obey what the real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobSealed
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.topology import topology
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.rows import Row, row_of
from queuebit_runtime.view import Raw, View
from queuebit_telemetry.adapters import ClickHouse, LogHead
from queuebit_telemetry.policy import Ratio
from queuebit_telemetry.ports import Analytics, Follow, Log
from queuebit_testing.build import funded, held
from queuebit_testing.server import NatsServer

from .fakes import MemoryAnalytics, MemoryMessages

Publish = Callable[[AnyEvent], Awaitable[int]]
"""Stores an event in the log; returns its sequence."""

Keep = Callable[[list[Row]], Awaitable[None]]
"""Stores rows in an empty table."""

Life = Callable[..., list[AnyEvent]]


class LogLaws:
    """Asks for the fixtures `log` and `publish`."""

    async def test_the_head_is_the_last_message(self, log: Log, publish: Publish) -> None:
        before = await log.head()
        assert (before.last, before.messages) == (0, 0)
        await publish(funded())
        last = await publish(held("j1"))
        now = await log.head()
        assert (now.first, now.last, now.messages) == (1, last, 2)

    async def test_messages_are_counted_for_one_tenant_alone(self, log: Log, publish: Publish) -> None:
        for event in (funded(), held("j1"), held("j2"), funded(tenant="evil")):
            await publish(event)
        assert [await log.messages_of(it) for it in ("acme", "evil", "nobody")] == [3, 1, 0]


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


class AnalyticsLaws:
    """Asks for the fixtures `analytics` and `keep`."""

    async def test_the_position_is_that_of_the_newest_row(
        self, analytics: Analytics, keep: Keep, life_of: Life
    ) -> None:
        assert (await analytics.position()).seq == 0
        await keep(_rows(life_of("acme", "j1")))
        assert (await analytics.position()).seq == 6

    async def test_everything_is_counted_for_one_tenant_alone(
        self, analytics: Analytics, keep: Keep, life_of: Life
    ) -> None:
        await keep(_rows([*life_of("acme", "j1"), *life_of("acme", "j2", 100), *life_of("evil", "j3")]))
        assert [await analytics.count_events(it) for it in ("acme", "evil", "nobody")] == [12, 6, 0]
        found = await analytics.counts("acme", _ago(hours=24), _ago(hours=-1))
        assert (found.success, found.receipts) == (Ratio(2, 2), Ratio(2, 2))
        assert (found.queue_wait.longest_ms, found.end_to_end.longest_ms) == (220, 700)
        assert [sum(it.histogram) for it in (found.queue_wait, found.end_to_end)] == [2, 2]
        assert found.queue_wait.histogram.index(1) < found.end_to_end.histogram.index(2)

    async def test_a_receipt_is_owed_only_for_what_ended_long_enough_ago(
        self, analytics: Analytics, keep: Keep, life_of: Life
    ) -> None:
        await keep(_rows([it for it in life_of("acme", "j1") if not isinstance(it, JobSealed)]))
        owed = [(await analytics.counts("acme", _ago(hours=24), _ago(hours=it))).receipts for it in (-1, 1)]
        assert owed == [Ratio(0, 1), Ratio(0, 0)]


def _rows(events: list[AnyEvent]) -> list[Row]:
    now = datetime.now(UTC)
    return [row_of(subject_of(it), it.to_bytes(), seq, now) for seq, it in enumerate(events, 1)]


def _ago(*, hours: int) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


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


class TestMemoryAnalytics(AnalyticsLaws):
    @pytest.fixture
    def analytics(self) -> MemoryAnalytics:
        return MemoryAnalytics()

    @pytest.fixture
    def keep(self, analytics: MemoryAnalytics) -> Keep:
        async def keep(rows: list[Row]) -> None:
            analytics.rows += rows

        return keep


@pytest.mark.server
class TestWarehouse(AnalyticsLaws):
    @pytest.fixture
    def analytics(self, clickhouse: ClickHouse) -> Analytics:
        return clickhouse

    @pytest.fixture
    def keep(self, clickhouse: ClickHouse) -> Keep:
        async def keep(rows: list[Row]) -> None:
            await clickhouse.append(rows, (await clickhouse.position()).generation, "LOG>0")

        return keep
