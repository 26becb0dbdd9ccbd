"""Real processes on a real server: killed, doubled, started again."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from nats.aio.client import Client

from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import Charge, Correction, JobCompleted, JobCorrected, Seal, SealV1, Usage
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import query, subject_of
from queuebit_contracts.transparency import LogCheckpointed
from queuebit_kernel import digest
from queuebit_proof import (
    TileLog,
    TrustRoot,
    entry_of,
    verify,
    verify_checkpoint,
    verify_consistency,
)
from queuebit_provenance.adapters import JetStreamSeals
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.server import NatsServer

from .job_lives import Life

pytestmark = pytest.mark.server

JOBS, CORRECTED, ASKED = 500, 20, 40
LEAVES = JOBS + CORRECTED
HEADS = "qb.proof.main.checkpointed"


@dataclass
class Connected:
    client: Client


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),)).running() as running:
        yield running


@contextmanager
def process(server: NatsServer, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service as it is run for real; killed at the end as a crash would."""
    environment = {
        **os.environ,
        "QUEUEBIT_BUS_URL": server.url,
        "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file("provenance")),
        "QUEUEBIT_PROVENANCE_DATA_DIR": str(home),
        "QUEUEBIT_PROVENANCE_TRUST_FILE": str(home / "trust.json"),
        "QUEUEBIT_PROVENANCE_LINGER_MS": "20",
        "QUEUEBIT_PROVENANCE_MAX_BATCH": "40",
    }
    with (home.parent / "provenance.log").open("ab") as output:
        running = subprocess.Popen([sys.executable, "-m", "queuebit_provenance"], env=environment, stderr=output)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


async def write(server: NatsServer, events: list[AnyEvent]) -> None:
    """Append as the services whose events these are."""
    writers = {source: await server.connect(_user(source)) for source in {event.source for event in events}}
    async with asyncio.TaskGroup() as tasks:
        for event in events:
            stream = writers[event.source].jetstream(timeout=20)
            tasks.create_task(stream.publish(subject_of(event), event.to_bytes(), stream="LOG"))
    for writer in writers.values():
        await writer.close()


def _user(source: str) -> str:
    return "acme/ann" if source == "qb/client" else source.removeprefix("qb/")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():
        await asyncio.sleep(0.02)


async def receipt_of(user: Client, seal: Seal | SealV1) -> bytes:
    """What a user of the tenant gets on request."""
    question = Question(job=seal.job, revision=seal.revision).model_dump_json(exclude_none=True)
    reply = await user.request(query("receipt", seal.tenant), question.encode(), timeout=20)
    answer = Answer.model_validate_json(reply.data)
    assert answer.error is None, answer.error
    return str(answer.rows[0]["receipt"]).encode()


async def heads_of(client: Client) -> list[LogCheckpointed]:
    """Every checkpoint in the log, in order."""
    found: list[LogCheckpointed] = []
    sequence = 1
    while True:
        request = json.dumps({"seq": sequence, "next_by_subj": HEADS}).encode()
        reply = await client.request("$JS.API.DIRECT.GET.LOG", request)
        headers = reply.headers or {}
        if headers.get("Status"):
            return found
        head = decode(reply.data)
        assert isinstance(head, LogCheckpointed)
        found.append(head)
        sequence = int(headers["Nats-Sequence"]) + 1


async def test_killed_and_doubled_each_job_gets_one_leaf_of_one_tree(
    server: NatsServer, tmp_path: Path, life: Life
) -> None:
    home = tmp_path / "home"
    lives = [life(f"j{number}") for number in range(JOBS)]
    bad = [event for event in life("bad") if not isinstance(event, JobCompleted)]
    for step in zip(*lives, strict=True):
        await write(server, list(step))
    await write(server, [_corrected(f"j{number}") for number in range(0, JOBS, JOBS // CORRECTED)])
    for event in bad:
        await write(server, [event])
    operator = await server.connect("operator")
    log, seals = JetStreamLog(Connected(operator)), JetStreamSeals(Connected(operator), batch=100)

    async def size() -> int:
        newest = await log.last(HEADS)
        return newest.event.data.tree_size if newest and isinstance(newest.event, LogCheckpointed) else 0

    async def some_sealed() -> bool:
        return await size() > JOBS // 5

    async def all_settled() -> bool:
        return await size() == LEAVES and (await operator.jetstream().stream_info("DEAD")).state.messages == 1

    with process(server, home):
        await until(some_sealed)
    ann = await server.connect("acme/ann")
    with process(server, home), process(server, home):
        await until(all_settled)
        newest = await log.last(HEADS)
        assert newest is not None
        found = [it async for it in seals.read(0, until=newest.sequence) if isinstance(it, Seal)]
        asked = found[:: LEAVES // ASKED]
        receipts = await asyncio.gather(*(receipt_of(ann, it) for it in asked))
    await ann.close()

    trust = TrustRoot.parse((home / "trust.json").read_bytes())
    assert [seal.leaf_index for seal in found] == list(range(LEAVES))
    assert {seal.job for seal in found} == {f"j{number}" for number in range(JOBS)}
    assert [seal.leaf_index async for seal in seals.read(437, until=newest.sequence)] == list(range(437, LEAVES))
    tree = TileLog(tmp_path / "unused")
    for seal in found:
        tree.append([entry_of(seal.text.encode())])
    for seal, receipt in zip(asked, receipts, strict=True):
        verified = verify(receipt, trust, tenant="acme", job=seal.job)
        place = verified.receipt.leaf_index, verified.receipt.tree_size, verified.supersedes
        assert place == (seal.leaf_index, seal.tree_size, seal.supersedes)
    heads = [verify_checkpoint(event.data.checkpoint, trust).head for event in await heads_of(operator)]
    assert heads[-1].root == tree.root()
    for old, new in pairwise(heads):
        assert old.size < new.size
        assert verify_consistency(old.size, new.size, old.root, new.root, tree.consistency(old.size, new.size))
    await operator.close()


def _corrected(job: str) -> AnyEvent:
    charge = Charge(amount="0", currency="USD", jbu="0")
    data = Correction(
        tenant="acme",
        project="chemistry",
        job=job,
        revision=1,
        report=1,
        usage=Usage(),
        charge=charge,
        delta=charge,
        reason="late",
        final=True,
        price_book=digest(b"book"),
    )
    return JobCorrected(source="qb/metering", data=data)
