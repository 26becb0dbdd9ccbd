"""Builders of a job's events, and fakes of what surrounds the handlers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from queuebit_contracts import subjects
from queuebit_contracts.job import (
    Acceptance,
    Cancellation,
    Candidate,
    Compilation,
    JobAccepted,
    JobCancelled,
    JobPlaced,
    JobSubmitted,
    Placement,
    Profile,
    Score,
    Signature,
    Submission,
    Terms,
    Usage,
)
from queuebit_contracts.query import CircuitError
from queuebit_contracts.results import ItemResult
from queuebit_contracts.wire import Amount, Payload
from queuebit_executor.answers import Declared, Described, Estimate, ItemRan, Profiled, Ran, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.ports import Asker, CircuitWork, ItemWork, RunTimer
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, digest
from queuebit_planning.timing import Method
from queuebit_quantum import Input
from queuebit_runtime.payloads import describe
from queuebit_testing.memory import MemoryLog, MemoryPayloads

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
NOW = datetime(2026, 1, 2, tzinfo=UTC)
TARGET = digest(b"target")
ME = Instance("aer", "executor-aer@here:1", slots=2, memory_mb=1536)
LOST = Instance("aer", "executor-aer@there:1", slots=2, memory_mb=1536)


class FakeCircuits:
    """Returns prepared answers; `on_run` is called while a job runs."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, int, int]] = []
        self.sources: list[bytes] = []
        self.calibrations: list[str | None] = []
        self.profiled = 0
        self.compiled: list[str] = []
        self.refusal: Refused | None = None
        self.counts = b'{"00":1}'
        self.unfit: dict[str, Refused] = {}
        self.operations = ""
        self.gates: tuple[int, int, int] | None = None
        self.on_run: Callable[[], Awaitable[object]] = self._nothing
        self.free = asyncio.Semaphore(1)
        self.workers_asked_for = 0
        self.all_cores: list[bool] = []
        self.declared: tuple[Input, ...] = ()
        self.bound: list[BoundCircuit] = []
        self.overhead_ns = 0
        self.calibration_now: str | None = None
        """Of the device that is offered."""
        self.calibration_of_run: str | None = None
        self.failing: dict[int, Refused] = {}
        """Items of a program that are refused, by the order in which they are run."""
        self.items: list[tuple[ItemWork, int, float]] = []

    async def _nothing(self) -> None: ...

    def calibrated(self, backend: str) -> str | None:
        return self.calibration_now

    async def calibration(self, backend: str) -> bytes:
        return (
            b'{"calibrated_at":"2026-01-01T00:00:00Z","digest":"%s",'
            b'"medians":{"two_qubit_error":0.0051,"readout_error":null}}' % TARGET.encode()
        )

    async def inputs(self, source: bytes, asker: Asker) -> Declared | Refused:
        return self.refusal or Declared(inputs=self.declared)

    async def profile(self, circuit: BoundCircuit, asker: Asker) -> Profiled | Refused:
        self.profiled += 1
        self.bound.append(circuit)
        return self.refusal or Profiled(
            profile=Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64)
        )

    async def estimate(self, circuit: BoundCircuit, backend: str, asker: Asker) -> Estimate | Refused:
        self.compiled.append(backend)
        return self.unfit.get(backend) or Estimate(
            backend=backend,
            depth=3,
            duration_ns=1_000,
            overhead_ns=self.overhead_ns,
            methods=(Method("statevector", 5_000_000, 1_100, 64),),
            operations=self.operations,
            gates=self.gates,
        )

    @asynccontextmanager
    async def worker(self, backend: str, tenant: str, *, all_cores: bool = False) -> AsyncIterator[FakeWorker]:
        self.all_cores.append(all_cores)
        self.workers_asked_for += 1
        async with self.free:
            yield FakeWorker(self, backend)

    @asynccontextmanager
    async def turn(self, backend: str, tenant: str, work: CircuitWork, busy: RunTimer) -> AsyncIterator[FakeTurn]:
        async with self.worker(backend, tenant) as worker:
            busy.start()
            yield FakeTurn(worker, work)


class FakeTurn:
    """Runs its circuit when the answer is asked for."""

    def __init__(self, worker: FakeWorker, work: CircuitWork) -> None:
        self._worker = worker
        self._work = work

    async def answer(self) -> Ran | Refused:
        return await self._worker.run(self._work)


