"""Replies: the responder publishes with its own rights, to the subject that the client chose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from queuebit_testing.build import submitted
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

FACT = "qb.account.globex.money.funded"
READ_BACK = "$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.acme.forged.0"


async def stored(operator: Client, subject: str) -> bool:
    """Whether the log holds anything there."""
    wanted = json.dumps({"last_by_subj": subject}).encode()
    answer = await operator.request("$JS.API.DIRECT.GET.LOG", wanted, timeout=20)
    return (answer.headers or {}).get("Status") != "404"


async def answering(server: NatsServer) -> Client:
    """A broker that answers every query as the client wants."""
    broker = await server.connect("broker")

    async def answer(question: Msg) -> None:
        await question.respond(question.data)

    await broker.subscribe("qb.query.*.backends", cb=answer)
    await broker.flush()
    return broker


@pytest.mark.parametrize("asked", [READ_BACK, "$KV.PAYLOADS.acme.other.0", "qb.query.acme.backends"])
@pytest.mark.parametrize("fact", [FACT, "qb.job.globex.j1.accepted", "qb.backend.aer.registered"])
async def test_no_answer_becomes_a_fact(tmp_path: Path, asked: str, fact: str) -> None:
    async with NatsServer(tmp_path, (("acme", "ann", "submitter"),)).running() as server:
        ann, operator, executor, broker = (
            await server.connect("acme/ann"),
            await server.connect("operator"),
            await server.connect("executor-aer"),
            await answering(server),
        )
        await executor.request("$KV.PAYLOADS.acme.forged.0", b"forged", timeout=20)

        await ann.publish(asked, b"forged", reply=fact)
        await ann.flush()
        await ann.request("qb.query.acme.backends", b"and then", timeout=20)
        await broker.flush()

        assert not await stored(operator, fact)
        for client in (ann, operator, executor, broker):
            await client.close()


async def test_a_tenant_asks_reads_writes_and_follows_across_accounts(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, (("acme", "ann", "submitter"), ("acme", "vic", "viewer"))).running() as server:
        ann, vic, broker = await server.connect("acme/ann"), await server.connect("acme/vic"), await answering(server)
        followed = await vic.subscribe("qb.job.acme.>")
        await vic.flush()

        asked = submitted(job="j1").to_bytes()
        confirmed = await ann.request("qb.job.acme.j1.submitted", asked, timeout=20)
        again = await ann.request("qb.job.acme.j1.submitted", asked, timeout=20)
        read = await vic.request("$JS.API.DIRECT.GET.LOG.qb.job.acme.j1.submitted", timeout=20)
        said = await vic.request("qb.query.acme.backends", b"what is there?", timeout=20)

        assert json.loads(confirmed.data)["seq"] == 1
        assert "error" in json.loads(again.data)
        assert (read.data, said.data) == (asked, b"what is there?")
        assert (await followed.next_msg(timeout=20)).data == asked
        for client in (ann, vic, broker):
            await client.close()


async def test_a_follower_cannot_confirm_for_the_log(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, (("acme", "ann", "submitter"), ("acme", "eve", "viewer"))).running() as server:
        ann, eve = await server.connect("acme/ann"), await server.connect("acme/eve")
        received = await eve.subscribe("qb.job.acme.>")
        inbox = ann.new_inbox()
        replies = await ann.subscribe(inbox)
        await eve.flush()

        await ann.publish("qb.job.acme.j1.submitted", submitted(job="j1").to_bytes(), reply=inbox)
        assert json.loads((await replies.next_msg(timeout=20)).data)["seq"] == 1
        await received.next_msg(timeout=20)
        await eve.publish(inbox, b"forged")
        await eve.flush()
        await ann.flush()

        assert replies.pending_msgs == 0
        await ann.close()
        await eve.close()


async def test_a_member_reads_the_calibrations_that_its_receipts_name_and_writes_none(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, (("acme", "ann", "submitter"),)).running() as server:
        ann, executor = await server.connect("acme/ann"), await server.connect("executor-aer")
        await executor.request("$KV.PAYLOADS.queuebit.cafe.0", b"T1 and T2", timeout=20)
        there = "$KV.PAYLOADS.queuebit.cafe.0"
        assert (await ann.request(f"$JS.API.DIRECT.GET.KV_PAYLOADS.{there}", b"", timeout=20)).data == b"T1 and T2"
        with pytest.raises(NatsError):
            await ann.request(there, b"forged", timeout=1)
        for client in (ann, executor):
            await client.close()
