"""Load on a running stack, with the Python client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from queuebit import AsyncClient
from queuebit_testing.build import BELL

__all__ = [
    "GHZ5",
    "Sustained",
    "completed",
    "device_runs",
    "first_accepted",
    "round_trips",
    "sustained",
    "until_sealed",
]

GHZ5 = (Path(__file__).parents[2] / "examples/circuits/ghz5.qasm").read_text()


async def first_accepted(client: AsyncClient, deadline_s: float = 60.0) -> None:
    """Submit one job and wait until it is accepted."""
    job = await client.submit(BELL, shots=1000, backend="aer", purpose="bench")
    await job.until(("accepted",), deadline_s)


async def round_trips(client: AsyncClient, jobs: int, *, source: str = BELL) -> list[float]:
    """Seconds from `submit` to the counts in hand, one job at a time on an idle stack."""
    took = []
    for _ in range(jobs):
        began = time.perf_counter()
        job = await client.submit(source, shots=1000, backend="aer", purpose="bench")
        await job.result(60)
        took.append(time.perf_counter() - began)
    return took


@dataclass(frozen=True)
class Sustained:
    """The result of a burst."""

    jobs: int
    completed_s: float
    sealed_s: float


async def completed(
    client: AsyncClient, jobs: int, projects: Sequence[str], in_flight: int = 64, *, source: str = BELL
) -> tuple[list[str], float]:
    """Run `jobs` jobs in turn for each project, `in_flight` open at once; return their ids, and the seconds it took."""
    gate = asyncio.Semaphore(in_flight)

    async def one(number: int) -> str:
        project = projects[number % len(projects)]
        async with gate:
            job = await client.submit(source, shots=1000, backend="aer", purpose="bench", project=project)
            await job.result(300)
            return job.id

    began = time.perf_counter()
    done = await asyncio.gather(*(one(number) for number in range(jobs)))
    return done, time.perf_counter() - began


async def until_sealed(client: AsyncClient, jobs: Sequence[str]) -> None:
    """Wait until each of these jobs has its receipt."""
    for job in jobs:
        await client.job(job).until(("sealed",), 60)


async def sustained(
    client: AsyncClient, jobs: int, projects: Sequence[str], in_flight: int = 64, *, source: str = BELL
) -> Sustained:
    """Run jobs as `completed` does; then wait until all are sealed."""
    began = time.perf_counter()
    done, completed_s = await completed(client, jobs, projects, in_flight, source=source)
    await until_sealed(client, done)
    return Sustained(jobs, completed_s, time.perf_counter() - began)


async def device_runs(client: AsyncClient, backend: str, runs: int, shots: int) -> list[float]:
    """Seconds an executor works on a 5-qubit GHZ circuit, from its `started` to its `completed`."""
    took = []
    for number in range(runs + 1):
        job = await client.submit(GHZ5, shots=shots, backend=backend, purpose="bench")
        status = await job.wait(120)
        at = {step.event: step.at for step in status.steps}
        if number:  # the first compiles and builds the noise model
            took.append((at["completed"] - at["started"]).total_seconds())
    return took
