"""Following the log from the beginning, through outages and poison."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from nats.aio.subscription import Subscription

from queuebit_contracts.topology import VIEWS
from queuebit_runtime.bus import Bus
from queuebit_runtime.connection import Client
from queuebit_runtime.delivery import origin_of
from queuebit_runtime.harden import listen
from queuebit_runtime.log import JetStreamLog, Stored
from queuebit_runtime.received import Received
from queuebit_runtime.view import View, fold_events
from queuebit_runtime.view_consumer import ViewConsumer
from queuebit_testing.build import accepted, funded
from queuebit_testing.damage import flip_a_bit
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


class Reader:
    """A view that remembers what it folded."""

    def __init__(
        self, bus: Bus, after: int = 0, every_s: float = 0, filters: Sequence[str] = ("qb.account.>",)
    ) -> None:
        self.seen: list[int] = []
        self.view = View(bus, "broker", filters, fold_events(self._fold), after=after, every_s=every_s)
        self._task = asyncio.get_running_loop().create_task(self.view.run())

    def _fold(self, stored: Stored) -> None:
        self.seen.append(stored.sequence)

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def test_an_empty_log_is_caught_up_at_once(bus: Bus) -> None:
    reader = Reader(bus)
    await asyncio.wait_for(reader.view.caught_up.wait(), 20)
    assert reader.seen == []
    await reader.close()


@pytest.mark.parametrize("every_s", [0, 0.02])
async def test_everything_is_folded_once_and_in_order(bus: Bus, every_s: float) -> None:
    log = JetStreamLog(bus)
    await asyncio.gather(*(log.append(funded(str(n))) for n in range(1, 1201)))
    reader = Reader(bus, every_s=every_s)
    await asyncio.wait_for(reader.view.caught_up.wait(), 20)
    for _ in range(20):
        last = await log.append(funded("5"))
    await asyncio.wait_for(reader.view.reached(last), 20)
    last = await log.append(funded("5"))
    await asyncio.wait_for(reader.view.reached(last), 20)
    assert reader.seen == list(range(1, 1222))
    await reader.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Where consumers begin, and whether they have much to read: 20 messages are much."""
    create, asked = ViewConsumer.create, []

    async def asking(consumer: ViewConsumer, first: int) -> int:
        pending = await create(consumer, first)
        asked.append((first, consumer.far))
        return pending

    monkeypatch.setattr("queuebit_runtime.view_consumer._FAR", 20)
    monkeypatch.setattr(ViewConsumer, "create", asking)
    return asked


async def test_with_much_to_read_it_has_one_filter_and_then_its_own(bus: Bus, asked: list[tuple[int, bool]]) -> None:
    log, subjects = JetStreamLog(bus), ["qb.account.>", "qb.job.*.*.rejected"]
    for number in range(20):
        await log.append(funded())
        await log.append(accepted(f"j{number}"))
    reader = Reader(bus, filters=subjects)
    await asyncio.wait_for(reader.view.caught_up.wait(), 20)
    last = await log.append(funded("5"))
    await asyncio.wait_for(reader.view.reached(last), 20)
    assert reader.seen == [*range(1, 40, 2), 41]
    assert asked == [(1, True), (41, False)]
    await reader.close()


async def test_few_messages_among_many_of_other_subjects_are_asked_for_alone(
    bus: Bus, asked: list[tuple[int, bool]]
) -> None:
    log = JetStreamLog(bus)
    await log.append(accepted("j1"))
    for _ in range(30):
        await log.append(funded())
    reader = Reader(bus, filters=["qb.job.*.*.accepted", "qb.job.*.*.rejected"])
    await asyncio.wait_for(reader.view.caught_up.wait(), 20)
    await asyncio.wait_for(reader.view.reached(await log.append(accepted("j2"))), 20)
    assert reader.seen == [1, 32]
    assert asked == [(1, False)]
    await reader.close()


async def test_it_begins_where_it_is_reported(bus: Bus) -> None:
    log = JetStreamLog(bus)
    for _ in range(5):
        await log.append(funded())
    reader = Reader(bus, after=3)
    await asyncio.wait_for(reader.view.reached(5), 20)
    assert reader.seen == [4, 5]
    await reader.close()


async def test_a_killed_server_loses_and_doubles_nothing(bus: Bus, fresh_server: NatsServer) -> None:
    log = JetStreamLog(bus)
    await log.append(funded())
    reader = Reader(bus)
    await asyncio.wait_for(reader.view.reached(1), 20)
    fresh_server.kill()
    await fresh_server.start()
    async with asyncio.timeout(20):
        while not bus.connected:
            await asyncio.sleep(0.02)
    last = await log.append(funded())
    await asyncio.wait_for(reader.view.reached(last), 20)
    assert reader.seen == [1, 2]
    await reader.close()