class FakeWorker:
    """Returns the prepared outcomes."""

    def __init__(self, circuits: FakeCircuits, backend: str) -> None:
        self.circuits = circuits
        self.backend = backend

    async def run(self, work: CircuitWork) -> Ran | Refused:
        self.circuits.runs.append((self.backend, work.shots, work.seed))
        self.circuits.sources.append(work.source)
        self.circuits.calibrations.append(work.calibration)
        await self.circuits.on_run()
        return self.circuits.refusal or Ran(
            compilation=Compilation(
                compiler="fake 1", digest=TARGET, seed=1, depth=3, two_qubit_gates=1, duration_ns=0
            ),
            qubits=2,
            qpu_us=1_234,
            calibration=self.circuits.calibration_of_run,
            counts=self.circuits.counts,
        )

    overhead_us = 0

    def limit_s(self, budget_us: int) -> float:
        return 60.0

    async def run_item(
        self, work: ItemWork, budget_us: int, seconds: float, following: Sequence[ItemWork] = ()
    ) -> ItemRan | Refused:
        number = len(self.circuits.items)
        self.circuits.items.append((work, budget_us, seconds))
        await self.circuits.on_run()
        compiled = Compilation(compiler="fake 1", digest=TARGET, seed=1, depth=3, two_qubit_gates=1, duration_ns=7)
        return self.circuits.failing.get(number) or ItemRan(
            result=ItemResult(
                state="completed",
                counts={"00": work.shots},
                compilations=(compiled,),
                usage=Usage(shots=work.shots, qpu_us=1_000, qubits=2),
            ),
            cpu_us=70 if work.post else 0,
        )


def offer(backend: str, kind: str = "simulator", calibration: str | None = None) -> Described:
    return Described(
        backend=backend,
        vendor="Test",
        kind=kind,
        qubits=32,
        max_shots=10_000,
        features=(),
        gates=("cx",),
        rep_delay_ns=0,
        overhead_ns=0,
        target=TARGET,
        calibration=calibration,
    )


def refusal(code: str, *, lasting: bool = True) -> Refused:
    return Refused(error=CircuitError(code=code, message=f"it is {code}"), lasting=lasting)


def submitted(job: str = "j1", source: str = BELL, inline: bool = True) -> JobSubmitted:
    circuit = describe(source.encode(), "text/x-openqasm")
    return JobSubmitted(
        source="qb/client",
        data=Submission(
            tenant="acme",
            project="main",
            job=job,
            key=job,
            circuit=circuit if inline else circuit.model_copy(update={"inline": None}),
            shots=1_000,
            proof=Signature(key="U" + "A" * 55, signature="a" * 86),
        ),
    )


def accepted(submission: int | None, job: str = "j1", source: str = BELL) -> JobAccepted:
    nothing = Amount(amount="0")
    return JobAccepted(
        source="qb/broker",
        data=Acceptance(
            tenant="acme",
            project="main",
            job=job,
            user="ann",
            share=1,
            shots=1_000,
            circuit=digest(source.encode()),
            profile=Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64),
            candidates=(Candidate(backend="aer", price="free", hold="0", qpu_us=10_000_000),),
            hold=nothing,
            price_book=digest(b"book"),
            seed=7,
            submitted_at=NOW,
            submission=submission,
        ),
    )


def placed(job: str = "j1", backend: str = "aer", source: str = BELL, qpu_us: int = 10_000_000) -> JobPlaced:
    return JobPlaced(
        source="qb/scheduler",
        time=NOW,
        provenanceid=digest(b"submission"),
        data=Placement(
            tenant="acme",
            project="main",
            job=job,
            backend=backend,
            shots=1_000,
            circuit=digest(source.encode()),
            seed=7,
            qpu_us=qpu_us,
            policy="test",
            snapshot=digest(b"snapshot"),
            scores=(Score(backend=backend, expected_ms=1),),
            submitted_at=NOW,
            accepted_at=NOW,
        ),
    )


def carrying(event: JobPlaced, program: Payload) -> JobPlaced:
    """The placement as schedulers write it: with the program and its terms."""
    return event.model_copy(
        update={
            "data": event.data.model_copy(
                update={
                    "circuit": program.digest,
                    "program": program,
                    "terms": Terms(
                        project="main",
                        price="free",
                        price_book=digest(b"book"),
                        hold=Amount(amount="0"),
                        shots=event.data.shots,
                        qpu_us=event.data.qpu_us,
                        qubits=2,
                    ),
                }
            )
        }
    )


def cancelled(job: str = "j1") -> JobCancelled:
    return JobCancelled(source="qb/broker", data=Cancellation(tenant="acme", job=job, by="ann", submitted_at=NOW))


class World:
    """A log with one placed job, and everything a handler needs."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.payloads = MemoryPayloads()
        self.circuits = FakeCircuits()
        self.job = subjects.job("acme", "j1")

    submitted = staticmethod(submitted)
    accepted = staticmethod(accepted)
    placed = staticmethod(placed)
    cancelled = staticmethod(cancelled)
    offer = staticmethod(offer)
    refusal = staticmethod(refusal)
    bell = BELL

    async def place(self, *, carried: Payload | None = None) -> tuple[JobPlaced, int]:
        """Place the job; the placement says what to run and on what terms if `carried` is given."""
        await self.log.append(accepted(await self.log.append(submitted())))
        event = placed() if carried is None else carrying(placed(), carried)
        return event, await self.log.append(event)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def run(world: World) -> RunPlacement:
    """Runs placements as `ME`."""
    watch = JobWatch(world.log)
    return RunPlacement(
        world.log,
        world.payloads,
        world.circuits,
        FixedClock(),
        watch,
        me=ME,
        pauses=(0, 0, 0),
    )
