"""Backends that run nothing: results and durations follow from the seed of each run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from queuebit_contracts.job import Compilation, Profile
from queuebit_contracts.query import CircuitError
from queuebit_executor.answers import Declared, Described, Estimate, Profiled, Queued, Ran, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.ports import Asker, CircuitWork, ItemWork, RunTimer
from queuebit_kernel import digest
from queuebit_planning.timing import Method

__all__ = ["BACKENDS", "SLOTS", "InstantCircuits", "source_of"]

BACKENDS: Final = ("local-alpha", "local-beta")
"""The price book has a row for names of this form."""
SLOTS: Final = 2

_TARGET: Final = digest(b"target")


def source_of(lasts_ms: int, *, fails: bool = False) -> str:
    """A circuit that runs for so long; no backend of a simulation reads more of it."""
    return f"OPENQASM 3.0; // lasts {lasts_ms} ms, {'fails' if fails else 'runs'}"


class InstantCircuits:
    """What an executor asks its child processes, answered at once, or when the time of a run is over."""

    def __init__(self, runs: Callable[[str], None]) -> None:
        """Prepare; `runs` is called with the token of each run."""
        self._runs = runs
        self._free = {it: asyncio.Semaphore(SLOTS) for it in BACKENDS}

    async def load(self) -> None: ...

    async def open(self) -> tuple[Described, ...]:
        return tuple(_described(it) for it in BACKENDS)

    async def close(self) -> None: ...

    def trouble(self) -> str | None:
        return None

    def detail(self) -> dict[str, str | int]:
        return {}

    def idle_runners(self) -> dict[tuple[str, ...], float]:
        return {}

    def remote(self, backend: str) -> bool:
        del backend
        return False

    def calibrated(self, backend: str) -> str | None:
        del backend
        return None

    async def calibration(self, backend: str) -> bytes:
        raise NotImplementedError(backend)

    async def exclude(self, backend: str, without: Sequence[tuple[int, ...]]) -> Described:
        del without
        return _described(backend)

    async def recalibrate(self, backend: str) -> Described:
        return _described(backend)

    async def queue(self, backend: str) -> Queued:
        del backend
        return Queued()

    async def inputs(self, source: bytes, asker: Asker) -> Declared | Refused:
        del source, asker
        return Declared(inputs=())

    async def profile(self, circuit: BoundCircuit, asker: Asker) -> Profiled | Refused:
        del asker
        if b"nonsense" in circuit.source:
            return Refused(error=CircuitError(code="syntax", message="it is no circuit"))
        return Profiled(profile=Profile(qubits=2, clbits=2, depth=3, two_qubit_gates=1, simulation_bytes=64))

    async def estimate(self, circuit: BoundCircuit, backend: str, asker: Asker) -> Estimate | Refused:
        del asker
        method = Method("statevector", _lasts_ms(circuit.source) * 1_000_000, 1_000, 64)
        return Estimate(backend=backend, depth=3, duration_ns=1_000, methods=(method,))

    @asynccontextmanager
    async def worker(self, backend: str, tenant: str, *, all_cores: bool = False) -> AsyncIterator[_Worker]:
        del tenant, all_cores
        async with self._free[backend]:
            yield _Worker(self._runs)

    @asynccontextmanager
    async def turn(self, backend: str, tenant: str, work: CircuitWork, busy: RunTimer) -> AsyncIterator[_Turn]:
        async with self.worker(backend, tenant) as worker:
            busy.start()
            yield _Turn(worker, work)


class _Turn:
    def __init__(self, worker: _Worker, work: CircuitWork) -> None:
        self._worker = worker
        self._work = work

    async def answer(self) -> Ran | Refused:
        return await self._worker.run(self._work)


class _Worker:
    overhead_us = 0

    def __init__(self, runs: Callable[[str], None]) -> None:
        self._runs = runs

    async def run(self, work: CircuitWork) -> Ran | Refused:
        self._runs(work.token)
        lasts_ms = _lasts_ms(work.source)
        await asyncio.sleep(lasts_ms / 1000)
        if b"fails" in work.source:
            return Refused(error=CircuitError(code="run_failed", message="it failed"), used_us=lasts_ms * 1000)
        ones = Random(f"{work.seed}").randrange(work.shots + 1)
        counts = {bits: n for bits, n in (("00", work.shots - ones), ("11", ones)) if n}
        return Ran(
            compilation=Compilation(
                compiler="simulation 1", digest=_TARGET, seed=1, depth=3, two_qubit_gates=1, duration_ns=0
            ),
            qubits=2,
            qpu_us=lasts_ms * 1000,
            counts=json.dumps(counts).encode(),
        )

    def limit_s(self, budget_us: int) -> float:
        del budget_us
        return 60.0

    async def run_item(
        self, work: ItemWork, budget_us: int, seconds: float, following: Sequence[ItemWork] = ()
    ) -> Refused:
        raise NotImplementedError(work, budget_us, seconds, following)


def _described(backend: str) -> Described:
    return Described(
        backend=backend,
        vendor="Simulation",
        kind="simulator",
        qubits=32,
        max_shots=10_000,
        features=(),
        gates=("cx",),
        rep_delay_ns=0,
        overhead_ns=0,
        target=_TARGET,
    )


def _lasts_ms(source: bytes) -> int:
    return int(source.partition(b"lasts ")[2].split(b" ")[0])
