"""The drill of a cluster: jobs are submitted while one server after the other fails; then the checks.

    python -m tests.cluster.drill --jobs 2000 --every 5

Three servers keep three replicas of every stream. In turn a server is killed, paused or loses its store, and the log
changes its leader. It prints one JSON report, and exits with 0 if every job that was accepted has its result, every
invariant of `qb verify` holds, and all replicas are equal in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import ceil
from pathlib import Path
from typing import TypeVar

from nats.errors import Error as NatsError
from tests.faults.asking import answer_of

from queuebit import AsyncClient, AsyncJob, QueuebitError
from queuebit_audit import inspect, target_of
from queuebit_contracts.topology import LOG, inbox_of
from queuebit_deployment.replicas import Replica, compare
from queuebit_runtime.harden import connect
from queuebit_runtime.secrets import read_secret
from queuebit_stack.replicas import seen_replicas
from queuebit_testing.build import BELL
from queuebit_testing.cluster_platform import NODES, ClusterPlatform

__all__ = ["FAULTS", "Drill", "Report", "drill", "settle", "verified"]

_T = TypeVar("_T")

FAULTS = ("kill", "pause", "wipe", "stepdown", "restart")
SHOTS = 100
SHARE = 100
"""The most jobs that are submitted with one fault."""
TIMEOUT_S = 300.0
PAUSED_S = 1.5


@dataclass
class Report:
    """What a drill saw."""

    jobs: int
    results: int = 0
    failed: list[str] = field(default_factory=list)
    """Jobs without a result, and why."""
    faults: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    """Submissions that had to be repeated without a confirmation."""
    slowest_submit_s: float = 0.0
    seconds: float = 0.0
    invariants: dict[str, str] = field(default_factory=dict)
    replicas: str = ""
    """`equal`, or what differs."""

    @property
    def passed(self) -> bool:
        """Whether nothing is lost, and everything adds up."""
        return self.results == self.jobs and self.replicas == "equal" and {*self.invariants.values()} == {"holds"}


class Drill:
    """Jobs on a platform, while faults happen."""

    def __init__(self, platform: ClusterPlatform, jobs: int) -> None:
        self._platform = platform
        self.report = Report(jobs)

    async def run(self, todo: Sequence[tuple[str, str]], every_s: float) -> None:
        """Let one fault after the other happen, each with its share of the jobs in flight; then await results."""
        begin = time.monotonic()
        share = min(ceil(self.report.jobs / len(todo)), SHARE)
        async with self._platform.client() as client, asyncio.TaskGroup() as group:
            for first, (fault, node) in zip(range(0, self.report.jobs, share), itertools.cycle(todo), strict=False):
                next_s = time.monotonic() + every_s
                for number in range(first, min(first + share, self.report.jobs)):
                    group.create_task(self._job(client, number))
                await self.hurt(fault, node)
                self.report.faults[fault] = self.report.faults.get(fault, 0) + 1
                await asyncio.sleep(max(0.0, next_s - time.monotonic()))
        self.report.seconds = round(time.monotonic() - begin, 1)

    async def _job(self, client: AsyncClient, number: int) -> None:
        try:
            job = await self._submit(client, number)
            await self._again(job.status)  # what was accepted is found, whatever failed since
            result = await self._again(lambda: job.result(timeout=10))
            self.report.results += sum(result.counts.values()) == SHOTS
        except QueuebitError as error:
            self.report.failed.append(f"drill-{number}: {error!r}")

    async def _submit(self, client: AsyncClient, number: int) -> AsyncJob:
        begin = time.monotonic()
        job = await self._again(lambda: client.submit(BELL, shots=SHOTS, backend="aer", key=f"drill-{number}"))
        self.report.slowest_submit_s = max(self.report.slowest_submit_s, round(time.monotonic() - begin, 3))
        return job

    async def _again(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        return await answer_of(ask, self.report, TIMEOUT_S)

    async def hurt(self, fault: str, node: str) -> None:
        """Let one fault happen, and wait until all servers follow again: one failure at a time is tolerated."""
        it = self._platform
        if fault == "stepdown":
            await _stepdown(it)
            return
        if fault == "pause":
            it.pause(node)
            await asyncio.sleep(PAUSED_S)
            it.resume(node)
        else:
            await asyncio.to_thread(it.terminate if fault == "restart" else it.kill, node)
            if fault == "wipe":
                it.wipe(node)
            it.start(node)
        await settle(it)


async def _stepdown(platform: ClusterPlatform) -> None:
    """Have the log elect another leader; asked again while it has none."""
    seed = read_secret(platform.home.seed_file("provisioner"))
    client = await connect(
        ",".join(platform.urls), nkeys_seed_str=seed, inbox_prefix=inbox_of("provisioner").encode(), connect_timeout=5
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                with suppress(NatsError, TimeoutError):
                    reply = await client.request(f"$JS.API.STREAM.LEADER.STEPDOWN.{LOG}", b"", timeout=2)
                    if json.loads(reply.data).get("success"):
                        return
    finally:
        await client.close()


async def settle(platform: ClusterPlatform, seconds: float = 60.0) -> str:
    """Wait until all replicas are equal; return what differs if they do not become it."""
    deadline = time.monotonic() + seconds
    before = await _seen(platform)
    while True:
        await asyncio.sleep(0.2)
        now = await _seen(platform)
        wrong = [f"{it.stream} {it.server} {it.found}" for it in compare(before, now, NODES) if it.found]
        if not wrong or time.monotonic() > deadline:
            return "; ".join(wrong) or "equal"
        before = now


async def _seen(platform: ClusterPlatform) -> list[Replica]:
    try:
        return await seen_replicas(platform.urls, read_secret(platform.home.seed_file("system")))
    except OSError:
        return []


def verified(platform: ClusterPlatform, wait_s: float = 60.0) -> dict[str, str]:
    """Each invariant by `qb verify`'s own code: `holds`, or what was found."""
    found = asyncio.run(inspect(target_of(platform.home.root), wait_s))
    return {it.invariant: "; ".join(f"{f.subject}: {f.text}" for f in it.findings[:20]) or "holds" for it in found}


def drill(platform: ClusterPlatform, jobs: int, todo: Sequence[tuple[str, str]], every_s: float) -> Report:
    """Run a drill with these faults and servers, again and again until all jobs are submitted; then verify."""
    it = Drill(platform, jobs)
    asyncio.run(it.run(todo, every_s))
    it.report.replicas = asyncio.run(settle(platform))
    it.report.invariants = verified(platform)
    return it.report


def main() -> int:
    """Run it as a program."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.drill", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2000, metavar="N")
    parser.add_argument("--every", type=float, default=5.0, metavar="S", help="seconds between two faults")
    parser.add_argument("--faults", default=",".join(FAULTS), metavar="A,B", help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="for data and logs; a temporary one when absent")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="queuebit-cluster-") as folder:
        it = ClusterPlatform(asked.folder or Path(folder))
        with it as platform:
            report = drill(platform, asked.jobs, [*itertools.product(asked.faults.split(","), NODES)], asked.every)
    print(json.dumps(asdict(report) | {"passed": report.passed}, indent=1))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
