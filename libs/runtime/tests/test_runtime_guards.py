"""What the headers of a stored message prove about the messages before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nats.aio.client import Client

from queuebit_runtime.delivery import Delivered, read
from queuebit_runtime.guards import expecting, stored_first
from queuebit_testing.build import submitted
from queuebit_testing.server import NatsServer

JOB = "qb.job.acme.j1"
GUARD = expecting(0, f"{JOB}.>")


@pytest.mark.parametrize(
    ("headers", "proven"),
    [
        (GUARD, True),
        ({**GUARD, "traceparent": "x"}, True),
        (None, False),
        (expecting(0), False),
        (expecting(7, f"{JOB}.>"), False),
        (expecting(0, f"{JOB}.submitted"), False),
        (expecting(0, f"{JOB}.submitted.>"), False),
        (expecting(0, "qb.job.acme.j.>"), False),
        (expecting(0, "qb.job.acme.*.>"), False),
        (expecting(0, "qb.job.acme.>"), False),
        ({**GUARD, "Nats-Batch-Id": "b"}, False),
        ({name.lower(): it for name, it in GUARD.items()}, False),
    ],
)
def test_only_the_guard_of_an_empty_history_proves_that_a_message_is_first(
    headers: dict[str, str] | None, proven: bool
) -> None:
    assert stored_first(f"{JOB}.submitted", headers) is proven


async def store(client: Client, *messages: tuple[str, dict[str, str]], batch: str = "") -> int:
    """Publish; return the last sequence, 0 if the server refused."""
    for number, (name, headers) in enumerate(messages, start=1):
        member = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)} if batch else {}
        commit = {"Nats-Batch-Commit": "1"} if batch and number == len(messages) else {}
        reply = await client.request(f"{JOB}.{name}", b"{}", timeout=20, headers={**headers, **member, **commit})
    return int(json.loads(reply.data)["seq"])


async def next_delivery(client: Client) -> Delivered:
    """The next submission, as the broker gets it."""
    inbox = client.new_inbox()
    arriving = await client.subscribe(inbox, max_msgs=1)
    await client.publish("$JS.API.CONSUMER.MSG.NEXT.LOG.broker-submitted", b"", reply=inbox)
    return read(await arriving.next_msg(timeout=20))


@pytest.mark.server
async def test_the_server_stores_the_proof_only_with_a_first_message(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, (("acme", "ann", "submitter"),)).running() as server:
        ann, broker = await server.connect("acme/ann"), await server.connect("broker")
        event = submitted("k1")
        forged = {**expecting(5, "qb.job.acme.other.>"), "Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1"}
        await ann.request(f"qb.job.acme.{event.data.job}.submitted", event.to_bytes(), timeout=20, headers=forged)
        assert (await next_delivery(broker)).first, "the headers are those of the intake, not of the sender"

        assert await store(broker, ("submitted", {})) == 2
        assert not (await next_delivery(broker)).first, "it is first, but nothing shows it"
        assert await store(broker, ("submitted", GUARD)) == 0, "the history is not empty"
        assert await store(broker, ("submitted", expecting(0, "qb.job.acme.j2.>"))) == 3
        assert not (await next_delivery(broker)).first, "the guard is that of another job"
        for client in (ann, broker):
            await client.close()


@pytest.mark.server
async def test_a_batch_proves_nothing_since_its_guards_do_not_see_its_own_messages(tmp_path: Path) -> None:
    async with NatsServer(tmp_path).running() as server:
        broker = await server.connect("broker")
        assert await store(broker, ("accepted", {}), ("submitted", GUARD), batch="b") == 2
        assert not (await next_delivery(broker)).first
        await broker.close()
