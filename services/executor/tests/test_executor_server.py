"""The whole executor on a real nats-server: a process that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from queuebit_contracts.backend import BackendRegistered
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import JobCancelled, JobCompleted, JobStarted
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_contracts.subjects import job as job_of
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.server import NatsServer

from .conftest import World

pytestmark = pytest.mark.server

_Event = TypeVar("_Event", bound=AnyEvent)

LADDER = "ry(0.3) q; " + "".join(f"cx q[{it}], q[{it + 1}]; " for it in range(19))
A_SECOND = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[20]; creg c[20]; {LADDER * 6} measure q -> c;'
"""Long enough to be killed in, even where the machine is fast."""


@dataclass
class Link:
    client: Client


@contextmanager
def executor(server: NatsServer) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "QUEUEBIT_EXECUTOR_STACK": "aer",
        "QUEUEBIT_EXECUTOR_SLOTS": "1",
        "QUEUEBIT_BUS_URL": server.url,
        "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file("executor-aer")),
    }
    process = subprocess.Popen([sys.executable, "-m", "queuebit_executor"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def until(feed: Subscription, kind: type[_Event], job: str) -> _Event:
    async with asyncio.timeout(100):
        while True:
            event = decode((await feed.next_msg(timeout=100)).data)
            if isinstance(event, kind) and event.data.job == job:
                return event


async def test_a_job_survives_its_executor(tmp_path: Path, world: World) -> None:
    server = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),))
    async with server.running():
        ann, scheduler, broker, operator = [
            await server.connect(name) for name in ("acme/ann", "scheduler", "broker", "operator")
        ]
        feed = await ann.subscribe("qb.job.acme.>")
        backends = await ann.subscribe("qb.backend.>")
        await ann.flush()
        asked, plans = JetStreamLog(Link(ann)), JetStreamLog(Link(scheduler))

        async def place(job: str, source: str) -> tuple[bytes, int]:
            await asked.append(world.submitted(job, source))
            event = world.placed(job, source=source)
            return event.to_bytes(), await plans.append(event)

        with executor(server) as first:
            registered = decode((await backends.next_msg(timeout=20)).data)
            assert isinstance(registered, BackendRegistered)
            assert registered.data.memory_bytes == 1280 << 20
            bell = world.submitted().data.circuit
            request = ProfileRequest(tenant="acme", circuit=bell, shots=1_000)
            for _ in range(2):
                reply = await broker.request("qb.profile.aer", request.model_dump_json().encode(), timeout=20)
                found = ProfileAnswer.model_validate_json(reply.data).profile
                assert found is not None
                assert found.qubits == 2

            body, sequence = await place("bell", world.bell)
            done = await until(feed, JobCompleted, "bell")
            assert sum(json.loads(done.data.result.inline or "{}").values()) == 1_000

            replay = await operator.request(
                "qb.replay.executor-aer", body, headers={"Qb-Sequence": str(sequence)}, timeout=20
            )
            assert json.loads(replay.data)["settled"]
            history = await plans.history(job_of("acme", "bell"))
            assert [type(it.event).__name__ for it in history] == [
                "JobSubmitted",
                "JobPlaced",
                "JobStarted",
                "JobCompleted",
            ]

            await place("survivor", A_SECOND)
            assert (await until(feed, JobStarted, "survivor")).data.attempt == 1
            family = descendants(first.pid)
            first.send_signal(signal.SIGKILL)

        assert len(family) == 3
        await gone(family)
        with executor(server):
            done = await until(feed, JobCompleted, "survivor")
            assert (done.data.attempt, done.data.shots) == (2, 1_000)
        for client in (ann, scheduler, broker, operator):
            await client.close()


HALF_A_MINUTE = (
    f'OPENQASM 3.0; include "stdgates.inc"; qubit[20] q; bit[20] c;for uint i in [1:200] {{ {LADDER} }} c = measure q;'
)
"""Longer than the test may take, and short enough to travel in its event."""


async def test_cancelling_a_running_job_frees_the_only_slot_for_the_next(tmp_path: Path, world: World) -> None:
    server = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),))
    async with server.running(), asyncio.timeout(100):
        ann, scheduler, broker = [await server.connect(name) for name in ("acme/ann", "scheduler", "broker")]
        feed = await ann.subscribe("qb.job.acme.>")
        await ann.flush()
        asked, plans, ends = [JetStreamLog(Link(client)) for client in (ann, scheduler, broker)]

        async def place(job: str, source: str) -> None:
            await asked.append(world.submitted(job, source))
            await plans.append(world.placed(job, source=source))

        with executor(server):
            await place("endless", HALF_A_MINUTE)
            await until(feed, JobStarted, "endless")
            await place("skipped", world.bell)
            await place("next", world.bell)
            for job in ("skipped", "endless"):
                await ends.append(world.cancelled(job))
            cancelled = (await until(feed, JobCancelled, "endless")).time
            began = await until(feed, JobStarted, "next")
            assert (began.time - cancelled).total_seconds() < 5, "the machine may be busy; a run takes half a minute"
            await until(feed, JobCompleted, "next")
            assert await plans.last("qb.job.acme.skipped.started") is None
        for client in (ann, scheduler, broker):
            await client.close()


def descendants(pid: int) -> list[int]:
    return [it.pid for it in psutil.Process(pid).children(recursive=True)]


async def gone(pids: list[int]) -> None:
    """Wait until none of them runs; zombies count as gone."""

    def runs(pid: int) -> bool:
        try:
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    async with asyncio.timeout(20):
        while any(map(runs, pids)):
            await asyncio.sleep(0.01)
