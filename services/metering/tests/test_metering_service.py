"""Metering as a process, on a real server: crashes, poison and prices that are gone."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js.api import RawStreamMsg

from queuebit_contracts.account import AccountCorrected, AccountSettled
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobMetered
from queuebit_contracts.subjects import account, job, vendor_bill
from queuebit_contracts.vendor_bill import CostRead
from queuebit_kernel import event_id
from queuebit_metering.policy import bill
from queuebit_metering.state import job_of
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.server import NatsServer

from .conftest import Life
from .cost_stubs import IonqStub

pytestmark = pytest.mark.server


_Event = TypeVar("_Event", bound=AnyEvent)


async def start(server: NatsServer, book: Path, costs: Path | None = None) -> Process:
    environment = {
        **os.environ,
        **({} if costs is None else {"QUEUEBIT_METERING_COSTS": str(costs)}),
        "QUEUEBIT_BUS_URL": server.url,
        "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file("metering")),
        "QUEUEBIT_METERING_PRICE_BOOK": str(book),
    }
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "queuebit_metering", env=environment)


async def say(server: NatsServer, service: str, *events: AnyEvent) -> None:
    bus = Bus(service, server.url, server.seeds[service])
    await bus.connect()
    for event in events:
        await JetStreamLog(bus).append(event)
    await bus.close()


async def there(log: JetStreamLog, subject: str, kind: type[_Event]) -> _Event:
    while (stored := await log.last(subject)) is None:
        await asyncio.sleep(0.005)
    assert isinstance(stored.event, kind)
    return stored.event


async def dead(server: NatsServer) -> RawStreamMsg:
    operator = await server.connect("operator")
    while (await operator.jetstream().stream_info("DEAD")).state.messages == 0:
        await asyncio.sleep(0.005)
    letter = await operator.jetstream().get_msg("DEAD", 1, direct=True)
    await operator.close()
    return letter


async def replayed(client: Client, letter: RawStreamMsg) -> bool:
    """Whether the handler took the dead letter; it may not listen yet."""
    try:
        answer = await client.request(
            "qb.replay.metering-ended", letter.data or b"", headers=letter.headers, timeout=10
        )
    except NoRespondersError:
        return False
    return bool(json.loads(answer.data)["settled"])


async def test_every_job_is_settled_once_through_crashes_and_poison(
    tmp_path: Path, life_of: type[Life], book_text: str
) -> None:
    book = tmp_path / "book.toml"
    book.write_text(book_text)
    server = NatsServer(tmp_path)
    crashed, plain, lost, late = (life_of(job=name) for name in ("j1", "j2", "j3", "j4"))
    ended = crashed.completed()
    half = JobMetered(
        id=event_id("metered", "acme", "j1"),
        source="qb/metering",
        data=bill(job_of([crashed.accepted()]), ended, crashed.book),
    )
    gone = lost.accepted()
    gone = lost.accepted(candidates=tuple(it.model_copy(update={"price": "gone"}) for it in gone.data.candidates))
    async with server.running(), asyncio.timeout(100):
        await say(server, "broker", crashed.accepted(), gone, plain.accepted(), late.accepted())
        await say(server, "executor-aer", late.reported(1))  # it waits until its job is metered
        await say(server, "executor-aer", ended, lost.completed(), plain.completed(), late.completed(final=False))
        await say(server, "metering", half)  # an earlier process died here
        process = await start(server, book)
        operator = Bus("operator", server.url, server.seeds["operator"])
        await operator.connect()
        log = JetStreamLog(operator)
        settled = account("acme", "main")
        for name in ("j1", "j2"):
            event = await there(log, settled.event("settled", name), AccountSettled)
            assert event.data.settled.amount == "0.002023"
        event = await there(log, settled.event("settled", "j4"), AccountSettled)
        assert (event.data.settled.amount, event.data.revision) == ("0.002023", 1)
        await say(server, "executor-aer", late.reported(2, qpu_us=9000))
        corrected = await there(log, settled.event("corrected", "j4-2"), AccountCorrected)
        assert corrected.data.delta.amount == "0.000085"
        letter = await dead(server)
        assert letter.headers is not None
        assert letter.headers["Qb-Fault"] == "price_lost"
        assert "gone" in letter.headers["Qb-Reason"]
        assert await log.last(job("acme", "j3").event("metered")) is None

        process.kill()
        await process.wait()
        book.write_text(book_text.replace('"aer-1"', '"gone"'))  # as far as j3 knows, the old row
        process = await start(server, book)
        client = await server.connect("operator")
        while not await replayed(client, letter):
            await asyncio.sleep(0.02)
        await there(log, settled.event("settled", "j3"), AccountSettled)
        process.terminate()
        assert await process.wait() == 0
        await client.close()
        await operator.close()


async def test_a_vendors_number_stands_in_the_log_and_a_bad_file_stops_no_bill(tmp_path: Path, book_text: str) -> None:
    book, costs, key = tmp_path / "book.toml", tmp_path / "costs.toml", tmp_path / "key"
    book.write_text(book_text)
    key.touch(mode=0o600)
    server, today = NatsServer(tmp_path), f"{datetime.now(UTC):%Y-%m-%d}"
    with IonqStub() as vendor:
        key.write_text(vendor.secret)
        vendor.costs = {today: "12.42"}
        costs.write_text(f'[ionq]\norganization = "o"\nkey_file = "{key}"\nurl = "{vendor.url}"\n')
        async with server.running(), asyncio.timeout(60):
            operator = Bus("operator", server.url, server.seeds["operator"])
            await operator.connect()
            process = await start(server, book, costs)
            event = await there(JetStreamLog(operator), vendor_bill("ionq", today).event("read", "1"), CostRead)
            assert [(it.currency, it.amount) for it in event.data.amounts] == [("USD", "12.42")]
            process.terminate()
            assert await process.wait() == 0

            costs.write_text("poll_minutes = 0")
            process = await start(server, book, costs)
            client = await server.connect("operator")
            while True:
                try:
                    await client.request("qb.admin.bill", b"{}", timeout=5)
                    break
                except NoRespondersError:
                    await asyncio.sleep(0.05)
            process.terminate()
            assert await process.wait() == 0
            await client.close()
            await operator.close()
