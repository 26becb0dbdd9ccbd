"""A header that looks like the server's own changes nothing, and a closed connection takes no time from other tasks."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from faststream.nats import NatsRouter

from queuebit_contracts.subjects import account, subject_of
from queuebit_runtime.bus import Bus
from queuebit_runtime.consumers import Body, subscribes
from queuebit_runtime.log import JetStreamLog, Stored
from queuebit_runtime.view import View, fold_events
from queuebit_testing.build import funded
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

STATUSES = ("100", "204", "404", "408", "409", "503")


@pytest.mark.parametrize("status", STATUSES)
async def test_views_reads_and_consumers_take_it_like_any_other(fresh_server: NatsServer, status: str) -> None:
    bus = Bus("broker", fresh_server.url, fresh_server.seeds["broker"])
    await bus.connect()
    poison, log, seen = funded("7"), JetStreamLog(bus), list[int]()

    def fold(stored: Stored) -> None:
        seen.append(stored.sequence)

    view = View(bus, "broker", ["qb.account.>"], fold_events(fold))
    following = asyncio.get_running_loop().create_task(view.run())
    await bus.client.request(subject_of(poison), poison.to_bytes(), timeout=20, headers={"Status": status})
    newest = await log.last(subject_of(poison))
    history = await log.history(account(poison.data.tenant, poison.data.account))
    await asyncio.wait_for(view.reached(await log.append(funded("8"))), 20)

    assert newest is not None
    assert (newest.event, [it.event for it in history], seen) == (poison, [poison], [1, 2])
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    await bus.close()


@pytest.mark.parametrize("status", STATUSES)
async def test_a_consumer_receives_it(acme_server: NatsServer, status: str) -> None:
    ann, bus = await acme_server.connect("broker"), Bus("broker", acme_server.url, acme_server.seeds["broker"])
    await bus.connect()
    await ann.request("qb.job.acme.j1.submitted", b"asked", timeout=20, headers={"Status": status})
    consumer = await bus.client.jetstream().pull_subscribe_bind("broker-submitted", stream="LOG")
    given = await consumer.fetch(1, timeout=20)
    assert [it.data for it in given] == [b"asked"]
    await ann.close()
    await bus.close()


@pytest.fixture
async def acme_server(tmp_path):  # type: ignore[no-untyped-def]  # an async generator fixture
    async with NatsServer(tmp_path, (("acme", "ann", "submitter"),)).running() as server:
        yield server


async def test_headers_without_any_form_stop_no_one(acme_server: NatsServer) -> None:
    ann, bus = await acme_server.connect("broker"), Bus("broker", acme_server.url, acme_server.seeds["broker"])
    await bus.connect()
    forms = [b"NATS/1.0\r\nX: \xff\r\n\r\n", b"NATS/1.0 503 no\r\n\r\n", b"NATS/1.0 a\xff\r\n\r\n", b"NATS/1.0", b"??"]
    for number, form in enumerate(forms):
        await ann._send_command(
            b"HPUB qb.job.acme.j%d.submitted %d %d\r\n%b\r\n" % (number, len(form), len(form), form)
        )
    await ann.flush()
    consumer = await bus.client.jetstream().pull_subscribe_bind("broker-submitted", stream="LOG")
    given = [(await consumer.fetch(1, timeout=20))[0].subject for _ in forms]
    assert given == [f"qb.job.acme.j{number}.submitted" for number in range(len(forms))]
    await ann.close()
    await bus.close()


async def test_subjects_that_are_no_text_stop_no_one(acme_server: NatsServer) -> None:
    ann, bus = await acme_server.connect("broker"), Bus("broker", acme_server.url, acme_server.seeds["broker"])
    await bus.connect()
    names = [b"\xff", b"a\x0cb", b"a\x0bb", b"a\x00b", b"\xc2\x85", b"b" * 4000, b"last"]
    for name in names:
        await ann._send_command(b"PUB qb.job.acme.%b.submitted 1\r\n?\r\n" % name)
        await ann._send_command(b"HPUB qb.job.acme.%b.submitted 19 20\r\nNATS/1.0\r\nX: \x0c\x0b\r\n\r\n?\r\n" % name)
    await ann.flush()
    consumer = await bus.client.jetstream().pull_subscribe_bind("broker-submitted", stream="LOG")
    given = [(await consumer.fetch(1, timeout=20))[0].subject.split(".")[3] for _ in 2 * names]
    assert given == [name.decode(errors="backslashreplace") for name in names for _ in range(2)]
    await ann.close()
    await bus.close()


async def test_consumers_of_a_closed_connection_leave_time_for_others(fresh_server: NatsServer) -> None:
    bus = Bus("metering", fresh_server.url, fresh_server.seeds["metering"])
    router = NatsRouter()

    @subscribes(router, "metering-ended", workers=4)
    async def on_ended(body: Body) -> None:
        del body

    bus.broker.include_router(router)
    await bus.connect()
    await bus.start()
    await bus.client.close()  # as when the server does not admit the service any more
    for _ in range(20):
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await bus.close()
