"""Two schedulers as processes: a standby takes over when the leader is killed, stopped, cut off or ended."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from queuebit_contracts.job import JobPlaced
from queuebit_contracts.leader import LeaderElected
from queuebit_contracts.subjects import leader
from queuebit_contracts.topology import LOG
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.server import NatsServer

from .conftest import World
from .scheduler_process import health, placed, say, start

pytestmark = pytest.mark.server

LEASE_S = 1.0


async def test_a_standby_takes_over_and_no_job_is_placed_twice(tmp_path: Path, world_of: type[World]) -> None:
    server = NatsServer(tmp_path)
    async with server.running(), asyncio.timeout(55):
        await say(server, "executor-aer", world_of.registered("aer"))
        running = [await start(server, places=500, lease_s=LEASE_S)]
        await _until_leads(running[0][1])
        running.append(await start(server, places=500, lease_s=LEASE_S))
        assert '"leads": 0' in await health(running[1][1])
        shown = [await health(port, "/metrics") for _, port in running]
        assert ['queuebit_scheduler_leads{service="scheduler"} 1.0' in it for it in shown] == [True, False]
        assert ['queuebit_backend_slots{backend="aer",' in it for it in shown] == [True, False], "a sum counts it once"
        operator = Bus("operator", server.url, server.seeds["operator"])
        await operator.connect()
        log = JetStreamLog(operator)

        async def runs(names: list[str]) -> set[int | None]:
            await say(server, "broker", *(world_of.accepted(name) for name in names))
            return {(await placed(log, name)).data.term for name in names}

        assert await runs(["a0", "a1"]) == {1}
        running[0][0].kill()
        await running[0][0].wait()
        assert await runs(["b0", "b1"]) == {2}

        stopped = running[1][0]
        running.append(await start(server, places=500, lease_s=LEASE_S))
        await health(running[2][1])
        stopped.send_signal(signal.SIGSTOP)
        assert await runs(["c0", "c1"]) == {3}
        stopped.send_signal(signal.SIGCONT)
        assert await runs([f"d{n}" for n in range(20)]) == {3}
        assert '"leads": 0' in await health(running[1][1])

        began = asyncio.get_running_loop().time()
        running[2][0].terminate()
        assert await runs(["e0"]) == {4}
        assert asyncio.get_running_loop().time() - began < LEASE_S, "it does not wait for the end of the lease"
        assert await running[2][0].wait() == 0
        await _each_once(operator, 27)
        assert await _in_order(log, operator)
        stopped.terminate()
        assert await stopped.wait() == 0
        await operator.close()


async def _until_leads(port: int) -> None:
    while '"leads": 1' not in await health(port):
        await asyncio.sleep(0.02)


async def _each_once(operator: Bus, jobs: int) -> None:
    wanted = json.dumps({"subjects_filter": "qb.job.acme.*.placed.*"}).encode()
    found = await operator.client.request(f"$JS.API.STREAM.INFO.{LOG}", wanted, timeout=5)
    subjects = json.loads(found.data)["state"]["subjects"]
    assert {*subjects.values()} == {1}
    assert len({it.split(".")[3] for it in subjects}) == len(subjects) == jobs


async def _in_order(log: JetStreamLog, operator: Bus) -> bool:
    """Whether the log has no placement of an earlier term after a later one began."""
    found = await operator.client.request(f"$JS.API.STREAM.INFO.{LOG}", b"", timeout=5)
    term = 0
    for sequence in range(1, json.loads(found.data)["state"]["last_seq"] + 1):
        stored = await log.at(sequence)
        assert stored is not None
        if isinstance(stored.event, LeaderElected):
            assert stored.subject == leader("scheduler").event("elected")
            term = stored.event.data.term
        if isinstance(stored.event, JobPlaced) and stored.event.data.term != term:
            return False
    return term == 4
