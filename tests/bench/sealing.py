"""What sealing costs a stack: the same load with it and without it in turns, and how soon a job has its seal."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

from tests.bench.load import completed, round_trips, until_sealed
from tests.bench.processor import settled
from tests.bench.report import Report, percentile
from tests.bench.sides import QueuebitSide

from queuebit import AsyncClient
from queuebit_audit.inspection import following
from queuebit_audit.sources import Bus
from queuebit_runtime.view import Raw, View
from queuebit_testing.embedded import EmbeddedStack

__all__ = ["measure_sealing"]

_ROUNDS = 12
_READ_S = 30.0
_SHOWN_MS = 0.05


@dataclass
class _Stored:
    """When the events of each job were stored, by the last word of their subject."""

    at: dict[str, dict[str, float]] = field(
        default_factory=lambda: {it: {} for it in ("completed", "metered", "sealed")}
    )

    def take(self, raw: Raw) -> None:
        job, event = raw.subject.split(".")[3:5]
        self.at[event][job] = raw.stored_at.timestamp()

    def lags(self, since: str, jobs: Sequence[str]) -> list[float]:
        """Seconds from an event of each job to its seal."""
        return [self.at["sealed"][job] - self.at[since][job] for job in jobs]


async def measure_sealing(
    report: Report, stack: EmbeddedStack, client: AsyncClient, projects: Sequence[str], scale: float
) -> None:
    """Run rounds of jobs in turns: the service `provenance` works, or it is stopped and seals them after the round."""
    jobs = max(128, round(400 * scale))
    report.heading(f"Sealing: {_ROUNDS} pairs of rounds of {jobs} Bell jobs, 64 open, with and without it in turns")
    pid = stack.pid("provenance")
    if pid is None:
        raise SystemExit("provenance does not run: see the logs in the home of the stack")
    await until_sealed(client, (await completed(client, 256, projects))[0])
    processes = QueuebitSide(stack, client).processes
    rates: dict[bool, list[float]] = {True: [], False: []}
    spent: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    sealed: list[str] = []
    for number in range(_ROUNDS):
        for on in (number % 2 == 0, number % 2 == 1):
            with _stopped(pid, stop=not on):
                before = await settled(processes)
                ids, took = await completed(client, jobs, projects)
                after = await settled(processes)
            rates[on].append(jobs / took)
            spent[on].append({name: (used - before[name]) / jobs * 1000 for name, used in after.items()})
            sealed += ids if on else []
            await until_sealed(client, ids)
    ratios = [off / on for on, off in zip(rates[True], rates[False], strict=True)]
    report.add("jobs/s to the result, with sealing", _spread(rates[True]))
    report.add("… without it", _spread(rates[False]))
    costs = [100 * (1 - 1 / it) for it in ratios]
    report.add(
        "cost of sealing, share of the throughput",
        f"{median(costs):.1f} % ({min(costs):.1f} to {max(costs):.1f})",
        "aim: 10 %",
    )
    alone = sum(median(it[name] for it in spent[False]) for name in processes)
    more = {
        name: median(it[name] for it in spent[True]) - median(it[name] for it in spent[False]) for name in processes
    }
    share = sum(more.values()) / (alone + sum(more.values()))
    report.add(
        "processor time of sealing a job", f"{sum(more.values()):.2f} ms, {share:.1%} of all services", "aim: 10 %"
    )
    for name, extra in sorted(more.items(), key=lambda it: -it[1]):
        if abs(extra) >= _SHOWN_MS:
            report.add(f"  {name}", f"{extra:.2f} ms")
    await round_trips(client, 30)
    stored = await _stored(stack, sealed)
    for since, aim in (("completed", ""), ("metered", "aim: p99 2 s")):
        lags = stored.lags(since, sealed)
        text = f"p50 {percentile(lags, 0.5):.2f} s, p99 {percentile(lags, 0.99):.2f} s, worst {max(lags):.2f} s"
        report.add(f"{since} → sealed at that load", text, aim)


@contextmanager
def _stopped(pid: int, *, stop: bool) -> Iterator[None]:
    if not stop:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _stored(stack: EmbeddedStack, jobs: Sequence[str]) -> _Stored:
    """Read the log once the load is over, so that reading costs the rounds nothing."""
    operator, stored = await stack.connect("operator"), _Stored()
    view = View(Bus(operator), "operator", [f"qb.job.demo.*.{it}" for it in stored.at], stored.take)
    try:
        await following(view, _all_read(stored, jobs))
    finally:
        await operator.close()
    return stored


async def _all_read(stored: _Stored, jobs: Sequence[str]) -> None:
    deadline = time.monotonic() + _READ_S
    while not all(set(jobs) <= set(it) for it in stored.at.values()):
        if time.monotonic() > deadline:
            raise SystemExit(f"the log has no seal of some of {len(jobs)} jobs")
        await asyncio.sleep(0.1)


def _spread(rates: Sequence[float]) -> str:
    return f"{median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f})"
