"""How long after its cause an alert fires on a running stack, under load: failing jobs, and an executor that hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from nats.aio.client import Client
from nats.js.errors import NotFoundError
from tests.bench.report import Report

from queuebit import AsyncClient, QueuebitError, Sweep
from queuebit_contracts.alerts import AlertFired
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

__all__ = ["measure_detection"]

FAILING = """OPENQASM 3.0;
include "stdgates.inc";
input float squared;
qubit q;
bit c;
ry(sqrt(squared)) q;
c = measure q;
"""
"""The root of a negative number has no value. Of a sweep, only the run detects this."""

_FAILING_RATE = 20
_DEADLINE_S = 120


@dataclass
class _Load:
    """Jobs at a fixed rate, whether earlier ones ended or not."""

    client: AsyncClient
    rate: float
    submit: Callable[[AsyncClient], Awaitable[object]]
    sent: int = 0
    began: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Submit until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                due = self.began + self.sent / self.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                self.sent += 1
                group.create_task(self._one())

    async def _one(self) -> None:
        with suppress(QueuebitError, OSError):
            await self.submit(self.client)

    @property
    def achieved(self) -> float:
        """Submissions a second so far."""
        return self.sent / (time.monotonic() - self.began)


async def measure_detection(report: Report, stack: EmbeddedStack, client: AsyncClient, rate: float) -> None:
    """Run the load, cause two faults one after the other, and wait for their alerts."""
    operator = await stack.connect("operator")
    load = _Load(client, rate, lambda it: it.submit(BELL, shots=100, backend="aer", purpose="bench"))
    running = asyncio.ensure_future(load.run())
    try:
        await asyncio.sleep(15)
        failed = await _failing(operator, client)
        hung = await _hanging(operator, stack)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await operator.close()
    at = f"at {load.achieved:.0f} jobs/s"
    report.add(f"from the first failing job of a class to its page, {at}", f"{failed:.1f} s", "floor: 30 s")
    report.add(f"from the hang of an executor to its page, {at}", f"{hung:.1f} s", "floor: 30 s")


async def _failing(operator: Client, client: AsyncClient) -> float:
    """Jobs of production that all fail, beside the good ones: seconds to the page of their objective."""
    began = time.monotonic()
    sweep = Sweep(FAILING, {"squared": [-1.0, -1.0]})
    failing = _Load(
        client,
        _FAILING_RATE,
        lambda it: it.submit(sweep, shots=100, backend="aer", purpose="bench", workload_class="production"),
    )
    running = asyncio.ensure_future(failing.run())
    try:
        return await _fired(operator, began, objective="success-production", severity="page")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _hanging(operator: Client, stack: EmbeddedStack) -> float:
    """An executor that is stopped, and so neither ends nor answers: seconds to the page of a backend of its."""
    name = next(it for it in stack.names() if it.startswith("executor-") and it != "executor-aer")
    pid = stack.pid(name)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        return await _fired(operator, began, alertname="BackendDown")
    finally:
        os.kill(pid, signal.SIGCONT)


async def _fired(operator: Client, began: float, **labels: str) -> float:
    """Wait for an alert with these labels; return how long ago its cause began."""
    log, seen = operator.jetstream(), 0
    while time.monotonic() - began < _DEADLINE_S:
        with suppress(NotFoundError):
            newest = await log.get_msg("LOG", seq=seen + 1, subject="qb.slo.*.fired.*", next=True)
            seen = newest.seq or seen
            fired = AlertFired.model_validate_json(newest.data or b"")
            if labels.items() <= fired.data.labels.items():
                return time.monotonic() - began
            continue
        await asyncio.sleep(0.1)
    raise SystemExit(f"no alert with {labels} within {_DEADLINE_S} s")
