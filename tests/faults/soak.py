"""The soak: jobs at half load with faults every minute, for hours; then the checks, and the slopes of memory and disk.

    python -m tests.faults.soak --hours 24

Half load is half of what the stack finishes in a second when it is given as much as it takes. It prints one JSON
report, and exits with 0 if all that must hold does. Slopes are fitted by least squares to what was sampled after the
first tenth.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nats.errors
import numpy as np
import psutil
from tests.faults.drill import Drill, Report, check, fund
from tests.faults.strikes import Struck, executors, kills, pauses, services

from queuebit_contracts.topology import LOG
from queuebit_testing.embedded import EmbeddedStack

__all__ = ["Samples", "Slope", "slope_of"]

MEASURED_JOBS = 1_000
MINUTE_S = 60.0
SAMPLES = 500
SHORTEST_S = 2.0
_STORES = ("nats", "warehouse", "provenance")
_MEGA = 1e6
_BLOCK = 512
"""The unit of `st_blocks`, in bytes."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How something grew: of its first and last value on the fitted line, in MB, and by how much for each job."""

    first_mb: float
    last_mb: float
    bytes_per_job: float


def slope_of(jobs: list[int], values: list[int]) -> Slope:
    """Fit a line to sizes over the number of jobs that were stored.

    Args:
        jobs: jobs at each sample.
        values: bytes at each sample.
    """
    begin = len(jobs) // 10
    grown, first = np.polyfit(jobs[begin:], values[begin:], 1)
    at_first, at_last = (round(float(first + grown * jobs[it]) / _MEGA, 1) for it in (begin, -1))
    return Slope(at_first, at_last, round(float(grown), 1))


@dataclass
class Samples:
    """Sizes over time, in bytes."""

    jobs: list[int] = field(default_factory=list)
    memory: dict[str, list[int]] = field(default_factory=dict)
    """Resident memory of each process; 0 where it was not running."""
    disk: dict[str, list[int]] = field(default_factory=dict)
    consumers: list[int] = field(default_factory=list)
    """How many consumers the log has."""

    def take(self, stack: EmbeddedStack, jobs: int, consumers: int) -> None:
        """Add one sample."""
        self.jobs.append(jobs)
        self.consumers.append(consumers)
        for name in stack.names():
            self.memory.setdefault(name, []).append(_resident(stack.pid(name)))
        for store in _STORES:
            self.disk.setdefault(store, []).append(_size(stack.home / store))

    def slopes(self) -> dict[str, dict[str, Slope]]:
        """The slope of each process and of each store."""
        memory = {}
        for name, sizes in self.memory.items():
            pairs = [(at, size) for at, size in zip(self.jobs, sizes, strict=True) if size]
            memory[name] = slope_of([at for at, _ in pairs], [size for _, size in pairs])
        return {"memory": memory, "disk": {name: slope_of(self.jobs, sizes) for name, sizes in self.disk.items()}}


def _resident(pid: int | None) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid is not None else 0
    except psutil.NoSuchProcess:
        return 0


def _size(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                total += os.stat(f"{root}/{name}").st_blocks * _BLOCK
    return total


async def _every_minute(stack: EmbeddedStack) -> AsyncIterator[Struck]:
    """A killed executor, a killed process and a pause in each minute."""
    every_s = MINUTE_S / 3
    faults = (
        kills(stack, executors(stack), every_s),
        kills(stack, stack.names(), every_s),
        pauses(stack, services(stack), every_s, leases=(1.5,)),
    )
    for it in itertools.cycle(faults):
        yield await anext(it)


async def _sample(stack: EmbeddedStack, report: Report, every_s: float, into: Samples) -> None:
    while True:
        with suppress(OSError, nats.errors.Error):  # nats-server was killed: the next sample has it
            into.take(stack, report.results, await _consumers(stack))
        await asyncio.sleep(every_s)


async def _consumers(stack: EmbeddedStack) -> int:
    client = await stack.connect("operator")
    try:
        return int((await client.jetstream(timeout=10).stream_info(LOG)).state.consumer_count)
    finally:
        await client.close()


async def _throughput(stack: EmbeddedStack) -> float:
    """Jobs per second that a stack finishes when it is given as many as it takes."""
    it = Drill(stack, MEASURED_JOBS, 0.0, 0, prefix="measure")
    await it.run(_none())
    return MEASURED_JOBS / it.report.seconds


async def _none() -> AsyncIterator[Struck]:
    strikes: tuple[Struck, ...] = ()
    for it in strikes:
        yield it


async def soak(stack: EmbeddedStack, hours: float) -> tuple[Report, Samples, float]:
    """Run it; return the report, the samples and the jobs per second."""
    rate = await _throughput(stack) / 2
    it = Drill(stack, max(1, round(rate * hours * 3600)), hours * 3600, 0)
    samples = Samples()
    every_s = max(SHORTEST_S, hours * 3600 / SAMPLES)
    sampling = asyncio.create_task(_sample(stack, it.report, every_s, samples))
    try:
        await it.run(_every_minute(stack))
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
    return it.report, samples, rate


def main() -> int:
    """Run it as a program."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=24.0, metavar="H")
    asked = parser.parse_args()
    logging.getLogger("queuebit").setLevel(logging.ERROR)  # that a job still waits is no news here
    with tempfile.TemporaryDirectory(prefix="queuebit-soak-") as folder, EmbeddedStack(Path(folder) / "home") as stack:
        fund(stack)
        report, samples, rate = asyncio.run(soak(stack, asked.hours))
        check(stack, report)
    slopes = {kind: {name: asdict(it) for name, it in of.items()} for kind, of in samples.slopes().items()}
    found = {"jobs_per_s": round(rate, 1), "consumers": [min(samples.consumers), max(samples.consumers)], **slopes}
    print(json.dumps(asdict(report) | found | {"passed": report.passed}, indent=1))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
