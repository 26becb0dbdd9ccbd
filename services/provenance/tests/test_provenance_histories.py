"""Histories read in groups are those that the log gives one by one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from queuebit_contracts.subjects import Aggregate, job, subject_of
from queuebit_kernel import SystemClock, Unavailable, event_id
from queuebit_provenance.histories import JetStreamHistories
from queuebit_runtime import log as runtime_log
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.paced import Paced
from queuebit_runtime.stored import Stored
from queuebit_testing.server import NatsServer

from .job_lives import Life

pytestmark = pytest.mark.server


class Alone(JetStreamLog):
    """The log, which notes the histories that are read one by one."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.read: list[str] = []

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        self.read.append(aggregate.prefix)
        return await super().history(aggregate, reaching=reaching)


@asynccontextmanager
async def reading(server: NatsServer) -> AsyncIterator[tuple[JetStreamHistories, Alone]]:
    bus = Bus("provenance", server.url, server.seeds["provenance"])
    await bus.connect()
    alone = Alone(bus)
    histories = JetStreamHistories(bus, alone, Paced(SystemClock(), most=64, linger_s=0.01))
    running = asyncio.create_task(histories.run())
    yield histories, alone
    running.cancel()
    await bus.close()


async def written(server: NatsServer, life: Life, jobs: int) -> dict[Aggregate, int]:
    """Some jobs, and the last sequence of each."""
    run, ends = event_id()[:8], {}
    for name in (f"j{run}{number}" for number in range(jobs)):
        for event in life(name):
            writer = event.source.removeprefix("qb/").replace("client", "broker")
            sequence = await store(server, writer, subject_of(event), event.to_bytes())
        ends[job("acme", name)] = sequence
    return ends


async def store(server: NatsServer, writer: str, subject: str, body: bytes) -> int:
    """Store a message as one of the services; return its sequence."""
    client = await server.connect(writer)
    stored = await client.jetstream().publish(subject, body)
    await client.close()
    return stored.seq


async def test_jobs_of_one_moment_share_a_request(nats_server: NatsServer, life: Life) -> None:
    jobs = await written(nats_server, life, 5)
    async with reading(nats_server) as (histories, alone):
        found = await asyncio.gather(*(histories.history(it, reaching=end) for it, end in jobs.items()))
        assert alone.read == []
        assert [len(it) for it in found] == [6] * 5
        assert found == [await alone.history(it) for it in jobs]


async def test_what_is_damaged_unknown_or_late_is_read_alone(
    nats_server: NatsServer, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_log, "read_past_lag", lambda read: read())  # without waiting
    (damaged, _), (unknown, _), (late, end), (whole, _) = (await written(nats_server, life, 4)).items()
    broken = await store(nats_server, "broker", damaged.event("accepted"), b"nonsense")
    later = await store(nats_server, "broker", unknown.event("accepted"), b'{"type": "qb.job.praised.v1"}')
    async with reading(nats_server) as (histories, alone):
        found = await asyncio.gather(
            histories.history(damaged, reaching=broken),
            histories.history(unknown, reaching=later),
            histories.history(whole),
        )
        assert sorted(alone.read) == sorted([damaged.prefix, unknown.prefix])
        assert [*found] == [await alone.history(it) for it in (damaged, unknown, whole)]
        with pytest.raises(Unavailable):
            await histories.history(late, reaching=end + 1000)
