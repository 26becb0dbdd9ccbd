"""Permissions: the server refuses all forbidden operations of each user."""

from __future__ import annotations

import asyncio
import json

import nats
import pytest
from nats.aio.client import Client

from queuebit_kernel import digest
from queuebit_runtime.keys import new_seed
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.build import held, submitted
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

VIEW = json.dumps(
    {"stream_name": "LOG", "config": {"name": "x", "ack_policy": "none", "filter_subject": "qb.>"}}
).encode()

FORBIDDEN_TO_PUBLISH = [
    ("acme/ann", "qb.job.evil.j1.submitted"),
    ("acme/ann", "qb.job.acme.j1.accepted"),
    ("acme/ann", "qb.job.acme.j1.completed"),
    ("acme/ann", "qb.stored.acme.j1.completed"),
    ("acme/ann", "$JS.API.DIRECT.GET.LOG.qb.stored.acme.j1.completed"),
    ("executor-aer", "qb.stored.acme.j1.completed"),
    ("broker", "qb.stored.acme.j1.completed"),
    ("acme/ann", "qb.account.acme.main.funded"),
    ("acme/ann", "qb.command.evil.j1.cancel"),
    ("acme/ann", "qb.query.evil.jobs"),
    ("acme/ann", "$KV.PAYLOADS.evil.abc.0"),
    ("acme/ann", "$JS.API.DIRECT.GET.LOG"),
    ("acme/ann", "$JS.API.DIRECT.GET.LOG.qb.job.evil.j1.submitted"),
    ("acme/ann", "$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.evil.abc.0"),
    ("acme/ann", "$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.queuebit-decisions.abc.0"),
    ("acme/ann", "$JS.API.DIRECT.GET.KV_PAYLOADS"),
    ("acme/ann", "$JS.API.STREAM.MSG.GET.KV_PAYLOADS"),
    ("acme/ann", "$KV.PAYLOADS.queuebit-decisions.abc.0"),
    ("evil/eve", "$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.queuebit-decisions.abc.0"),
    ("scheduler", "$KV.PAYLOADS.acme.abc.0"),
    ("scheduler", "$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.acme.abc.0"),
    ("acme/ann", "$KV.WEBHOOKS.acme.1"),
    ("acme/ann", "$JS.API.DIRECT.GET.KV_WEBHOOKS"),
    ("acme/ann", "$JS.API.STREAM.MSG.GET.KV_WEBHOOKS"),
    ("broker", "$KV.WEBHOOKS.acme.1"),
    ("telemetry", "$JS.API.DIRECT.GET.KV_WEBHOOKS"),
    ("acme/ann", "$JS.API.STREAM.MSG.GET.LOG"),
    ("acme/ann", "$JS.API.CONSUMER.CREATE.LOG"),
    ("acme/ann", "$JS.API.CONSUMER.CREATE.LOG.x"),
    ("acme/ann", "$JS.API.STREAM.DELETE.LOG"),
    ("acme/ann", "$JS.API.STREAM.PURGE.LOG"),
    ("acme/ann", "qb.replay.broker-submitted"),
    ("acme/ann", "qb.tenant.acme.defined"),
    ("acme/ann", "qb.tenant.acme.user_defined.ann"),
    ("acme/ann", "qb.admin.tenants"),
    ("acme/ann", "$JS.API.DIRECT.GET.LOG.qb.tenant.evil.>"),
    ("acme/ann", "qb.delegation.acme.d1.granted"),
    ("acme/ann", "qb.identity.evil.delegate"),
    ("acme/ann", "$JS.API.DIRECT.GET.LOG.qb.delegation.evil.>"),
    ("acme/vic", "qb.job.acme.j1.submitted"),
    ("acme/vic", "qb.command.acme.j1.cancel"),
    ("acme/vic", "$KV.PAYLOADS.acme.abc.0"),
    ("evil/eve", "qb.job.acme.j1.submitted"),
    ("evil/eve", "qb.command.acme.j1.cancel"),
    ("evil/eve", "qb.account.evil.main.funded"),
    ("evil/eve", "qb.job.evil.j1.cancelled"),
    ("evil/eve", "qb.tenant.evil.user_defined.eve"),
    ("executor-aer", "qb.job.acme.j1.submitted"),
    ("acme/ann", "qb.intake.job.evil.j1.submitted"),
    ("acme/ann", "qb.intake.job.acme.j1.submitted"),
    ("broker", "qb.job.acme.j1.completed"),
    ("broker", "qb.job.acme.j1.metered"),
    ("broker", "qb.account.acme.main.settled.j1"),
    ("broker", "$JS.ACK.LOG.metering-ended.1.1.1.1.1"),
    ("broker", "$JS.API.CONSUMER.MSG.NEXT.LOG.metering-ended"),
    ("broker", "$JS.API.CONSUMER.CREATE.LOG.other"),
    ("broker", "$JS.API.STREAM.DELETE.LOG"),
    ("scheduler", "qb.account.acme.main.held"),
    ("executor-aer", "qb.job.acme.j1.accepted"),
    ("executor-aer", "$JS.API.CONSUMER.MSG.NEXT.LOG.executor-ibm-torino"),
    ("executor-cirq", "qb.job.acme.j1.cancelled"),
    ("executor-cirq", "qb.account.acme.main.settled.j1"),
    ("executor-ibm", "qb.job.acme.j1.metered"),
    ("executor-ibm", "$JS.API.CONSUMER.MSG.NEXT.LOG.executor-aer"),
    ("metering", "qb.account.acme.main.funded"),
    ("provenance", "qb.job.acme.j1.metered"),
    ("telemetry", "qb.job.acme.j1.metered"),
    ("operator", "qb.job.acme.j1.submitted"),
    ("operator", "qb.tenant.acme.defined"),
    ("operator", "qb.delegation.acme.d1.granted"),
    ("telemetry", "qb.delegation.acme.d1.granted"),
    ("telemetry", "qb.identity.acme.delegate"),
    ("operator", "qb.config.stack.applied"),
    ("operator", "qb.bill.ionq.s1.imported"),
    ("broker", "qb.bill.ionq.s1.imported"),
    ("acme/ann", "qb.admin.bill"),
    ("acme/ann", "qb.config.stack.applied"),
    ("scheduler", "qb.tenant.acme.defined"),
    ("metering", "qb.admin.tenants"),
    ("provisioner", "qb.tenant.acme.removed"),
    ("operator", "qb.account.acme.main.funded"),
    ("operator", "$JS.API.STREAM.DELETE.LOG"),
    ("operator", "$JS.API.STREAM.MSG.DELETE.LOG"),
    ("provisioner", "qb.job.acme.j1.submitted"),
    ("provisioner", "$JS.API.STREAM.DELETE.LOG"),
]

