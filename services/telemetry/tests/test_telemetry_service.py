"""Telemetry on a real nats-server and a real warehouse that dies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.query import Answer
from queuebit_contracts.subjects import subject_of
from queuebit_kernel import SystemClock
from queuebit_runtime.bus import Bus
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.view import View
from queuebit_slo import query, shipped
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.app import Telemetry
from queuebit_telemetry.rebuild import rebuild
from queuebit_telemetry.settings import Settings
from queuebit_telemetry.sink import Sink
from queuebit_testing.server import NatsServer, free_port

from .conftest import LifeOf, Warehouse

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]
"""Each insert waits for the disk: on a busy machine these tests take ten times as long."""

WRITERS = {
    "submitted": "broker",
    "accepted": "broker",
    "completed": "executor-aer",
    "metered": "metering",
    "settled": "metering",
    "sealed": "provenance",
}
"""Who may write which event."""


class Writers:
    """Appends events with full permissions."""

    def __init__(self, clients: dict[str, Client]) -> None:
        self.clients = clients

    async def append(self, events: list[AnyEvent]) -> None:
        await asyncio.gather(*(self._append(event) for event in events))

    async def raw(self, writer: str, subject: str, body: bytes) -> None:
        await self.clients[writer].jetstream(timeout=20).publish(subject, body, stream="LOG")

    async def _append(self, event: AnyEvent) -> None:
        await self.raw(_writer(event), subject_of(event), event.to_bytes())


def _writer(event: AnyEvent) -> str:
    return WRITERS[event.type.split(".")[2]]


@pytest.fixture
async def writers(nats_server: NatsServer) -> AsyncIterator[Writers]:
    clients = {name: await nats_server.connect(name) for name in {*WRITERS.values(), "acme/ann", "evil/eve"}}
    yield Writers(clients)
    for client in clients.values():
        await client.close()


@asynccontextmanager
async def sinking(
    server: NatsServer, warehouse: Warehouse, password_file: Path, *, flush_ms: int = 10, max_batch: int = 10_000
) -> AsyncIterator[Sink]:
    """A sink as the service runs it, without the rest of the service."""
    bus = Bus("telemetry", server.url, server.seeds["telemetry"])
    await bus.connect()
    client = warehouse.client()
    chosen = Settings(warehouse_password_file=password_file, flush_ms=flush_ms, max_batch=max_batch)
    sink = Sink(client, lambda fold, after: View(bus, "telemetry", ["qb.>"], fold, after=after), chosen, SystemClock())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sink.run())
        try:
            yield sink
        finally:
            task.cancel()
    await client.close()
    await bus.close()


async def holds(clickhouse: ClickHouse, last: int) -> None:
    """Wait until the warehouse has the log up to `last`."""
    while (await clickhouse.position()).seq < last:  # the test's own time limit ends this
        await asyncio.sleep(0.02)


async def assert_exactly_once(clickhouse: ClickHouse, last: int) -> None:
    (row,) = await clickhouse._query(
        "SELECT count() AS n, uniqExact(seq) AS d, min(seq) AS a, max(seq) AS z FROM events"
    )
    assert row == {"n": last, "d": last, "a": 1, "z": last}


async def test_warehouse_killed_during_inserts_holds_every_event_once(
    nats_server: NatsServer,
    warehouse: Warehouse,
    clickhouse: ClickHouse,
    writers: Writers,
    life_of: LifeOf,
) -> None:
    jobs = 120
    async with sinking(nats_server, warehouse, warehouse.password_file, max_batch=25):
        for number in range(jobs):
            await writers.append(life_of("acme", f"j{number}", number))
            if number in (30, 70):
                warehouse.kill()
                await asyncio.to_thread(warehouse.start)
        await writers.raw("broker", "qb.job.acme.jx.submitted", b"\xff not an event")
        last = jobs * 6 + 1
        await holds(clickhouse, last)
    await assert_exactly_once(clickhouse, last)

    (malformed,) = await clickhouse._query("SELECT seq, tenant, job, data FROM events WHERE type = ''")
    assert (malformed["tenant"], malformed["job"]) == ("acme", "jx")
    success = next(it for it in shipped() if it.name == "job-success")
    (counted,) = await clickhouse.cases(query(success, datetime.now(UTC), [timedelta(days=1)]))
    assert (counted["tenant"], counted["total"]) == ("acme", jobs)


async def test_two_sinks_and_a_rebuild_store_every_event_once(
    nats_server: NatsServer,
    warehouse: Warehouse,
    clickhouse: ClickHouse,
    writers: Writers,
    life_of: LifeOf,
) -> None:
    password_file: Path = warehouse.password_file
    async with (
        sinking(nats_server, warehouse, password_file, max_batch=20),
        sinking(nats_server, warehouse, password_file, max_batch=7),
    ):
        for number in range(60):
            await writers.append(life_of("acme", f"j{number}", number))
        await holds(clickhouse, 360)
        await assert_exactly_once(clickhouse, 360)
        await rebuild(clickhouse)
        await writers.append(life_of("acme", "j60"))
        await holds(clickhouse, 366)
    await assert_exactly_once(clickhouse, 366)


@asynccontextmanager
async def serving(server: NatsServer, warehouse: Warehouse) -> AsyncIterator[Telemetry]:
    """The whole service, in this process."""
    bus = BusSettings(url=server.url, seed_file=server.seed_file("telemetry"), health_port=free_port())
    settings = Settings(
        warehouse_url=warehouse.url,
        warehouse_password_file=warehouse.password_file,
        flush_ms=10,
    )
    service = Telemetry(bus, settings)
    await service._start()
    try:
        yield service
    finally:
        await service._end()


async def ask(client: Client, whose: str, question: str, **what: object) -> Answer:
    reply = await client.request(f"qb.query.{whose}.{question}", json.dumps(what).encode(), timeout=20)
    return Answer.model_validate_json(reply.data)


async def test_tenant_learns_its_own_and_nothing_of_others(
    nats_server: NatsServer, warehouse: Warehouse, writers: Writers, life_of: LifeOf
) -> None:
    await writers.append(life_of("acme", "j1") + life_of("evil", "j2"))
    ann, eve = writers.clients["acme/ann"], writers.clients["evil/eve"]
    async with serving(nats_server, warehouse) as service:
        assert service.health().ready
        assert [row["job"] for row in (await ask(ann, "acme", "jobs")).rows] == ["j1"]
        assert [row["job"] for row in (await ask(eve, "evil", "jobs", tenant="acme")).rows] == ["j2"]
        assert (await ask(eve, "evil", "jobs", job="j1")).rows == ()
        assert [row["jobs"] for row in (await ask(eve, "evil", "charges")).rows] == [1]
        with pytest.raises((TimeoutError, APIError)):
            await eve.request("qb.query.acme.jobs", b"{}", timeout=0.3)

        by_name = {row["name"]: row for row in (await ask(ann, "acme", "slo")).rows}
        assert (by_name["job-success"]["good"], by_name["job-success"]["actual"]) == (1, "1")
        assert by_name["queue-wait-p95"]["budget_remaining"] == "1"
        refused = (await ask(ann, "acme", "jobs", limit=0)).error
        assert refused is not None
        assert refused.code == "malformed"


async def test_spans_of_the_services_arrive(
    nats_server: NatsServer, warehouse: Warehouse, clickhouse: ClickHouse
) -> None:
    bus = Bus("broker", nats_server.url, nats_server.seeds["broker"])
    await bus.connect()
    with bus.tracing.span("broker admit", attributes={"queuebit.job": "j1"}):
        pass
    await bus.tracing.flush(bus.client)
    await bus.close()
    async with serving(nats_server, warehouse):
        query = "SELECT SpanName, ServiceName, SpanAttributes FROM otel_traces WHERE ServiceName = 'broker'"
        while not (rows := await clickhouse._query(query)):
            await asyncio.sleep(0.05)
    assert rows == [{"SpanName": "broker admit", "ServiceName": "broker", "SpanAttributes": {"queuebit.job": "j1"}}]


STRANGE = (
    *(b"", b"\xff\xfe", b"NaN", b"[" * 100_000, b'{"a":' * 20_000, b"9" * 130_000, b'"\\ud800"', b"\x00", b"null"),
    *(b'{"type":%b}' % (b"9" * 5000), b'{"limit":1e400}', b'{"job":"\\u0000"}', b'{"project":"a\\u0000\'b"}'),
)


async def test_nothing_that_can_be_sent_stops_it(
    nats_server: NatsServer,
    warehouse: Warehouse,
    clickhouse: ClickHouse,
    writers: Writers,
    life_of: LifeOf,
) -> None:
    ann, broker = writers.clients["acme/ann"], writers.clients["broker"]
    async with serving(nats_server, warehouse) as service:
        service.tasks.failed = failed = asyncio.get_running_loop().create_future()
        for body in STRANGE:
            size = len(body)
            for name in (b"j1", b"\xff", b"a\x0cb", b"a\x00b", b"b" * 3000):
                await broker._send_command(b"PUB qb.job.acme.%b.submitted %d\r\n%b\r\n" % (name, size, body))
            await broker._send_command(b"PUB qb.trace.broker %d\r\n%b\r\n" % (size, body))
            for reply in (b"", b"\xff", b"a\x0cb", b"LOG", b"qb.job.acme.j1.submitted"):
                await ann._send_command(b"PUB qb.query.acme.jobs %b %d\r\n%b\r\n" % (reply, size, body))
        await asyncio.gather(ann.flush(), broker.flush())
        await writers.append(life_of("acme", "j2"))
        while (answer := await ask(ann, "acme", "jobs")).error is not None:
            assert answer.error.code == "busy"
        assert "j2" in [row["job"] for row in answer.rows]
        await assert_exactly_once(clickhouse, len(STRANGE) * 5 + 6)
        unsettled = True
        while unsettled:
            consumer = await service.bus.client.jetstream().consumer_info("TRACES", "telemetry-spans")
            unsettled = bool(consumer.num_pending or consumer.num_ack_pending)
        assert not failed.done()


async def test_service_waits_for_its_warehouse_and_says_so(
    nats_server: NatsServer, warehouse: Warehouse, writers: Writers, life_of: LifeOf
) -> None:
    async with serving(nats_server, warehouse) as service:
        warehouse.kill()
        await writers.append(life_of("acme", "j1"))
        while "stay in the log" not in (service.health().reason or "") or service.health().behind != 6:
            await asyncio.sleep(0.02)
        refused = (await ask(writers.clients["acme/ann"], "acme", "jobs")).error
        assert refused is not None
        assert refused.code == "unavailable"
        await asyncio.to_thread(warehouse.start)
        while service.health().reason is not None or service.health().behind:
            await asyncio.sleep(0.02)
