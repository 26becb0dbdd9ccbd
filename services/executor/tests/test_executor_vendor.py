"""A backend that runs elsewhere: whenever its executor is killed, the vendor runs each job once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from nats.aio.client import Client

from queuebit_contracts.backend import BackendCalibrated
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Completion,
    JobCancelled,
    JobCompleted,
    JobDispatched,
    JobStarted,
    JobUsageReported,
    Measure,
)
from queuebit_contracts.program import CIRCUIT, PROGRAM, Item, Program
from queuebit_contracts.query import UsageRequest
from queuebit_contracts.results import RESULTS, Results
from queuebit_contracts.subjects import USAGE_REQUEST
from queuebit_contracts.subjects import backend as backend_of
from queuebit_contracts.subjects import job as job_of
from queuebit_contracts.usage import is_final, quantities
from queuebit_runtime.log import JetStreamLog, Stored
from queuebit_runtime.payloads import describe
from queuebit_testing.server import NatsServer
from queuebit_testing.vendor import BACKEND, FILE, VendorFile, install

from .conftest import World, carrying

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

_Event = TypeVar("_Event", bound=AnyEvent)

PAUSED = {
    "j1": "before submit j1",
    "j2": "after submit j2",
    "j3": "run j3",
    "j4": "after collect j4",
    "p1": "before submit p1/1",
    "p2": "after submit p2/1",
    "p3": "after submit p3/2",
    "p4": "after collect p4/1",
}
"""Where the executor is killed, for each job; those with `p` are programs of three submissions."""

SHOTS = (101, 102, 103, 104, 105)
"""Of the items of a program."""

PROGRAM_OF_FIVE = describe(
    Program(circuits=(describe(World.bell.encode(), CIRCUIT),), items=tuple(Item(shots=it) for it in SHOTS)).content(),
    PROGRAM,
)


@dataclass
class Link:
    client: Client


@contextmanager
def executor(server: NatsServer, vendor: VendorFile, site: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "PYTHONPATH": str(site),
        FILE: str(vendor.path),
        "QUEUEBIT_EXECUTOR_STACK": "vendor",
        "QUEUEBIT_EXECUTOR_PASSED": f'["{FILE}"]',
        "QUEUEBIT_EXECUTOR_WRITABLE": json.dumps([str(vendor.path.parent)]),
        "QUEUEBIT_EXECUTOR_SLOTS": "8",
        "QUEUEBIT_EXECUTOR_POLL_SECONDS": "0.05",
        "QUEUEBIT_EXECUTOR_CALIBRATION_SECONDS": "0.2",
        "QUEUEBIT_BUS_URL": server.url,
        "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file("executor-vendor")),
    }
    process = subprocess.Popen([sys.executable, "-m", "queuebit_executor"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def counts_of(end: Completion) -> list[dict[str, int] | None]:
    """The counts of each item."""
    assert end.result.inline is not None
    if end.result.media_type != RESULTS:
        return [json.loads(end.result.inline)]
    return [it.counts for it in Results.model_validate_json(end.result.inline).items]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # another process; the test's own time limit ends this
        await asyncio.sleep(0.02)


async def test_a_vendor_runs_each_job_once_after_any_kill_of_the_executor(tmp_path: Path, world: World) -> None:
    vendor, site = VendorFile(tmp_path / "vendor.sqlite"), tmp_path / "site"
    install(site)
    server = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),), stacks={"vendor": (BACKEND,)})
    async with server.running():
        ann, scheduler, broker = [await server.connect(name) for name in ("acme/ann", "scheduler", "broker")]
        asked, plans, ends = [JetStreamLog(Link(client)) for client in (ann, scheduler, broker)]

        async def place(job: str) -> None:
            await asked.append(world.submitted(job))
            event = world.placed(job, BACKEND)
            await plans.append(carrying(event, PROGRAM_OF_FIVE) if job.startswith("p") else event)

        async def history(job: str) -> list[Stored]:
            return await plans.history(job_of("acme", job))

        async def newest(job: str, kind: type[_Event]) -> _Event:
            while True:
                if found := [it.event for it in await history(job) if isinstance(it.event, kind)]:
                    return found[-1]
                await asyncio.sleep(0.05)

        async def calibration_is(digest: str) -> bool:
            said = await plans.last(backend_of(BACKEND).event("calibrated"))
            return said is not None and isinstance(said.event, BackendCalibrated) and said.event.data.digest == digest

        for job, point in PAUSED.items():
            vendor.pause(point)
            await place(job)
        with executor(server, vendor, site) as first:
            for job in PAUSED.keys() - {"j3"}:
                await until(lambda: vendor.is_reached(PAUSED[job]))  # noqa: B023  # used at once
            await newest("j3", JobDispatched)
            assert not [it for it in await history("j2") if isinstance(it.event, JobDispatched)]
            children = psutil.Process(first.pid).children(recursive=True)
            first.send_signal(signal.SIGKILL)
        await until(lambda: not psutil.wait_procs(children, timeout=0)[1])  # one that is alive may submit
        for point in PAUSED.values():
            vendor.resume(point)
        with executor(server, vendor, site):
            for job in PAUSED:
                end = (await newest(job, JobCompleted)).data
                assert (end.compilation.compiler, is_final(end.usage), end.suspect) == ("fake 1", True, None)
                used = (counts_of(end), end.usage.qpu_us, end.usage.shots)
                if job.startswith("p"):
                    assert used == ([{"00": it} for it in SHOTS], 4_500_000, sum(SHOTS))
                else:
                    assert used == ([{"00": 1_000}], 1_500_000, 1_000)
                taken = (await newest(job, JobDispatched)).data
                assert taken.handle == f"run-{taken.token}"
            submitted = {job: 3 if job.startswith("p") else 1 for job in PAUSED}
            assert Counter(token.partition("-")[0] for token, _ in vendor.runs) == submitted
            attempts = {job: (await newest(job, JobStarted)).data.attempt for job in PAUSED}
            assert attempts == {**dict.fromkeys(PAUSED, 1), "j1": 2}, "a run that was found is the same attempt"

            vendor.pause("run j5")
            await place("j5")
            await newest("j5", JobDispatched)
            await ends.append(world.cancelled("j5"))
            report = (await newest("j5", JobUsageReported)).data
            assert (report.revision, quantities(report.usage)["qpu-time"]) == (1, Decimal(0))
            assert vendor.runs[-1][1] == "cancelled"
            assert isinstance((await history("j5"))[-2].event, JobCancelled)

            vendor.drift()
            while not await calibration_is(vendor.calibration.digest):
                await asyncio.sleep(0.05)

            vendor.pause("run j8")
            await place("j8")
            await newest("j8", JobDispatched)
            vendor.drift()
            vendor.resume("run j8")
            doubted = (await newest("j8", JobCompleted)).data
            assert doubted.suspect is not None
            assert doubted.suspect.code == "recalibrated", "the device changed while the job ran"
            while not await calibration_is(vendor.calibration.digest):
                await asyncio.sleep(0.05)

            vendor.pause("usage j6")
            await place("j6")
            end = (await newest("j6", JobCompleted)).data
            assert (is_final(end.usage), end.calibration) == (False, vendor.calibration.digest)
            assert end.compilation.digest == end.calibration, "a child that knew older figures has read these"
            vendor.pause("usage j7")
            await place("j7")
            await newest("j7", JobCompleted)
            operator = await server.connect("operator")
            measure = Measure(metric="qpu-time", quantity="5", unit="microsecond")
            owed = UsageRequest(tenant="acme", job="j7", measures=(measure,), by="ops")
            await operator.request(USAGE_REQUEST, owed.model_dump_json().encode(), timeout=10)
            stated = (await newest("j7", JobUsageReported)).data
            assert (quantities(stated.usage)["qpu-time"], stated.reason) == (Decimal(5), "stated by ops")
            await operator.close()

            vendor.resume("usage j6")
            late = (await newest("j6", JobUsageReported)).data
            assert (is_final(late.usage), late.usage.qpu_us) == (True, 1_500_000)
        for client in (ann, scheduler, broker):
            await client.close()
