"""A device goes bad on real days with planted faults: how soon it is isolated, and where the jobs go that it held.

A real server, the real scheduler and the real fleet service; jobs are accepted all the time. Each round takes one day
of ibm_perth and plants dead couplers that cut the device apart. In some rounds a process is killed at that moment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.perth import perth
from tests.bench.report import Report, percentile

from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_contracts.fleet import (
    BackendIsolated,
    BackendReadmitted,
    FleetAnswer,
    FleetRequest,
    ManualOrder,
)
from queuebit_contracts.job import JobAccepted, JobPlaced
from queuebit_contracts.subjects import FLEET_REQUEST, backend
from queuebit_contracts.topology import LOG
from queuebit_contracts.wire import Payload
from queuebit_isolation import Elements, Figures, Limits, judge, read_figures
from queuebit_kernel import Unavailable, digest
from queuebit_runtime.bus import Bus
from queuebit_runtime.log import JetStreamLog, Stored
from queuebit_testing.build import accepted
from queuebit_testing.server import NatsServer, free_port

__all__ = ["measure_isolation"]

_BAD, _GOOD = "emulated-ibm-perth", "emulated-ibm-hanoi"
_CUT = ("1-3", "4-5", "5-6")
"""Couplers without which three of seven qubits are connected."""
_RATE_S = 0.02
"""Between two jobs."""
_HELD = 100
"""Jobs that the device holds at least when it goes bad."""


class _Process:
    """A service on its own."""

    def __init__(self, server: NatsServer, name: str, **settings: str) -> None:
        self._name = name
        self._environment = {
            **os.environ,
            "QUEUEBIT_BUS_URL": server.url,
            "QUEUEBIT_BUS_SEED_FILE": str(server.seed_file(name)),
            "QUEUEBIT_BUS_HEALTH_PORT": str(free_port()),
            **settings,
        }
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", f"queuebit_{self._name}"]
        self.process = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)

    async def restart(self) -> None:
        """Kill it, and start it again at once."""
        self.process.send_signal(signal.SIGKILL)
        while self.process.poll() is None:
            await asyncio.sleep(0.01)
        self.start()


@dataclass(slots=True)
class _Seen:
    """What the log says of all rounds."""

    isolated_ms: list[float] = field(default_factory=list)
    """From the calibration to the isolation."""
    moved_ms: list[float] = field(default_factory=list)
    """From the isolation to the next placement of a job that the device held."""
    held: int = 0
    after: int = 0
    """Placements on the isolated device."""

    def read(self, facts: list[Stored]) -> None:
        """Read the log in order."""
        where: dict[str, str] = {}
        waiting: set[str] = set()
        isolated: datetime | None = None
        bad = None
        for it in facts:
            match it.event:
                case BackendCalibrated(data=data) if data.median_two_qubit_error_ppm == 1_000_000:
                    bad = it.stored_at
                case BackendIsolated():
                    isolated, waiting = it.stored_at, {job for job, place in where.items() if place == _BAD}
                    self.held += len(waiting)
                    if bad is not None:
                        self.isolated_ms.append((isolated - bad).total_seconds() * 1000)
                case BackendReadmitted():
                    isolated = None
                case JobPlaced(data=placed):
                    where[placed.job] = placed.backend
                    self.after += isolated is not None and placed.backend == _BAD
                    if isolated is not None and placed.job in waiting:
                        waiting.discard(placed.job)
                        self.moved_ms.append((it.stored_at - isolated).total_seconds() * 1000)


class _Drill:
    def __init__(self, server: NatsServer, broker: Bus, executor: Bus, operator: Bus) -> None:
        self._broker, self._executor = JetStreamLog(broker), JetStreamLog(executor)
        self._operator = operator
        self._accepted = 0
        self.scheduler = _Process(server, "scheduler", QUEUEBIT_SCHEDULER_PLACES_PER_SLOT="1024")
        self.fleet = _Process(server, "fleet")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        for name in (_BAD, _GOOD):
            data = Registration(
                backend=name, stack="ibm", vendor="ibm", kind="emulated", qubits=7, max_shots=10**6, slots=64
            )
            await self._executor.append(BackendRegistered(source="qb/bench", data=data))
        feeding = asyncio.ensure_future(self._feed())
        try:
            yield
        finally:
            feeding.cancel()
            for it in (self.scheduler, self.fleet):
                it.process.send_signal(signal.SIGKILL)

    async def round(self, number: int, victim: _Process | None) -> None:
        """The device holds jobs, goes bad, is isolated, and returns."""
        have = self._accepted
        while self._accepted < have + _HELD:
            await asyncio.sleep(_RATE_S)
        await self._calibrate(number, dead=True)
        if victim is not None:
            await victim.restart()
        while not await self._is_isolated():
            await asyncio.sleep(0.02)
        await asyncio.sleep(3 if victim is None else 6)
        for _ in range(2):
            await self._calibrate(number, dead=False)
        order = ManualOrder(backend=_BAD, reason="the next round", by="bench")
        while not (await self._ask(FleetRequest(readmit=order))).sequence:
            await asyncio.sleep(0.2)

    async def facts(self) -> list[Stored]:
        """All of the log."""
        info = await self._operator.client.request(f"$JS.API.STREAM.INFO.{LOG}", b"", timeout=5)
        log, last = JetStreamLog(self._operator), json.loads(info.data)["state"]["last_seq"]
        return [it for sequence in range(1, last + 1) if (it := await log.at(sequence)) is not None]

    async def _feed(self) -> None:
        while True:
            event = accepted(f"j{self._accepted}", backend=_BAD)
            await self._broker.append(_with_another(event))
            self._accepted += 1
            await asyncio.sleep(_RATE_S)

    async def _calibrate(self, number: int, *, dead: bool) -> None:
        snapshot = _snapshot(number, _CUT if dead else ())
        content = json.dumps({**snapshot, "day": [number, dead, self._accepted]}).encode()
        carried = Payload(
            digest=digest(content), size=len(content), media_type="application/json", inline=content.decode()
        )
        data = Calibration(
            backend=_BAD,
            calibrated_at=datetime.now(UTC),
            snapshot=carried,
            digest=carried.digest,
            median_two_qubit_error_ppm=1_000_000 if dead else 10_000,
        )
        await self._executor.append(BackendCalibrated(source="qb/bench", data=data))

    async def _is_isolated(self) -> bool:
        history = {type(it.event): it.sequence for it in await self._broker.history(backend(_BAD))}
        return history.get(BackendIsolated, 0) > history.get(BackendReadmitted, 0)

    async def _ask(self, request: FleetRequest) -> FleetAnswer:
        try:
            reply = await self._operator.request(FLEET_REQUEST, request.model_dump_json().encode(), 5.0)
        except Unavailable:
            return FleetAnswer()
        return FleetAnswer.model_validate_json(reply)


def _with_another(event: JobAccepted) -> JobAccepted:
    """The job may run on the other device, too, where it costs more."""
    (first,) = event.data.candidates
    other = first.model_copy(update={"backend": _GOOD, "hold": "0.02"})
    return event.model_copy(update={"data": event.data.model_copy(update={"candidates": (first, other)})})


def _snapshot(number: int, dead: tuple[str, ...]) -> dict[str, Any]:  # JSON
    """A real day, with dead couplers."""
    days = perth()
    real: Mapping[str, Any] = days[number % len(days)].snapshot  # JSON
    couplers = [
        {**it, "error": 1.0 if "-".join(map(str, it["qubits"])) in dead else it["error"]} for it in real["couplers"]
    ]
    return {"qubits": real["qubits"], "couplers": couplers}


def _real_days() -> tuple[int, int, int]:
    """On the real days without plants: days with an element out, changes of the elements, and days of isolation."""
    limits, elements, history = Limits(), Elements(), list[Figures]()
    out, changes, isolated = 0, 0, 0
    for it in perth():
        figures = read_figures(it.snapshot)
        after = judge(figures, history[-limits.history :], elements, limits)
        changes += after.out.keys() != elements.out.keys()
        out += bool(after.out)
        isolated += not after.is_enough(limits)
        history.append(figures)
        elements = after
    return out, changes, isolated


async def measure_isolation(report: Report, scale: float = 1.0) -> None:
    """Isolate and readmit a device again and again, also while processes are killed."""
    out, changes, isolated = _real_days()
    figure = f"{out} days with an element out, {changes} changes"
    report.add("120 real days of ibm_perth, as they were", figure, f"{isolated} days isolated")
    rounds = max(6, round(24 * scale))
    server = NatsServer(Path(tempfile.mkdtemp(prefix="queuebit-isolation-")))
    async with server.running():
        broker, executor, operator = (
            Bus(name, server.url, server.seeds[name]) for name in ("broker", "executor-ibm", "operator")
        )
        for bus in (broker, executor, operator):
            await bus.connect()
        drill, seen = _Drill(server, broker, executor, operator), _Seen()
        async with drill.running():
            for number in range(rounds):
                victim = {4: drill.scheduler, 5: drill.fleet}.get(number % 6)
                await drill.round(number * 5, victim)
            await asyncio.sleep(1)
        seen.read(await drill.facts())
        for bus in (broker, executor, operator):
            await bus.close()
    took = seen.isolated_ms
    what = f"calibration with dead couplers to `isolated`, {rounds} rounds"
    report.add(what, f"p50 {percentile(took, 0.5):.0f} ms, worst {max(took):.0f} ms")
    soon = sum(it <= 2000 for it in seen.moved_ms) / max(1, seen.held)
    figure = f"{soon:.1%} of {seen.held:,}, p50 {percentile(seen.moved_ms, 0.5):.0f} ms"
    report.add("held jobs placed elsewhere within 2 s of `isolated`", figure, "floor: 95 %")
    report.add("placements on the device after `isolated` (I7)", str(seen.after), "0")
