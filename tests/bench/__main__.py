"""Measures the performance of the embedded stack with all features on: `make bench`.

Figures are printed, not asserted, because they depend on the machine. `--quick` runs a tenth of the load, `--only` some
sections.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

import uvloop
from tests.bench.alerting import measure_alerting
from tests.bench.balances import measure_balances
from tests.bench.bare import measure_aer, measure_jetstream
from tests.bench.celery_side import celery_side, install
from tests.bench.console import measure_console, measure_console_live
from tests.bench.decisions import measure_decisions
from tests.bench.detection import measure_detection
from tests.bench.drift import measure_drift
from tests.bench.execution import measure_emulation, measure_parsing, measure_small_jobs
from tests.bench.gateway import measure_gateway
from tests.bench.history import SIZES, measure_history
from tests.bench.indicators import measure_indicators
from tests.bench.invoices import measure_invoices
from tests.bench.isolation import measure_isolation
from tests.bench.large import measure_large
from tests.bench.levels import measure_levels
from tests.bench.load import device_runs, first_accepted, round_trips, sustained
from tests.bench.packing import measure_packing, measure_sharing
from tests.bench.peer import measure_peer
from tests.bench.qiskit_sampler import measure_sampler
from tests.bench.rating import measure_rating
from tests.bench.report import Report, percentile
from tests.bench.scheduling import measure_alone, measure_on_a_log
from tests.bench.sealing import measure_sealing
from tests.bench.sides import QueuebitSide
from tests.bench.stack import Lag, memory
from tests.bench.takeover import measure_takeover
from tests.bench.trust import measure_trust

from queuebit import AsyncClient, QueuebitError
from queuebit.credentials import find
from queuebit_testing.embedded import EmbeddedStack

SECTIONS = (
    "limits",
    "decisions",
    "rating",
    "levels",
    "indicators",
    "invoices",
    "alerting",
    "drift",
    "stack",
    "sealing",
    "balances",
    "qiskit",
    "gateway",
    "console",
    "large",
    "peer",
    "execution",
    "history",
    "scheduler",
    "takeover",
    "packing",
    "isolation",
    "trust",
)

ON_A_STACK = frozenset(
    {"stack", "sealing", "alerting", "balances", "qiskit", "gateway", "console", "large", "peer", "execution"}
)
"""Sections that share one stack."""

PROJECTS = ("playground", "north", "south", "west")
"""Accounts of the load, which is measured over all and over one: an account takes one append of holds at a time."""


async def _until_accepted(home: Path) -> float:
    """Return the seconds from `qb up` to the first accepted job."""
    began = time.monotonic()
    command = [sys.executable, "-m", "queuebit_cli", "up", "--detach", "--ports", "auto", "--home", str(home)]
    starting = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        await asyncio.sleep(0.05)
        with suppress(QueuebitError, OSError):
            async with AsyncClient(find(home)) as client:
                await first_accepted(client)
                break
    took = time.monotonic() - began
    if await starting.wait():
        raise SystemExit("the stack did not start: see the logs in its home")
    return took


async def _on_the_stack(report: Report, stack: EmbeddedStack, scale: float) -> None:
    async with AsyncClient(find(stack.home)) as client:
        await round_trips(client, 30)
        took = [it * 1000 for it in await round_trips(client, max(50, round(500 * scale)))]
        report.add(
            "idle round trip, Bell, 1,000 shots",
            f"p50 {percentile(took, 0.5):.1f} ms, p99 {percentile(took, 0.99):.1f} ms",
            "floor: p50 30 ms, p99 120 ms",
        )
        runs = [it * 1000 for it in await device_runs(client, "emulated-ibm-torino", 15, 4000)]
        report.add(
            "emulated 133-qubit device, GHZ-5, 4,000 shots",
            f"p50 {percentile(runs, 0.5):.1f} ms, worst {max(runs):.1f} ms",
            "floor: 150 ms",
        )
        lag = Lag(stack)
        sampling = asyncio.ensure_future(lag.sample())
        for projects in (PROJECTS, PROJECTS[:1]):
            burst = await sustained(client, round(2000 * scale), projects)
            report.add(
                f"sustained, {burst.jobs:,} Bell jobs, 64 open, accounts: {len(projects)}",
                f"{burst.jobs / burst.completed_s:.1f} jobs/s to the result",
                "floor: 120 jobs/s",
            )
            report.add("… to the receipt", f"{burst.jobs / burst.sealed_s:.1f} jobs/s")
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
    report.add(
        "sink lag at that load",
        f"p50 {percentile(lag.seconds, 0.5):.2f} s, p99 {percentile(lag.seconds, 0.99):.2f} s",
        "floor: p99 2 s",
    )
    report.heading("Memory after the load, proportional set size with children")
    held = memory(stack)
    for name, size in held.items():
        report.add(name, f"{size / 2**20:,.0f} MiB")
    report.add("all", f"{sum(held.values()) / 2**20:,.0f} MiB")


async def _balances(report: Report, stack: EmbeddedStack, scale: float) -> None:
    async with AsyncClient(find(stack.home)) as client:
        await measure_balances(report, stack, client, scale)


async def _sealing(report: Report, stack: EmbeddedStack, scale: float) -> None:
    async with AsyncClient(find(stack.home)) as client:
        await measure_sealing(report, stack, client, PROJECTS, scale)


async def _detection(report: Report, stack: EmbeddedStack, scale: float) -> None:
    async with AsyncClient(find(stack.home)) as client:
        await measure_detection(report, stack, client, max(10, 100 * scale))


async def _beside_aer(report: Report, stack: EmbeddedStack, scale: float) -> None:
    async with AsyncClient(find(stack.home)) as client:
        await measure_large(report, client, max(1, round(5 * scale)))


async def _beside_single_runs(report: Report, stack: EmbeddedStack, scale: float) -> None:
    async with AsyncClient(find(stack.home)) as client:
        await measure_small_jobs(report, client, scale)


async def _beside_celery(report: Report, stack: EmbeddedStack, scale: float) -> None:
    async with AsyncClient(find(stack.home)) as client:
        with celery_side() as celery:
            await measure_peer(report, QueuebitSide(stack, client), celery, scale)


def _with_a_stack(report: Report, sections: Container[str], scale: float) -> None:
    report.heading("The stack")
    home = Path(tempfile.mkdtemp(prefix="queuebit-bench-"))
    stack = EmbeddedStack(home)
    try:
        report.add("qb up to the first accepted job", f"{uvloop.run(_until_accepted(home)):.1f} s", "floor: 8 s")
        if "stack" in sections or "sealing" in sections:
            for project in PROJECTS[1:]:
                stack.qb("tenant", "project", "add", "demo", project, "--budget", "1000")
        if "sealing" in sections:
            uvloop.run(_sealing(report, stack, scale))
        if "stack" in sections:
            uvloop.run(_on_the_stack(report, stack, scale))
        if "alerting" in sections:
            uvloop.run(_detection(report, stack, scale))
        if "balances" in sections:
            uvloop.run(_balances(report, stack, scale))
        if "qiskit" in sections:
            measure_sampler(report, home, max(3, round(15 * scale)))
        if "gateway" in sections:
            uvloop.run(measure_gateway(report, stack, scale))
        if "console" in sections:
            measure_console(report)
            measure_console_live(report, stack)
        if "large" in sections:
            uvloop.run(_beside_aer(report, stack, scale))
        if "execution" in sections:
            uvloop.run(_beside_single_runs(report, stack, scale))
        if "peer" in sections:
            if missing := install():
                report.heading(f"Beside Celery: skipped. {missing}")
            else:
                uvloop.run(_beside_celery(report, stack, scale))
        report.heading("Afterwards")
        print(stack.qb("verify"))
    finally:
        stack.qb("down", accept=(0, 4))
    shutil.rmtree(home)


def main() -> int:
    """Run the sections; return 0 if they ran."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the load")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="run these sections alone")
    parser.add_argument("--history", nargs="+", type=int, default=SIZES, metavar="JOBS", help="jobs of history")
    asked = parser.parse_args()
    scale = 0.1 if asked.quick else 1.0
    report = Report()
    print(report.conditions())
    if "limits" in asked.only:
        report.heading("Bare limits")
        measure_aer(report)
        measure_jetstream(report)
    if "decisions" in asked.only:
        report.heading("Decisions")
        measure_decisions(report)
    if "rating" in asked.only:
        report.heading("Rating")
        measure_rating(report)
    if "levels" in asked.only:
        report.heading("Service levels")
        measure_levels(report, round(10 * scale) * 1_000_000)
    if "indicators" in asked.only:
        measure_indicators(report, round(10_000_000 * scale))
    if "invoices" in asked.only:
        report.heading("Invoices")
        measure_invoices(report, round(1_000_000 * scale))
    if "alerting" in asked.only:
        report.heading("Alerts")
        measure_alerting(report, round(1000 * scale), round(7 * scale) or 1, round(10 * scale))
    if "drift" in asked.only:
        report.heading("Drift")
        measure_drift(report, scale)
    if "execution" in asked.only:
        measure_parsing(report)
        measure_emulation(report, scale)
    if ON_A_STACK.intersection(asked.only):
        _with_a_stack(report, asked.only, scale)
    if "scheduler" in asked.only:
        report.heading("Events of jobs in one scheduler process")
        measure_alone(report)
        uvloop.run(measure_on_a_log(report, scale))
    if "packing" in asked.only:
        report.heading("Several circuits on one emulated device")
        measure_packing(report)
        uvloop.run(measure_sharing(report, scale))
    if "takeover" in asked.only:
        report.heading("A standby takes over from the leading scheduler")
        uvloop.run(measure_takeover(report, scale))
    if "isolation" in asked.only:
        report.heading("A device goes bad while it holds jobs")
        uvloop.run(measure_isolation(report, scale))
    if "trust" in asked.only:
        measure_trust(report, scale)
    if "history" in asked.only:
        home = Path(tempfile.mkdtemp(prefix="queuebit-bench-"))
        measure_history(report, home, asked.history)
        shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
