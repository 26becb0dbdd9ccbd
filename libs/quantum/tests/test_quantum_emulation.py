"""An emulated device gives the distribution of Aer's own simulation of the whole device, over thirty circuits.

Aer alone simulates the same compiled circuits with `AerSimulator.from_backend`, which knows nothing of Queuebit. Two of
its runs with other seeds differ by chance. The test is Wilcoxon's signed-rank test over the circuits, one-sided: is the
total variation between Queuebit and Aer larger than between two runs of Aer? All seeds are fixed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Qubit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakePerth
from scipy.stats import wilcoxon

from queuebit_quantum import Circuit, Compiled, WorkItem, open_backend, parse, total_variation
from queuebit_quantum.ibm import EmulatedIbm

SHOTS = 2_000
ALPHA = 0.001
"""A run in a thousand would fail by chance, if the seeds were not fixed."""
EXAMPLES = Path(__file__).parents[3] / "examples/circuits"
TELEPORT = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[1] z_fix; bit[1] x_fix; bit[1] out;'
    "ry(1.0) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; h q[0]; z_fix[0] = measure q[0]; x_fix[0] = measure q[1];"
    "barrier q; delay[2us] q[2]; if (x_fix[0]) { x q[2]; } if (z_fix[0]) { z q[2]; } out[0] = measure q[2];"
)


def random_source(seed: int) -> str:
    """Two to four qubits, and as many rotations and CNOTs as would take a device some microseconds."""
    rng = random.Random(seed)
    qubits = rng.randint(2, 4)
    lines = [f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{qubits}]; creg c[{qubits}];']
    for _ in range(2 * qubits):
        one, other = rng.sample(range(qubits), 2)
        lines.append(f"u3({rng.random() * 3},{rng.random() * 3},{rng.random() * 3}) q[{one}]; cx q[{one}],q[{other}];")
    return "".join([*lines, "measure q -> c;"])


def thirty() -> list[Circuit]:
    """The examples of this repository, a teleportation with a delay and conditions, and random circuits."""
    examples = [it.read_text() for it in sorted(EXAMPLES.glob("*.qasm"))]
    return [parse(it) for it in [*examples, TELEPORT, *map(random_source, range(29 - len(examples)))]]


@pytest.fixture(scope="module")
def device() -> EmulatedIbm:
    opened = open_backend("emulated-ibm-perth")
    assert isinstance(opened, EmulatedIbm)
    return opened


@pytest.fixture(scope="module")
def compiled(device: EmulatedIbm) -> list[Compiled]:
    return [device.compile(it, 1) for it in thirty()]


def on_the_whole_device(compiled: Compiled, qubits: int) -> QuantumCircuit:
    program = QuantumCircuit([Qubit() for _ in range(qubits)], compiled.program.clbits, *compiled.program.cregs)
    return program.compose(compiled.program, qubits=compiled.physical_qubits, clbits=compiled.program.clbits)


@cache
def whole_device() -> tuple[AerSimulator, int]:
    snapshot = FakePerth()
    return AerSimulator.from_backend(snapshot), snapshot.num_qubits


def plain(compiled: Sequence[Compiled], seed: int) -> list[Mapping[str, int]]:
    simulator, qubits = whole_device()
    programs = [on_the_whole_device(it, qubits) for it in compiled]
    result = simulator.run(programs, shots=SHOTS, seed_simulator=seed).result()
    return [joined(result.get_counts(it)) for it in range(len(programs))]


def joined(counts: Mapping[str, int]) -> dict[str, int]:
    return {key.replace(" ", ""): count for key, count in counts.items()}


def more_than_chance(
    ours: Sequence[Mapping[str, int]], first: Sequence[Mapping[str, int]], second: Sequence[Mapping[str, int]]
) -> float:
    """The p value of: ours differs from the first run of Aer by no more than the second does."""
    away = [total_variation(one, other) for one, other in zip(first, ours, strict=True)]
    chance = [total_variation(one, other) for one, other in zip(first, second, strict=True)]
    return float(wilcoxon(away, chance, alternative="greater").pvalue)


def test_it_differs_from_aer_by_no_more_than_two_runs_of_aer_do(device: EmulatedIbm, compiled: list[Compiled]) -> None:
    first, second = plain(compiled, 100), plain(compiled, 200)
    ours = [joined(device.run(WorkItem(it, SHOTS, 300 + n)).counts) for n, it in enumerate(compiled)]
    assert len(compiled) == 30
    assert all(len(it.physical_qubits) < device.description.num_qubits for it in compiled)
    assert more_than_chance(ours, first, second) > ALPHA
    quiet = AerSimulator()
    without_noise = [
        joined(quiet.run(it.program, shots=SHOTS, seed_simulator=1).result().get_counts()) for it in compiled
    ]
    assert more_than_chance(without_noise, first, second) < ALPHA, "the test sees noise that is missing"


def test_one_seed_gives_the_counts_of_aer_shot_for_shot(device: EmulatedIbm, compiled: list[Compiled]) -> None:
    """Stronger than any statistics, where it holds: without delays, Aer draws the same numbers for both."""
    for seed, it in enumerate(compiled[:3]):
        (theirs,) = plain([it], seed)
        assert joined(device.run(WorkItem(it, SHOTS, seed)).counts) == theirs
