"""The intake: what it takes, and what a tenant cannot do past it, on a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from queuebit_contracts.intake import (
    ERR_INSIDE_EVENT,
    ERR_MALFORMED,
    ERR_OTHER_CONTENT,
    ERR_PROTECTED,
    ERR_TOO_FAST,
    arrival_of,
    destination_of,
)
from queuebit_kernel import Malformed, digest
from queuebit_runtime.access_counter import Who
from queuebit_runtime.bus_readers import reader_of
from queuebit_runtime.connection import Connected, Msg
from queuebit_runtime.intake import Intake, Pace, Undecided, Write, read_write
from queuebit_runtime.keys import public_key
from queuebit_runtime.payloads import CHUNK, KeyValuePayloads, Missing
from queuebit_runtime.tasks import Tasks
from queuebit_testing.build import submitted
from queuebit_testing.server import NatsServer

GOOD = submitted("k").to_bytes()
CONTENT = b"a circuit"
NAMED = digest(CONTENT).removeprefix("sha256:")


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("qb.job.acme.JOBX.submitted", GOOD),
        ("qb.job.acme.a b.submitted", GOOD),
        ("qb.job.acme.j1.submitted", b""),
        ("qb.job.acme.j1.submitted", b"?"),
        ("qb.job.acme.j1.submitted", GOOD[:-1] + b',"extra":' + b"[" * 900 + b"]" * 900 + b"}"),
        ("qb.job.acme.j1.submitted", GOOD.replace(b"job.submitted.v1", b"job.sealed.v1")),
        ("qb.job.acme.j1.submitted", b'{"type": "qb.job.submitted.v9", "data": {}}'),
        ("qb.job.acme.j1.praised", b'{"type": "qb.job.praised.v1", "data": {}}'),
        ("qb.command.acme.j1.cancel", GOOD),
        ("qb.command.acme.J1.cancel", GOOD),
        (f"$KV.PAYLOADS.acme.{NAMED}.0", b"other content"),
        (f"$KV.PAYLOADS.acme.{NAMED}.11", CONTENT),
        (f"$KV.PAYLOADS.acme.{NAMED}.-1", CONTENT),
        (f"$KV.PAYLOADS.acme.{NAMED}.0", b"x" * (CHUNK + 1)),
        ("$KV.PAYLOADS.acme.keep.0", CONTENT),
    ],
)
def test_what_breaks_its_contract_reaches_no_stream(subject: str, body: bytes) -> None:
    arrived = arrival_of(subject)
    assert arrived is not None
    assert destination_of(arrived) == subject
    with pytest.raises(Malformed):
        read_write(arrived, body)


@pytest.mark.parametrize(("shots", "size"), [(10**40, 1), (-(10**40), 1), (2**53, 1), (1, 10**30)])
def test_numbers_that_readers_take_for_floats_reach_no_stream(shots: int, size: int) -> None:
    document = json.loads(GOOD)
    document["data"] |= {"shots": shots, "circuit": {**document["data"]["circuit"], "size": size}}
    arrived = arrival_of("qb.job.acme.j1.submitted")
    assert arrived is not None
    with pytest.raises(Malformed, match=r"data\.shots and data\.circuit\.size may be at most 9,007,199,254,740,991"):
        read_write(arrived, json.dumps(document).encode())


def test_each_tenant_has_a_pace_and_large_messages_count_for_more() -> None:
    pace = Pace(per_s=10)
    waits = [pace.wait("acme", 1, now=100.0) for _ in range(50)]
    assert waits[:20] == [0.0] * 20
    assert waits[21:40] == pytest.approx([0.1 * number for number in range(1, 20)])
    assert waits[-1] is None
    assert pace.wait("evil", 1, now=100.0) == 0.0
    assert pace.wait("acme", 1, now=101.0) is not None
    large = Pace(per_s=10)
    assert [large.wait("acme", 40_960, now=0.0) for _ in range(5)][-2:] == pytest.approx([1.3, None])


def test_undecided_submissions_of_one_tenant_stay_few_and_decided_ones_make_room() -> None:
    undecided = Undecided(most=2)
    assert [undecided.enter("acme", job, now=0.0) for job in ("j1", "j2", "j3")] == [True, True, False]
    assert undecided.enter("evil", "j1", now=0.0)
    undecided.leave("acme", "j1")
    assert undecided.enter("acme", "j3", now=1.0)
    assert not undecided.enter("acme", "j4", now=59.0)
    assert undecided.enter("acme", "j4", now=60.5), "j2 waits for a backend, and no longer counts"


def test_a_refused_message_does_not_take_its_stored_submission_out_of_the_count() -> None:
    undecided = Undecided(most=1)
    for _ in range(3):
        assert undecided.enter("acme", "j1", now=0.0), "the same job again waits already"
    undecided.withdraw("acme", "j1")
    undecided.withdraw("acme", "j1")
    assert not undecided.enter("acme", "j2", now=1.0), "one message of j1 may be stored"
    undecided.withdraw("acme", "j1")
    undecided.withdraw("acme", "j1")
    assert undecided.enter("acme", "j2", now=1.0)


def test_a_subject_on_which_no_tenant_writes_is_refused() -> None:
    with pytest.raises(Malformed):
        read_write("qb.intake.other.acme.j1", GOOD)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    one = NatsServer(
        tmp_path, (("acme", "ann", "submitter"), ("acme", "bob", "submitter"), ("evil", "eve", "submitter"))
    )
    async with one.running():
        yield one


async def ask(client: Client, subject: str, body: bytes, **headers: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await client.request(subject, body, timeout=20, headers=headers or None)).data)
    return answer


@pytest.mark.server
async def test_a_job_that_has_begun_takes_no_further_submission(server: NatsServer) -> None:
    ann, broker = await server.connect("acme/ann"), await server.connect("broker")
    subject = f"qb.job.acme.{submitted('k').data.job}.submitted"
    assert (await ask(ann, subject, GOOD, Forged="1", traceparent="no trace"))["seq"] == 1
    forged = {"Nats-Expected-Last-Subject-Sequence": "1", "Nats-Msg-Id": "x"}
    for headers in ({}, forged, {"Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1"}):
        assert (await ask(ann, subject, submitted("k", shots=7).to_bytes(), **headers))["error"]["err_code"] == 10071
    refused = await ask(ann, subject, b"?")
    assert refused["error"]["err_code"] == ERR_MALFORMED
    stored = await broker.jetstream().stream_info("LOG")
    assert stored.state.messages == 1
    message = await broker.jetstream().get_msg("LOG", 1, direct=True)
    assert "Forged" not in (message.headers or {})
    assert "traceparent" not in (message.headers or {})
    await ann.close()
    await broker.close()


@pytest.mark.server
async def test_a_payload_is_written_once_and_by_its_digest(server: NatsServer) -> None:
    ann, bob, executor = [await server.connect(name) for name in ("acme/ann", "acme/bob", "executor-aer")]
    large = f"$KV.PAYLOADS.acme.{'a' * 64}.1"
    assert (await ask(executor, large, b"the result"))["seq"] == 1
    assert (await ask(bob, large, b"another"))["error"]["err_code"] == ERR_OTHER_CONTENT
    assert (await ask(bob, large, b"the result"))["duplicate"] is True
    small = f"$KV.PAYLOADS.acme.{NAMED}.0"
    assert (await ask(ann, small, CONTENT))["seq"] == 2
    assert (await ask(bob, small, CONTENT))["seq"] == 2
    kept = await ann.jetstream().get_msg("KV_PAYLOADS", subject=large, direct=True)
    assert kept.data == b"the result"
    for client in (ann, bob, executor):
        await client.close()


@pytest.mark.server
async def test_a_flood_of_one_member_leaves_the_log_to_the_others(tmp_path: Path) -> None:
    server, tasks = NatsServer(tmp_path, (("acme", "ann", "submitter"), ("evil", "eve", "submitter"))), Tasks()
    await server.start()
    try:
        broker, ann, eve = [await server.connect(name) for name in ("broker", "acme/ann", "evil/eve")]
        await Intake("broker", tasks, Pace(50), Undecided()).listen(broker)
        await broker.flush()
        for _ in range(5000):
            await eve.publish("qb.job.evil.j1.submitted", b"?")
        await eve.flush()
        answers = await asyncio.gather(*(ask(eve, "qb.job.evil.j1.submitted", b"?") for _ in range(20)))
        async with asyncio.timeout(20):
            confirmed = await ask(ann, f"qb.job.acme.{submitted('k').data.job}.submitted", GOOD)
        state = (await broker.jetstream().stream_info("LOG")).state
        assert ERR_TOO_FAST in {it["error"]["err_code"] for it in answers}
        assert (confirmed["seq"], state.messages) == (1, 1)
        await tasks.close()
        for client in (broker, ann, eve):
            await client.close()
    finally:
        server.kill()


@pytest.mark.server
async def test_what_data_protection_refuses_reaches_no_stream(tmp_path: Path) -> None:
    server, tasks = NatsServer(tmp_path, (("acme", "ann", "member"),)), Tasks()
    await server.start()

    async def screen(tenant: str, write: Write) -> str | None:
        return f"{tenant}: a rule finds something" if write.event is None else None

    counted: list[tuple[str | None, str]] = []

    def refused(message: Msg, code: str) -> None:
        counted.append(((reader_of(message, "acme") or Who()).key, code))

    try:
        broker, ann = [await server.connect(name) for name in ("broker", "acme/ann")]
        await Intake("broker", tasks, Pace(50), Undecided(), screen, refused).listen(broker)
        await broker.flush()
        answer = await ask(ann, f"$KV.PAYLOADS.acme.{NAMED}.0", CONTENT)
        assert answer["error"]["err_code"] == ERR_PROTECTED
        assert (await ask(ann, "qb.job.acme.j1.submitted", b"?"))["error"]["err_code"] == ERR_MALFORMED
        assert counted == [(public_key(server.seeds["acme/ann"]), it) for it in ("protected_data", "malformed")]
        assert (await broker.jetstream().stream_info("KV_PAYLOADS")).state.messages == 0
        assert (await ask(ann, f"qb.job.acme.{submitted('k').data.job}.submitted", GOOD))["seq"] == 1
        await tasks.close()
        for client in (broker, ann):
            await client.close()
    finally:
        server.kill()


@pytest.mark.server
async def test_contents_that_must_be_erasable_come_into_no_event(tmp_path: Path) -> None:
    server, tasks = NatsServer(tmp_path, (("acme", "ann", "member"),)), Tasks()
    await server.start()
    intake = Intake("broker", tasks, Pace(50), Undecided(), erasable=lambda tenant: tenant == "acme")
    event = submitted("k")
    subject = f"qb.job.acme.{event.data.job}.submitted"
    circuit = event.data.circuit.model_copy(update={"inline": None})
    outside = event.model_copy(update={"data": event.data.model_copy(update={"circuit": circuit})})
    try:
        broker, ann = [await server.connect(name) for name in ("broker", "acme/ann")]
        await intake.listen(broker)
        await broker.flush()
        answer = await ask(ann, subject, event.to_bytes())
        assert answer["error"]["err_code"] == ERR_INSIDE_EVENT
        assert "tenant acme" in answer["error"]["description"]
        assert (await ask(ann, subject, outside.to_bytes()))["seq"] == 1
        await tasks.close()
        for client in (broker, ann):
            await client.close()
    finally:
        server.kill()


@pytest.mark.server
async def test_an_erased_content_is_gone_and_may_be_submitted_again(server: NatsServer) -> None:
    ann, broker = await server.connect("acme/ann"), await server.connect("broker")
    store, large = KeyValuePayloads(Connected(broker)), b"x" * (CHUNK + 7)
    kept, erased = [await store.store("acme", it, "text/plain") for it in (CONTENT, large)]
    for _ in range(2):
        await store.erase("acme", erased.digest, erased.size)
    with pytest.raises(Missing, match="was erased"):
        await store.get("acme", erased)
    assert await store.get("acme", kept) == CONTENT
    name = erased.digest.removeprefix("sha256:")
    for number, chunk in enumerate((large[:CHUNK], large[CHUNK:])):
        assert "error" not in await ask(ann, f"$KV.PAYLOADS.acme.{name}.{number}", chunk)
    assert await store.get("acme", erased) == large
    for client in (ann, broker):
        await client.close()
