"""Permissions: the server refuses all forbidden operations of each user."""

from __future__ import annotations

import asyncio
import json

import nats
import pytest
from nats.aio.client import Client
from tests.contracts.walls import FORBIDDEN_TO_FOLLOW, FORBIDDEN_TO_PUBLISH

from queuebit_kernel import digest
from queuebit_runtime.keys import new_seed
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.build import held, submitted
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

VIEW = json.dumps(
    {"stream_name": "LOG", "config": {"name": "x", "ack_policy": "none", "filter_subject": "qb.>"}}
).encode()


class Complaints:
    """Refusals of the server."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self._any = asyncio.Event()

    async def add(self, error: Exception) -> None:
        self.received.append(str(error).lower())
        self._any.set()

    async def wait(self) -> None:
        await asyncio.wait_for(self._any.wait(), 20)


async def connect(server: NatsServer, name: str) -> tuple[Client, Complaints]:
    complaints = Complaints()
    client = await nats.connect(server.url, nkeys_seed_str=server.seeds[name], error_cb=complaints.add)
    return client, complaints


@pytest.mark.parametrize(("who", "subject"), FORBIDDEN_TO_PUBLISH)
async def test_publishing_there_is_refused(nats_server: NatsServer, who: str, subject: str) -> None:
    client, complaints = await connect(nats_server, who)
    await client.publish(subject, b"{}")
    await client.flush()
    await complaints.wait()
    assert f'permissions violation for publish to "{subject.lower()}"' in complaints.received[0]
    await client.close()


@pytest.mark.parametrize(("who", "subject"), FORBIDDEN_TO_FOLLOW)
async def test_following_that_is_refused(nats_server: NatsServer, who: str, subject: str) -> None:
    client, complaints = await connect(nats_server, who)
    await client.subscribe(subject)
    await client.flush()
    await complaints.wait()
    assert "permissions violation for subscription" in complaints.received[0]
    await client.close()


async def test_a_consumer_over_other_tenants_cannot_be_smuggled_in(nats_server: NatsServer) -> None:
    client, complaints = await connect(nats_server, "acme/ann")
    for subject in ("$JS.API.CONSUMER.CREATE.LOG.x.qb.>", "$JS.API.CONSUMER.DURABLE.CREATE.LOG.x"):
        await client.publish(subject, VIEW)
    await client.flush()
    await complaints.wait()
    assert "permissions violation" in complaints.received[0]
    await client.close()


@pytest.mark.parametrize(
    "options", [{}, {"user": "broker", "password": "broker"}, {"token": "x"}, {"nkeys_seed_str": ""}]
)
async def test_a_connection_without_a_known_key_is_refused(nats_server: NatsServer, options: dict[str, str]) -> None:
    if "nkeys_seed_str" in options:
        options = {"nkeys_seed_str": new_seed()}

    async def quiet(error: Exception) -> None:
        del error

    with pytest.raises((nats.errors.Error, ConnectionError)):
        await nats.connect(nats_server.url, allow_reconnect=False, error_cb=quiet, connect_timeout=2, **options)


async def test_one_tenant_cannot_take_all_of_the_server(fresh_server: NatsServer) -> None:
    closed = asyncio.Event()

    async def on_closed() -> None:
        closed.set()

    eve = await nats.connect(
        fresh_server.url, nkeys_seed_str=fresh_server.seeds["evil/eve"], closed_cb=on_closed, error_cb=_quiet
    )
    for number in range(300):
        await eve.subscribe(f"qb.job.evil.j{number}.>")
    async with asyncio.timeout(20):
        await closed.wait()
    assert "maximum subscriptions exceeded" in (fresh_server.folder / "nats.log").read_text()
    crowd = await asyncio.gather(*(knock(fresh_server, "evil/eve") for _ in range(260)))
    async with asyncio.timeout(20):  # the server may refuse a connection after its first answer
        while sum(it is not None and it.is_connected for it in crowd) > 256:
            await asyncio.sleep(0.05)
    assert any(crowd)
    ann, complaints = await connect(fresh_server, "acme/ann")
    await ann.subscribe("qb.job.acme.>")
    await ann.flush()
    assert complaints.received == []
    for client in (ann, *filter(None, crowd)):
        await client.close()


async def knock(server: NatsServer, name: str) -> Client | None:
    """A connection; None if the server refuses it."""
    client = Client()
    try:
        await client.connect(server.url, nkeys_seed_str=server.seeds[name], allow_reconnect=False, error_cb=_quiet)
        await client.flush()
    except (nats.errors.Error, OSError):
        return None
    return client


async def _quiet(error: Exception) -> None:
    del error


async def test_a_tenant_receives_its_own_jobs_and_none_of_another(nats_server: NatsServer) -> None:
    ann, eve = await nats_server.connect("acme/ann"), await nats_server.connect("evil/eve")
    follower, complaints = await connect(nats_server, "evil/eve")
    own = await follower.subscribe("qb.job.evil.>")
    foreign = await follower.subscribe("qb.job.acme.>")
    await follower.flush()
    await complaints.wait()
    assert 'permissions violation for subscription to "qb.job.acme.>"' in complaints.received[0]
    async with nats_server.intake():
        for client, tenant in ((ann, "acme"), (eve, "evil")):
            asked = submitted(tenant=tenant, job="jwall")
            await client.jetstream().publish(f"qb.job.{tenant}.jwall.submitted", asked.to_bytes(), stream="LOG")
    for _ in ("as it was sent", "as it was stored"):
        assert (await own.next_msg(timeout=20)).subject == "qb.job.evil.jwall.submitted"
    assert foreign.pending_msgs == 0, "acme's messages were sent before"
    for client in (ann, eve, follower):
        await client.close()


async def test_no_header_wipes_what_others_stored(nats_server: NatsServer) -> None:
    ann, executor = await nats_server.connect("acme/ann"), await nats_server.connect("executor-aer")
    await executor.jetstream().publish("$KV.PAYLOADS.acme.keep.0", b"circuit", stream="KV_PAYLOADS")
    for rollup in ("all", "sub"):
        for subject in ("$KV.PAYLOADS.evil.x.0", "qb.job.evil.jr.started"):
            with pytest.raises(nats.js.errors.APIError):
                await executor.jetstream().publish(subject, b"", headers={"Nats-Rollup": rollup})
    found = await ann.jetstream().get_msg("KV_PAYLOADS", subject="$KV.PAYLOADS.acme.keep.0", direct=True)
    assert found.data == b"circuit"
    await ann.close()
    await executor.close()


async def test_a_guessed_id_keeps_no_event_out(nats_server: NatsServer, nats_log: JetStreamLog) -> None:
    eve = await nats_server.connect("evil/eve")
    fact, asked = held("jguess"), submitted(tenant="evil", job="jg").to_bytes()
    async with nats_server.intake():
        await eve.jetstream().publish("qb.job.evil.jg.submitted", asked, headers={"Nats-Msg-Id": fact.id}, stream="LOG")
    sequence = await nats_log.append(fact, after=0, guard="qb.account.acme.main.none")
    stored = await nats_log.last("qb.account.acme.main.held")
    assert stored is not None
    assert (stored.sequence, stored.event) == (sequence, fact)
    await eve.close()


async def test_what_a_tenant_stores_it_alone_can_read(nats_server: NatsServer) -> None:
    ann, vic = await nats_server.connect("acme/ann"), await nats_server.connect("acme/vic")
    subject = f"$KV.PAYLOADS.acme.{digest(b'circuit').removeprefix('sha256:')}.0"
    async with nats_server.intake():
        await ann.jetstream().publish(subject, b"circuit", stream="KV_PAYLOADS")
    found = await vic.jetstream().get_msg("KV_PAYLOADS", subject=subject, direct=True)
    assert found.data == b"circuit"
    await ann.close()
    await vic.close()
