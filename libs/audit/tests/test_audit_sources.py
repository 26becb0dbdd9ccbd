"""The same facts through a real server as from memory, and walls that are really tried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from queuebit_audit.helper import Helper
from queuebit_audit.proofs import Proofs, walls_hold
from queuebit_audit.readings import Readings
from queuebit_audit.sources import Bus, Warehouse, follow
from queuebit_audit.state import History
from queuebit_audit.walls import Intruder, intruders, trespasses
from queuebit_kernel import Unavailable
from queuebit_runtime.keys import new_seed
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.server import NatsServer

from .conftest import Recording

pytestmark = pytest.mark.server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    one = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"), ("beta", "bob", "submitter")))
    async with one.running():
        yield one


async def _write(server: NatsServer, recording: Recording) -> None:
    """Append each event as a service with the permission."""
    authors: dict[str, Client] = {}
    for event in recording.events:
        service = event.source.removeprefix("qb/")
        name = {"acme": "acme/ann", "beta": "beta/bob"}[event.data.tenant] if service == "client" else service
        authors[name] = authors.get(name) or await server.connect(name)
        await JetStreamLog(Bus(authors[name])).append(event)
    for client in authors.values():
        await client.close()


async def test_the_log_is_folded_as_it_was_written(server: NatsServer, recording: Recording) -> None:
    await _write(server, recording)
    client, history = await server.connect("operator"), History()
    bus = Bus(client)
    readings = Readings(history, Proofs(recording.ring.trust), Helper())
    view = follow(bus, readings)
    reading = asyncio.get_running_loop().create_task(view.run())
    await view.reached(await bus.last_sequence())
    await readings.finish()
    outstanding = await bus.outstanding(history.undecided(), history.unplaced())
    reading.cancel()
    await client.close()
    recorded = recording.history()
    assert (history.sequences, history.jobs, history.accounts) == (recorded.sequences, recorded.jobs, recorded.accounts)
    assert (history.leaves, history.heads, history.strays) == (recorded.leaves, recorded.heads, recorded.strays)
    assert len(history.marks) == len(recorded.marks)  # of other moments
    assert outstanding.since == len(recording.events)
    assert outstanding.pending["broker-submitted"] == 5
    assert outstanding.pending["metering-ended"] == 5


async def test_unreadable_messages_are_reported_by_sequence(server: NatsServer, recording: Recording) -> None:
    broker = await server.connect("broker")
    await broker.jetstream().publish("qb.job.acme.j1.submitted", b"{}", stream="LOG")
    await broker.jetstream().publish("qb.job.acme.j1.accepted", b"{}", stream="LOG")
    await broker.close()
    client, history = await server.connect("operator"), History()
    readings = Readings(history, Proofs(recording.ring.trust), Helper())
    view = follow(Bus(client), readings)
    reading = asyncio.get_running_loop().create_task(view.run())
    await view.reached(2)
    await readings.finish()
    reading.cancel()
    await client.close()
    verdict = walls_hold(history)
    assert [it.subject for it in verdict.findings] == ["qb.job.acme.j1.accepted"]
    assert verdict.notes == ["1 messages of tenants break their contract and were ignored: see qb doctor"]


async def test_no_wall_is_open(server: NatsServer) -> None:
    assert await trespasses(server.url, Intruder("acme", "ann", server.seeds["acme/ann"], "beta")) == []


async def test_a_withdrawn_token_opens_nothing(server: NatsServer) -> None:
    assert await trespasses(server.url, Intruder("acme", "ann", new_seed(), "beta")) == []


async def test_an_open_wall_would_be_noticed_and_left_untouched(server: NatsServer) -> None:
    """Users may access their own tenant: there the same attempts pass, and the stream itself refuses to store."""
    found = await trespasses(server.url, Intruder("acme", "ann", server.seeds["acme/ann"], "acme"))
    assert [it.split()[0] for it in found] == ["follow", "follow", "read", "write", "ask"]
    client = await server.connect("operator")
    assert await Bus(client).last_sequence() == 0
    await client.close()


def test_every_tenant_tries_the_walls_of_another(tmp_path: Path) -> None:
    for tenant in ("acme", "beta", "gamma"):
        (tmp_path / f"{tenant}-me.toml").write_text(f'tenant = "{tenant}"\nuser = "me"\nseed = "S{tenant}"\n')
    assert [(it.tenant, it.victim) for it in intruders(tmp_path)] == [
        ("acme", "beta"), ("beta", "gamma"), ("gamma", "acme"),
    ]  # fmt: skip
    (tmp_path / "beta-me.toml").unlink()
    (tmp_path / "gamma-me.toml").unlink()
    assert intruders(tmp_path) == []


async def test_a_warehouse_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await Warehouse("http://127.0.0.1:9", "queuebit", "x").rows()
