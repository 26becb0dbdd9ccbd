"""Small circuits alone on a device, each on its best qubits, and together, each on a region of its own.

The noise of an emulated device has no crosstalk: what is lost together is what the choice of regions loses. On real
devices crosstalk is added, which the idle qubits between the regions reduce and these figures do not have.
"""

from __future__ import annotations

import time
from statistics import mean

from tests.bench.report import Report

from queuebit_quantum import WorkItem, hellinger_fidelity, ideal_distribution, known_backends, open_backend, parse
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.ibm import EmulatedIbm
from queuebit_quantum.layout import working
from queuebit_quantum.noise import noisy_simulator
from queuebit_quantum.packing import Part, compile_on_region
from queuebit_quantum.physical import duration_s, used_gates
from queuebit_quantum.regions import choose_regions, device_of

__all__ = ["measure_packing"]

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
_SHOTS = 20_000


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
