"""Small circuits alone on a device, each on its best qubits, and together, each on a region of its own; and through
the children of an executor, alone and beside others.

The noise of an emulated device has no crosstalk: what is lost together is what the choice of regions loses. On real
devices crosstalk is added, which the idle qubits between the regions reduce and these figures do not have.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import mean

from tests.bench.report import Report

from queuebit_contracts.sharing import ANYONE
from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import Described, Estimate, Ran
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.cancelled_usage import Stopwatch
from queuebit_executor.policy import Allowance, quoted
from queuebit_executor.ports import Asker, CircuitWork
from queuebit_executor.zygote_client import ZygoteClient, ZygoteSettings
from queuebit_kernel import SystemClock, event_id
from queuebit_quantum import WorkItem, hellinger_fidelity, ideal_distribution, known_backends, open_backend, parse
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_quantum.layout import working
from queuebit_quantum.noise import noisy_simulator
from queuebit_quantum.packing import Part, compile_on_region
from queuebit_quantum.physical import duration_s, used_gates
from queuebit_quantum.regions import choose_regions, device_of
from queuebit_runtime.tasks import Tasks

__all__ = ["measure_packing", "measure_sharing"]

_HEADER = 'OPENQASM 2.0; include "qelib1.inc"; '
_CIRCUITS = (
    "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;",
    "qreg q[3]; creg c[3]; h q[0]; cx q[0], q[1]; cx q[1], q[2]; measure q -> c;",
    "qreg q[3]; creg c[3]; ry(1.9106) q[0]; ch q[0], q[1]; cx q[1], q[2]; cx q[0], q[1]; x q[0]; measure q -> c;",
    "qreg q[4]; creg c[4]; h q[0]; cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[3]; measure q -> c;",
    "qreg q[4]; creg c[3]; x q[3]; h q; cx q[0], q[3]; cx q[2], q[3]; h q[0]; h q[1]; h q[2];"
    "measure q[0] -> c[0]; measure q[1] -> c[1]; measure q[2] -> c[2];",
    "qreg q[3]; creg c[3]; h q[0]; cp(pi/2) q[1], q[0]; cp(pi/4) q[2], q[0]; h q[1]; cp(pi/2) q[2], q[1]; h q[2];"
    "x q[0]; measure q -> c;",
)
"""A Bell pair, GHZ and W states, Bernstein-Vazirani, a Fourier transform: two to four qubits."""
_SIZES = (2, 3, 3, 4, 4, 3)
_SHOTS = 20_000
_JOB_SHOTS = 4_000


def measure_packing(report: Report) -> None:
    """Fidelity of each circuit alone and together, the room on each device, and the time that is saved."""
    circuits = [parse(_HEADER + it) for it in _CIRCUITS]
    ideal = [ideal_distribution(it) for it in circuits]
    for name in known_backends("ibm"):
        device = open_backend(name)
        if not isinstance(device, EmulatedIbm):
            raise TypeError(f"{name} is not emulated")
        alone = [device.compile(it, 1) for it in circuits]
        best = [
            hellinger_fidelity(device.run(WorkItem(it, _SHOTS, 7)).counts, wanted)
            for it, wanted in zip(alone, ideal, strict=True)
        ]
        for copies in (1, 3):
            _together(
                report, device, [*circuits] * copies, [*best] * copies, [it.qpu_us(_SHOTS) for it in alone] * copies
            )


async def measure_sharing(report: Report, scale: float) -> None:
    """Circuits of three tenants that wait for a device, through the children of an executor: QPU time of all."""
    jobs = max(24, round(96 * scale))
    for backend in ("emulated-ibm-torino", "emulated-ibm-hanoi"):
        async with _executor(backend) as (circuits, offer):
            estimates = [
                await circuits.estimate(BoundCircuit((_HEADER + it).encode()), backend, Asker("acme"))
                for it in _CIRCUITS
            ]
            quoted_us = [
                quoted(it, offer, _JOB_SHOTS, Allowance(1024, 60)).qpu_us or 0
                for it in estimates
                if isinstance(it, Estimate)
            ]

            for consent in (None, ANYONE):
                began = time.perf_counter()
                ran = await asyncio.gather(*(_one(circuits, backend, quoted_us, it, consent) for it in range(jobs)))
                elapsed = time.perf_counter() - began
                qpu_s = sum(it.qpu_us for it in ran) / 1e6
                together = mean(it.shared.circuits if it.shared else 1 for it in ran)
                report.add(
                    f"{backend}: {jobs} jobs of three tenants, {'one by one' if consent is None else 'shared'}",
                    f"{jobs / qpu_s:.2f} jobs per second of QPU time",
                    f"{together:.1f} at once on average; computed in {elapsed:.1f} s",
                )


async def _one(
    circuits: ChildCircuits, backend: str, quoted_us: Sequence[int], number: int, consent: str | None
) -> Ran:
    """A circuit of one of the kinds, of one of the tenants."""
    kind = number % len(_CIRCUITS)
    source = (_HEADER + _CIRCUITS[kind]).encode()
    work = CircuitWork(source, _JOB_SHOTS, number, quoted_us[kind], event_id(), consent, _SIZES[kind])
    async with circuits.turn(backend, f"tenant{number % 3}", work, Stopwatch(SystemClock())) as turn:
        answer = await turn.answer()
    if not isinstance(answer, Ran):
        raise TypeError(answer.error.message)
    return answer


@asynccontextmanager
async def _executor(backend: str) -> AsyncIterator[tuple[ChildCircuits, Described]]:
    tasks = Tasks()
    zygote = ZygoteClient(ZygoteSettings("ibm", (backend,), memory_mb=1024, threads=1, start_seconds=100))
    circuits = ChildCircuits(zygote, tasks, slots=None, kept=64, profile_seconds=60, run_seconds=60)
    await circuits.load()
    (offer,) = await circuits.open()
    try:
        yield circuits, offer
    finally:
        await circuits.close()
        await tasks.close()


def _together(
    report: Report, device: EmulatedIbm, circuits: list[Circuit], best: list[float], alone_us: list[int]
) -> None:
    target, name = device._target, device.description.id
    began = time.perf_counter()
    regions = choose_regions(device_of(device.calibrate()), [len(it.touched) for it in circuits])
    chosen_ms = (time.perf_counter() - began) * 1000
    usable = working(target)
    packed = [
        (number, compile_on_region(circuit, usable, region, 1, name))
        for number, (circuit, region) in enumerate(zip(circuits, regions, strict=True))
        if region is not None
    ]
    found = [_fidelity(device, part, circuits[number]) for number, part in packed]
    lost = [best[number] - it for (number, _), it in zip(packed, found, strict=True)]
    one_by_one = sum(alone_us[number] for number, _ in packed)
    description = device.description
    longest = max(_duration_s(part, usable) for _, part in packed)
    whole_us = round((_SHOTS * (longest + description.rep_delay_s) + description.overhead_s) * 1e6)
    report.add(
        f"{name}: {len(packed)} of {len(circuits)} circuits at once",
        f"mean fidelity {mean(found):.3f}, alone {mean(best[number] for number, _ in packed):.3f}",
        f"most lost {max(lost):.3f}; QPU time {whole_us / one_by_one:.2f} of one by one; chosen in {chosen_ms:.0f} ms",
    )


def _fidelity(device: EmulatedIbm, part: Part, circuit: Circuit) -> float:
    """Of one part: its noise does not depend on the others, so it is simulated without them."""
    simulator = noisy_simulator(device._target, part.region, used_gates(part.program, part.region))
    counts = simulator.run(part.program, shots=_SHOTS, seed_simulator=7).result().get_counts()
    return hellinger_fidelity(counts, ideal_distribution(circuit))


def _duration_s(part: Part, target: object) -> float:
    from qiskit import QuantumCircuit

    whole = QuantumCircuit(max(part.region) + 1, part.program.num_clbits)
    whole.compose(part.program, qubits=part.region, clbits=range(part.program.num_clbits), inplace=True)
    return duration_s(whole, target)