FORBIDDEN_TO_FOLLOW = [
    ("acme/ann", "qb.job.evil.>"),
    ("acme/ann", "qb.job.*.*.submitted"),
    ("acme/ann", "qb.stored.evil.>"),
    ("acme/ann", "qb.stored.*.*.completed"),
    ("evil/eve", "qb.stored.acme.*.completed"),
    ("acme/ann", "qb.>"),
    ("acme/ann", ">"),
    ("acme/ann", "_INBOX.>"),
    ("acme/ann", "_INBOX.t.evil.eve.>"),
    ("acme/ann", "_INBOX.t.acme.vic.>"),
    ("acme/ann", "_INBOX.broker.>"),
    ("acme/ann", "qb.query.acme.jobs"),
    ("acme/ann", "qb.tenant.evil.>"),
    ("acme/ann", "qb.tenant.*.user_defined.*"),
    ("acme/ann", "qb.config.>"),
    ("acme/ann", "qb.admin.tenants"),
    ("acme/ann", "qb.delegation.evil.>"),
    ("acme/ann", "qb.identity.acme.delegate"),
    ("acme/vic", "qb.job.evil.>"),
    ("evil/eve", "qb.job.acme.>"),
    ("evil/eve", "qb.account.acme.>"),
    ("broker", "_INBOX.metering.>"),
    ("broker", "qb.job.>"),
    ("scheduler", "qb.profile.aer"),
    ("executor-aer", "qb.query.acme.jobs"),
    ("executor-cirq", "qb.job.>"),
    ("executor-ibm", "qb.profile.aer"),
]


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
