"""Google's simulator: converts a circuit gate by gate into a Cirq circuit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cirq
import numpy as np
from qiskit import QuantumCircuit
from qiskit import __version__ as qiskit_version
from qiskit.transpiler import PassManager
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager

from queuebit_kernel import digest_of
from queuebit_quantum.backends import Compiled, Description, Outcome, WorkItem, require_fit, result_key, result_keys
from queuebit_quantum.circuits import Circuit, parse
from queuebit_quantum.compiling import CompileCache, translate
from queuebit_quantum.in_process import InProcess
from queuebit_quantum.physical import coupling_gates, remove_delays
from queuebit_quantum.workload import cirq_method

__all__ = ["CirqSimulator"]

_COMPILER = f"qiskit {qiskit_version} to cirq {cirq.__version__}"
_GATES: dict[str, Callable[..., cirq.Gate]] = {
    "id": lambda: cirq.I,
    "x": lambda: cirq.X,
    "y": lambda: cirq.Y,
    "z": lambda: cirq.Z,
    "h": lambda: cirq.H,
    "s": lambda: cirq.S,
    "sdg": lambda: cirq.S**-1,
    "t": lambda: cirq.T,
    "tdg": lambda: cirq.T**-1,
    "sx": lambda: cirq.X**0.5,
    "sxdg": lambda: cirq.X**-0.5,
    "rx": cirq.rx,
    "ry": cirq.ry,
    "rz": cirq.rz,
    "p": lambda angle: cirq.ZPowGate(exponent=angle / math.pi),
    "cx": lambda: cirq.CX,
    "cz": lambda: cirq.CZ,
    "cp": lambda angle: cirq.CZPowGate(exponent=angle / math.pi),
    "swap": lambda: cirq.SWAP,
    "iswap": lambda: cirq.ISWAP,
    "rzz": lambda angle: cirq.ZZPowGate(exponent=angle / math.pi, global_shift=-0.5),
    "ccx": lambda: cirq.CCX,
    "ccz": lambda: cirq.CCZ,
    "cswap": lambda: cirq.CSWAP,
}
"""Cirq gates by Qiskit name, equal up to a global phase; the compiler translates all other gates into these."""


_SMALL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'


@dataclass(frozen=True, slots=True)
class _Program:
    circuit: cirq.Circuit
    records: tuple[tuple[str, int], ...]
    """Measurement keys and the classical bits they write, in program order; later records overwrite earlier ones."""


class CirqSimulator(InProcess):
    """Samples a circuit's exact distribution, in single precision."""

    id = "cirq"

    def __init__(self) -> None:
        super().__init__()
        self.description = Description(
            id=self.id,
            vendor="Google",
            kind="simulator",
            num_qubits=24,
            basis_gates=tuple(sorted(_GATES)),
            features=frozenset({"mid_circuit_measurement", "reset", "timing", "verbatim"}),
            max_shots=1_000_000,
            target_digest=digest_of({"backend": self.id, "gates": sorted(_GATES)}),
        )
        self._cache = CompileCache(_COMPILER)
        _pass_manager()

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self.description, circuit)
        return self._cache.get(circuit, self.description.target_digest, seed, lambda: self._compile(circuit, seed))

    def warm_up(self) -> None:
        """Read, convert and run a small circuit, as the first run of a fork does.

        It is not compiled: Qiskit's compiler starts threads, which no fork would have.
        """
        circuit = parse(_SMALL)
        self.run(WorkItem(self._compiled(circuit, 0, circuit.quantum_circuit), 1, seed=0, memory=True))

    def run(self, item: WorkItem) -> Outcome:
        program: _Program = item.compiled.program
        result = cirq.Simulator(seed=item.seed).run(program.circuit, repetitions=item.shots)
        latest = {clbit: key for key, clbit in program.records}
        bits = np.column_stack([result.measurements[key][:, 0] for key in latest.values()])
        registers, clbits = item.compiled.registers, list(latest)
        memory = tuple(result_key(_value(row, clbits), registers) for row in bits) if item.memory else None
        return Outcome(result_keys(_tallied(bits, clbits), registers), memory=memory)

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        translated = translate(_pass_manager(), remove_delays(circuit.quantum_circuit), self.id)
        return self._compiled(circuit, seed, translated)

    def _compiled(self, circuit: Circuit, seed: int, translated: QuantumCircuit) -> Compiled:
        """A circuit with the program that the compiler made of it."""
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self.description.target_digest,
            compiler=_COMPILER,
            seed=seed,
            two_qubit_gates=coupling_gates(translated),
            depth=translated.depth(),
            physical_qubits=circuit.touched,
            program=_converted(translated),
            registers=circuit.registers,
            methods=(cirq_method(translated, dynamic=circuit.dynamic),),
        )


@cache
def _pass_manager() -> PassManager:
    return generate_preset_pass_manager(
        optimization_level=0, basis_gates=[*_GATES, "measure", "reset"], seed_transpiler=0
    )


def _converted(circuit: QuantumCircuit) -> _Program:
    """Convert a circuit that has only gates of `_GATES`; barriers are removed."""
    qubits = cirq.LineQubit.range(circuit.num_qubits)
    operations: list[cirq.Operation] = []
    records: list[tuple[str, int]] = []
    for instruction in circuit.data:
        operation = instruction.operation
        on = [qubits[circuit.find_bit(bit).index] for bit in instruction.qubits]
        if operation.name == "measure":
            key = f"m{len(records)}"
            records.append((key, circuit.find_bit(instruction.clbits[0]).index))
            operations.append(cirq.measure(*on, key=key))
        elif operation.name == "reset":
            operations.append(cirq.reset(*on))
        elif operation.name != "barrier":
            operations.append(_GATES[operation.name](*(float(value) for value in operation.params)).on(*on))
    return _Program(cirq.Circuit(operations), tuple(records))


def _tallied(bits: np.ndarray[tuple[int, int], np.dtype[np.uint8]], clbits: list[int]) -> dict[int, int]:
    """Count equal rows. A row is an integer; column n of a row is bit `clbits[n]` of the integer."""
    rows, counts = np.unique(bits, axis=0, return_counts=True)
    return {_value(row, clbits): int(count) for row, count in zip(rows, counts, strict=True)}


def _value(row: np.ndarray[tuple[int], np.dtype[np.uint8]], clbits: list[int]) -> int:
    return sum(1 << clbit for clbit, bit in zip(clbits, row, strict=True) if bit)
