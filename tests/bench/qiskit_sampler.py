"""A call of the Qiskit adapter beside Aer alone: the same circuit with the same 100 parameter sets, in turns."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import real_amplitudes
from qiskit_aer import AerSimulator
from qiskit_aer.primitives import SamplerV2 as AerSampler
from tests.bench.report import Report

from queuebit_qiskit import QueuebitService, SamplerV2

__all__ = ["measure_sampler"]

_SETS, _SHOTS, _QUBITS = 100, 1_000, (4, 8)


def measure_sampler(report: Report, home: Path, rounds: int) -> None:
    """Report the milliseconds to the result, medians of the rounds; each round has other parameters.

    Aer runs in this process, compiled once before; Queuebit admits, prices, compiles, runs, bills and seals one job.
    """
    report.heading(f"Qiskit: one call, {_SETS} parameter sets of {_SHOTS:,} shots, in turns, medians of {rounds}")
    with QueuebitService(home=home) as service:
        sampler, aer = SamplerV2(service.backend("aer")), AerSampler()
        for qubits in _QUBITS:
            circuit = real_amplitudes(qubits, reps=2)
            circuit.measure_all()
            compiled = transpile(circuit, AerSimulator())
            ours, bare = [], []
            for number in range(rounds + 1):
                sets = np.random.default_rng(number).uniform(0, 3, (_SETS, circuit.num_parameters))
                ours.append(_ms(sampler, circuit, sets))
                bare.append(_ms(aer, compiled, sets))
            took, alone = median(ours[1:]), median(bare[1:])
            report.add(
                f"SamplerV2, {qubits} qubits, to the result",
                f"{took:.0f} ms; Aer alone {alone:.0f} ms",
                f"floor: {1.3 * alone + 30:.0f} ms",
            )


def _ms(sampler: Any, circuit: QuantumCircuit, sets: npt.NDArray[np.float64]) -> float:  # either side's sampler
    began = time.perf_counter()
    sampler.run([(circuit, sets)], shots=_SHOTS).result()
    return (time.perf_counter() - began) * 1000