async def test_the_last_message_is_read_again_if_it_was_lost(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Received] = []

    async def listen_and_lose(client: Client, inbox: str, put: Callable[[Received], None]) -> Subscription:
        def take(message: Received) -> None:
            if message.status is None and not lost and origin_of(message).sequence == 2:
                lost.append(message)
            else:
                put(message)

        return await listen(client, inbox, take)

    monkeypatch.setattr("queuebit_runtime.view.listen", listen_and_lose)
    log = JetStreamLog(bus)
    await log.append(funded())
    reader = Reader(bus)
    await asyncio.wait_for(reader.view.reached(1), 20)
    await asyncio.wait_for(reader.view.reached(await log.append(funded("5"))), 20)
    assert (len(lost), reader.seen) == (1, [1, 2])
    await reader.close()


@pytest.mark.parametrize("every_s", [0, 0.02])
async def test_damaged_messages_are_counted_and_never_waited_for(
    bus: Bus, fresh_server: NatsServer, every_s: float
) -> None:
    log = JetStreamLog(bus)
    for _ in range(5):
        await log.append(funded())
    await log.append(accepted())  # beyond what the view looks at
    fresh_server.stop()
    for sequence in (3, 5):
        flip_a_bit(fresh_server.folder, sequence)
    await fresh_server.start()
    async with asyncio.timeout(20):
        while not bus.connected:
            await asyncio.sleep(0.02)
    reader = Reader(bus, every_s=every_s)
    await asyncio.wait_for(reader.view.caught_up.wait(), 20)
    await asyncio.wait_for(reader.view.reached(5), 20)
    assert reader.seen == [1, 2, 4]
    assert (reader.view.unreadable, reader.view.pending) == (2, 0)
    await asyncio.wait_for(reader.view.reached(await log.append(funded())), 20)
    assert reader.view.unreadable == 2
    await reader.close()


async def test_poison_becomes_a_dead_letter_and_does_not_stop_the_view(bus: Bus, fresh_server: NatsServer) -> None:
    await bus.client.jetstream().publish("qb.account.acme.main.funded", b"poison", stream="LOG")
    last = await JetStreamLog(bus).append(funded())
    reader = Reader(bus)
    await asyncio.wait_for(reader.view.reached(last), 20)
    assert reader.seen == [2]
    operator = await fresh_server.connect("operator")
    letter = await operator.jetstream().get_msg("DEAD", 1, direct=True)
    assert letter.subject == "qb.dead.broker-view.1"
    assert (letter.headers or {})["Qb-Sequence"] == "1"
    await operator.close()
    await reader.close()


async def test_poison_becomes_one_dead_letter_however_often_it_is_read(bus: Bus, fresh_server: NatsServer) -> None:
    await bus.client.jetstream().publish("qb.account.acme.main.funded", b"poison", stream="LOG")
    for _ in range(2):
        reader = Reader(bus)
        await asyncio.wait_for(reader.view.caught_up.wait(), 20)
        await reader.close()
    operator = await fresh_server.connect("operator")
    assert (await operator.jetstream().stream_info("DEAD")).state.messages == 1
    await operator.close()


async def test_processes_of_one_service_follow_side_by_side(bus: Bus, fresh_server: NatsServer) -> None:
    log = JetStreamLog(bus)
    await log.append(funded())
    second = Bus("broker", fresh_server.url, fresh_server.seeds["broker"])
    await second.connect()
    readers = [Reader(it) for it in (bus, second) for _ in range(2)]
    for _ in range(20):
        last = await log.append(funded())
    for reader in readers:
        await asyncio.wait_for(reader.view.reached(last), 20)
        assert reader.seen == list(range(1, last + 1))
        await reader.close()
    await second.close()


async def test_who_ends_frees_its_name(bus: Bus) -> None:
    last = await JetStreamLog(bus).append(funded())
    for _ in range(VIEWS + 1):
        reader = Reader(bus)
        await asyncio.wait_for(reader.view.reached(last), 20)
        await reader.close()


async def test_too_many_at_once_are_reported_and_wait(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "queuebit_runtime")
    last = await JetStreamLog(bus).append(funded())
    readers = [Reader(bus) for _ in range(VIEWS)]
    for reader in readers:
        await asyncio.wait_for(reader.view.reached(last), 20)
    late = Reader(bus)
    async with asyncio.timeout(20):
        while "too many processes follow LOG as broker" not in caplog.text:
            await asyncio.sleep(0.01)
    await readers.pop().close()
    await asyncio.wait_for(late.view.reached(last), 20)
    for reader in (*readers, late):
        await reader.close()
