"""How many jobs a second one scheduler process takes from acceptance to the end: on a real log, and alone.

On the real log (nats-server, each write synced) a process feeds acceptances at a rate; each placement is answered with
`started` and `completed` at once. So four events of each job are stored, and the scheduler follows them. Alone, the
same events are folded and placed in one process, with a log in memory: that is its own work, without the wire.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import product
from pathlib import Path

import psutil
from tests.bench.processor import used_s
from tests.bench.report import Report, percentile

from queuebit_contracts.backend import BackendRegistered, Registration
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import Candidate, Compilation, Completion, JobCompleted, JobPlaced, JobStarted, Start, Usage
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Payload
from queuebit_kernel import SystemClock, digest
from queuebit_runtime.bus import Bus
from queuebit_runtime.connection import Msg
from queuebit_runtime.log import Guarded
from queuebit_runtime.stored import Stored
from queuebit_runtime.tracing import Tracing
from queuebit_scheduler.handlers import PlaceJobs
from queuebit_scheduler.state import State
from queuebit_scheduling import MEDIA_TYPE
from queuebit_testing.build import NOON, accepted
from queuebit_testing.server import NatsServer, free_port

__all__ = ["measure_alone", "measure_on_a_log"]

_TENANTS = 10
_SLOTS = 16
_LONGEST_S = 120.0
"""For all jobs of a rate to end."""
_NAMES = ("aer", "cirq", "emulated-ibm-perth", "emulated-ibm-torino")
"""Backends of the executors whose credentials the server has."""


def measure_alone(report: Report, jobs: int = 5_000) -> None:
    """Processor time of a job in the scheduler, with 4 and with 50 candidates."""
    for count in (4, 50):
        used = asyncio.run(_alone(jobs if count == 4 else jobs // 4, [f"b{it}" for it in range(count)]))
        parts = ", ".join(f"{name} {it * 1e6:.0f}" for name, it in used.items())
        total = sum(used.values())
        report.add(f"scheduler alone, {count} candidates: processor time a job", f"{total * 1e6:.0f} us ({parts})")


async def measure_on_a_log(report: Report, scale: float = 1.0) -> None:
    """Jobs a second on a server, at growing rates; with its store on the disk, and in memory, where a sync is free."""
    places = [("on disk", tempfile.gettempdir()), ("in memory", "/dev/shm")]
    for (where, folder), rate in product(places, (250, 1_000, 2_000)):
        server = NatsServer(Path(tempfile.mkdtemp(prefix="queuebit-scheduling-", dir=folder)))
        async with server.running():
            feed = _Feed(server)
            await feed.start()
            try:
                took, lags, own_ms, server_ms = await feed.run(max(200, round(rate * 5 * scale)), rate)
            finally:
                await feed.close()
        shutil.rmtree(server.folder)
        report.add(
            f"log {where}: {len(lags):,} jobs, accepted at {rate:,} a second",
            f"{len(lags) / took:,.0f} jobs/s",
            f"lag p50 {percentile(lags, 0.5) * 1000:,.0f} ms, p99 {percentile(lags, 0.99) * 1000:,.0f} ms; "
            f"processor time a job: scheduler {own_ms:.2f} ms, nats-server {server_ms:.2f} ms",
        )


class _Feed:
    """One scheduler process, and what others append around it."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._buses = {name: Bus(name, server.url, server.seeds[name]) for name in ("broker", "operator")}
        self._executors = {
            name: Bus(name, server.url, server.seeds[name])
            for name in ("executor-aer", "executor-cirq", "executor-ibm")
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._accepted: dict[str, float] = {}
        self._lags: list[float] = []
        self._ended = asyncio.Event()
        self._wanted = 0

    async def start(self) -> None:
        for bus in (*self._buses.values(), *self._executors.values()):
            await bus.connect()
        for name in _NAMES:
            await self._publish(self._executor(name), _registered(name))
        health = free_port()
        environment = {
            **os.environ,
            "QUEUEBIT_BUS_URL": self._server.url,
            "QUEUEBIT_BUS_SEED_FILE": str(self._server.seed_file("scheduler")),
            "QUEUEBIT_BUS_HEALTH_PORT": str(health),
            "QUEUEBIT_SCHEDULER_PLACES_PER_SLOT": "64",
        }
        command = [sys.executable, "-m", "queuebit_scheduler"]
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        await self._buses["operator"].client.subscribe("qb.stored.*.*.placed.*", cb=self._on_placed)
        await self.run(50, 50)

    async def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for bus in (*self._buses.values(), *self._executors.values()):
            await bus.close()

    async def run(self, jobs: int, rate: float) -> tuple[float, list[float], float, float]:
        """Accept jobs at a rate and wait until all have ended.

        Returns:
            The time, the time from each acceptance to its placement, and the milliseconds of processor time a job of
            the scheduler and of the server.
        """
        events = [_acceptance(f"r{rate:g}-{jobs}-{number}", number, _NAMES) for number in range(jobs)]
        sent = [(it.data.job, subject_of(it), it.to_bytes()) for it in events]
        self._lags, self._wanted = [], jobs
        self._ended.clear()
        measured = [psutil.Process(it) for it in (self._process.pid if self._process else 0, self._server.pid)]
        before = [used_s(it) for it in measured]
        client, began = self._buses["broker"].client, time.perf_counter()
        for number, (job, subject, body) in enumerate(sent):
            while (ahead := began + number / rate - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            self._accepted[job] = time.perf_counter()
            await client.publish(subject, body)
            if number % 16 == 15:
                await asyncio.sleep(0)
        async with asyncio.timeout(_LONGEST_S):
            await self._ended.wait()
        took = time.perf_counter() - began
        own, of_server = ((used_s(it) - was) * 1000 / jobs for it, was in zip(measured, before, strict=True))
        return took, self._lags, own, of_server

    async def _on_placed(self, message: Msg) -> None:
        placed = decode(message.data)
        if not isinstance(placed, JobPlaced) or (since := self._accepted.pop(placed.data.job, None)) is None:
            return
        self._lags.append(time.perf_counter() - since)
        executor = self._executor(placed.data.backend)
        await self._publish(executor, _started(placed))
        await self._publish(executor, _completed(placed))
        if len(self._lags) == self._wanted:
            self._ended.set()

    def _executor(self, backend: str) -> Bus:
        return self._executors[f"executor-{backend if backend in ('aer', 'cirq') else 'ibm'}"]

    @staticmethod
    async def _publish(bus: Bus, event: AnyEvent) -> None:
        await bus.client.publish(subject_of(event), event.to_bytes())


class _MemoryLog:
    """Confirms every append at once."""

    def __init__(self) -> None:
        self.sequence = 0
        self.appended: list[JobPlaced] = []

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        self.sequence += 1
        self.appended.append(decode(event.to_bytes()))  # type: ignore[arg-type]  # the scheduler places
        return self.sequence

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        for fact in facts:
            await self.append(fact.event)
        return self.sequence


class _Decisions:
    async def keep(self, content: bytes, *, private: bool, copies: int) -> Payload:
        return Payload(digest=digest(content), size=len(content), media_type=MEDIA_TYPE)


async def _alone(jobs: int, backends: list[str]) -> dict[str, float]:
    """Seconds of processor time a job, by what is done with it."""
    log, state, clock = _MemoryLog(), State(64), SystemClock()
    place = PlaceJobs(state, log, _Decisions(), clock, Tracing("scheduler"), lambda: 1)  # type: ignore[arg-type]  # in memory
    used = dict.fromkeys(("accepted", "cycle", "placed", "started", "completed"), 0.0)

    def fold(what: str, events: list[AnyEvent]) -> None:
        bodies = [(it.to_bytes(), subject_of(it)) for it in events]
        began = time.process_time()
        for body, subject in bodies:
            log.sequence += 1
            stored = Stored(decode(body, subject), subject, log.sequence, clock.now())
            state.evolve(stored.event, stored.sequence, stored.stored_at)
        used[what] = used.get(what, 0.0) + time.process_time() - began

    fold("registered", [_registered(it) for it in backends])
    used.pop("registered")
    for first in range(0, jobs, 32):
        numbers = range(first, min(jobs, first + 32))
        fold("accepted", [_acceptance(f"j{it}", it, backends) for it in numbers])
        began = time.process_time()
        await place.cycle()
        used["cycle"] += time.process_time() - began
        placed, log.appended = log.appended, []
        fold("placed", [*placed])
        fold("started", [_started(it) for it in placed])
        fold("completed", [_completed(it) for it in placed])
    return {name: it / jobs for name, it in used.items()}


def _registered(backend: str) -> BackendRegistered:
    data = Registration(
        backend=backend, stack="aer", vendor="bench", kind="simulator", qubits=30, max_shots=10**6, slots=_SLOTS
    )
    return BackendRegistered(source="qb/bench", data=data)


def _acceptance(job: str, number: int, backends: tuple[str, ...] | list[str]) -> AnyEvent:
    event = accepted(job, tenant=f"t{number % _TENANTS}")
    candidates = _candidates(tuple(backends))
    return event.model_copy(update={"data": event.data.model_copy(update={"candidates": candidates})})


@lru_cache
def _candidates(backends: tuple[str, ...]) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(backend=it, price="p", hold="0.01", qpu_us=1000, esp_ppm=900_000 + number)
        for number, it in enumerate(backends)
    )


def _started(placed: JobPlaced) -> JobStarted:
    data = Start(tenant=placed.data.tenant, job=placed.data.job, backend=placed.data.backend, attempt=1, executor="e")
    return JobStarted(source="qb/bench", data=data)


def _completed(placed: JobPlaced) -> JobCompleted:
    data, now = placed.data, datetime.now(UTC)  # a benchmark has no clock to pass
    counts = b'{"00": 512, "11": 488}'
    return JobCompleted(
        source="qb/bench",
        data=Completion(
            tenant=data.tenant,
            job=data.job,
            backend=data.backend,
            attempt=1,
            shots=data.shots,
            result=Payload(
                digest=digest(counts), size=len(counts), media_type="application/json", inline=counts.decode()
            ),
            usage=Usage(shots=data.shots, qpu_us=1000, qubits=2),
            compilation=Compilation(
                compiler="c", digest=digest(b"target"), seed=7, depth=3, two_qubit_gates=1, duration_ns=1
            ),
            submitted_at=NOON,
            accepted_at=NOON,
            placed_at=NOON,
            started_at=now,
            terms=data.terms,
        ),
    )
