"""What grows with the history of a stack: starts, memory, processor time of a job, verification, queries."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
from tests.bench.load import round_trips
from tests.bench.processor import settled, used_s
from tests.bench.report import Report
from tests.bench.sides import QueuebitSide
from tests.bench.stack import Lag, memory
from tests.bench.synthetic import fill

from queuebit import AsyncClient
from queuebit.credentials import find
from queuebit_testing.embedded import EmbeddedStack

__all__ = ["SIZES", "measure_history"]

SIZES = (1_000, 10_000)
"""Jobs of history; 100,000 take a quarter of an hour and 5 GB of disk."""

_ORIGINALS = 12
"""Jobs that the stack runs for each tenant; the history consists of copies of these."""
_BURST = 500
_BUDGET = "100000"
_LONG_S = 1800.0
_READY = re.compile(r"^(\S+ \S+) (\S+): ready")


@dataclass
class _Figures:
    """What was measured at one size."""

    fill_s: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    """By what took so long."""
    ready_s: dict[str, float] = field(default_factory=dict)
    """By service: seconds from `qb up` without snapshots until it was ready."""
    started: Mapping[str, int] = field(default_factory=dict)
    """By service: bytes of memory after a start."""
    loaded: Mapping[str, int] = field(default_factory=dict)
    """The same after the burst."""
    start_s: dict[str, float] = field(default_factory=dict)
    """By service: processor time that it took to be ready, without snapshots."""
    cost_ms: dict[str, float] = field(default_factory=dict)
    """By service: processor time for each job of the burst."""


def measure_history(report: Report, home: Path, sizes: Sequence[int]) -> None:
    """Fill one home up to each size in turn, and measure the stack on it."""
    stack = EmbeddedStack(home)
    found = {}
    try:
        _prepare(stack)
        jobs = 2 * _ORIGINALS
        for size in sorted(sizes):
            stack.qb("down")
            found[size] = _Figures(fill_s=fill(home, size - jobs))
            report.heading(f"{size:,} jobs of history: {size - jobs:,} were written in {found[size].fill_s:.0f} s")
            _measure(report, stack, found[size])
            jobs = size + _BURST
    finally:
        stack.qb("down", accept=(0, 4))
    _table(report, found)


def _prepare(stack: EmbeddedStack) -> None:
    """Run the jobs that are copied: of two tenants, one at a time, to their receipts."""
    stack.qb("up", "--detach", "--ports", "auto")
    stack.qb("tenant", "add", "team", "--budget", _BUDGET, "--project", "playground")
    stack.qb("tenant", "fund", "demo", "playground", _BUDGET)

    async def run(tenant: str) -> None:
        async with AsyncClient(find(stack.home, tenant)) as client:
            await round_trips(client, _ORIGINALS)

    asyncio.run(run("demo"))
    asyncio.run(run("team"))
    stack.qb("verify")


def _measure(report: Report, stack: EmbeddedStack, found: _Figures) -> None:
    def up(what: str) -> None:
        """Start the stack, and wait until all services are ready, even if that takes longer than a start may."""
        began = time.perf_counter()
        stack.qb("up", "--detach", accept=(0, 4), timeout=_LONG_S)
        stack.until(ready=True, seconds=_LONG_S)
        found.seconds[what] = time.perf_counter() - began
        report.add(what, f"{found.seconds[what]:.1f} s")

    up("qb up, snapshots are old, warehouse is behind")
    began = time.perf_counter()
    asyncio.run(_stored(stack))
    found.seconds["… until the warehouse has all of it"] = time.perf_counter() - began
    began, used = time.perf_counter(), _used_by_children()
    stack.qb("verify", "--wait", str(_LONG_S), timeout=_LONG_S)
    found.seconds["qb verify"] = time.perf_counter() - began
    found.seconds["… its processor time"] = _used_by_children() - used
    stack.qb("down", timeout=_LONG_S)
    up("qb up after qb down")
    found.started = memory(stack)
    asyncio.run(_burst(stack, found))
    found.loaded = memory(stack)
    for words in ("status", "jobs", "tenant budget"):
        began = time.perf_counter()
        stack.qb(*words.split())
        found.seconds[f"qb {words}"] = time.perf_counter() - began
    _kill(stack)
    up("qb up after kill -9")
    _kill(stack)
    shutil.rmtree(stack.home / "snapshots")
    log = stack.home / "logs" / "supervisor.log"
    begin, moment = log.stat().st_size, datetime.now().astimezone().replace(tzinfo=None)
    up("qb up after kill -9, without snapshots")
    for line in log.read_text()[begin:].splitlines():
        if ready := _READY.match(line):
            at = datetime.strptime(ready[1], "%Y-%m-%d %H:%M:%S,%f")  # local time, as is `moment`
            found.ready_s[ready[2]] = (at - moment).total_seconds()
    found.start_s = {name: used_s(psutil.Process(pid)) for name in stack.names() if (pid := stack.pid(name))}


def _used_by_children() -> float:
    """Processor time of all child processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _stored(stack: EmbeddedStack) -> None:
    """Wait until the warehouse has the log."""
    lag = Lag(stack)
    sampling = asyncio.ensure_future(lag.sample())
    while not lag.seconds or lag.seconds[-1] > 0:
        await asyncio.sleep(0.2)
    sampling.cancel()
    await asyncio.gather(sampling, return_exceptions=True)


async def _burst(stack: EmbeddedStack, found: _Figures) -> None:
    async with AsyncClient(find(stack.home, "demo")) as client:
        side = QueuebitSide(stack, client)
        before = await settled(side.processes)
        burst = await side.burst(_BURST, 64)
        after = await settled(side.processes)
    found.cost_ms = {name: (used - before[name]) / _BURST * 1000 for name, used in after.items()}
    found.cost_ms["client"] = burst.client_ms


def _kill(stack: EmbeddedStack) -> None:
    """Kill all processes of the stack, the supervisor first."""
    services = [psutil.Process(pid) for name in stack.names() if (pid := stack.pid(name))]
    for process in (services[0].parent(), *services):
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(services)


def _table(report: Report, found: Mapping[int, _Figures]) -> None:
    first, last = min(found), max(found)
    report.heading("Growth: " + ", ".join(f"{size:,}" for size in found) + " jobs of history, and what each job adds")

    def row(name: str, values: Sequence[float], unit: str, scale: float, each: str) -> None:
        slope = (values[-1] - values[0]) / (last - first) * scale if last > first else 0.0
        figures = "".join(f"{value:>11,.2f}" for value in values)
        report.add(name, f"{figures} {unit}", f"{slope:,.0f} {each} a job")

    of = found.values()
    for what in found[first].seconds:
        row(what, [it.seconds[what] for it in of], "s", 1e6, "us")
    for name in found[first].start_s:
        row(f"{name}: ready, without snapshots", [it.ready_s.get(name, 0.0) for it in of], "s", 1e6, "us")
        row(f"{name}: processor time until then", [it.start_s[name] for it in of], "s", 1e6, "us")
    for name in found[first].started:
        row(f"{name}: memory after a start", [it.started[name] / 2**20 for it in of], "MiB", 2**20, "bytes")
        row(f"{name}: memory after {_BURST} jobs", [it.loaded[name] / 2**20 for it in of], "MiB", 2**20, "bytes")
    for name in found[first].cost_ms:
        row(f"{name}: processor time of a job", [it.cost_ms[name] for it in of], "ms", 1e6, "ns")
