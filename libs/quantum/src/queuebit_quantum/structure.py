"""Expands gate definitions of a Qiskit circuit, and counts its operations, also inside blocks.

Names of operations are those of Qiskit: the loaders replace all names of the source.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction, Clbit, Operation, Qubit

__all__ = [
    "MAX_ANGLE",
    "USABLE",
    "OperationCounts",
    "count_operations",
    "flatten",
    "has_blocks",
    "unusable_angle",
    "unusable_delay",
    "unusable_parameter",
]

_JUMPS = frozenset({"break_loop", "continue_loop"})
_NOT_GATES = frozenset({"barrier", "delay", "measure", "reset", "store"}) | _JUMPS
_BLOCKS = {"if_else": "conditional", "for_loop": "loop", "while_loop": "while_loop"}
"""Operations with blocks, and the feature that each needs."""
_FEATURES = {"reset": "reset", "store": "assignment"}
"""Other operations that not every backend has, and the feature that each needs."""
_MAX_DELAY_S = 1.0
"""A thousand times the coherence time of a qubit; a million such delays fit the 64-bit integers of compilers."""
MAX_ANGLE = 2.0**53
"""Above this, neighbouring floating-point numbers are more than 1 radian apart."""
USABLE = "angles below 2^53, and delays of at most 1 s"
"""What a refusal of a parameter expects."""
_UNIT_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "dt": 1e-9}
"""Seconds per unit; the `dt` of a device is shorter than a nanosecond."""


@dataclass(slots=True)
class OperationCounts:
    """Gate counts and features. A loop body counts once per iteration; both branches of a condition count."""

    gates: Counter[str] = field(default_factory=Counter)
    two_qubit_gates: int = 0
    measurements: int = 0
    features: set[str] = field(default_factory=set)


def flatten(circuit: QuantumCircuit) -> QuantumCircuit:
    """Replace gates that the source defines by their definitions, also inside conditions.

    The result has only Qiskit's library gates, measurements, resets, barriers, delays, conditions and opaque gates.
    """
    if not any(not it.is_standard_gate() and _is_expandable(it.operation) for it in circuit.data):
        return circuit
    flat = circuit.copy_empty_like()
    _expand(flat, circuit, list(flat.qubits), list(flat.clbits))
    return flat


def _is_expandable(operation: Operation) -> bool:
    if operation.name in _BLOCKS:
        return True
    return not _from_library(operation) and getattr(operation, "definition", None) is not None


def _from_library(operation: Operation) -> bool:
    kind = getattr(operation, "base_class", type(operation))
    module = kind.__module__
    return operation.name in _NOT_GATES or module.startswith("qiskit.circuit.library.")


def _expand(flat: QuantumCircuit, circuit: QuantumCircuit, qubits: list[Qubit], clbits: list[Clbit]) -> None:
    flat.global_phase += circuit.global_phase if flat is not circuit else 0
    for instruction in circuit.data:
        operation = instruction.operation
        outer_qubits = [qubits[circuit.find_bit(bit).index] for bit in instruction.qubits]
        outer_clbits = [clbits[circuit.find_bit(bit).index] for bit in instruction.clbits]
        if operation.name in _BLOCKS:
            blocks = [flatten(block) for block in operation.blocks]
            flat.append(operation.replace_blocks(blocks), outer_qubits, outer_clbits)
        elif _is_expandable(operation):
            _expand(flat, operation.definition, outer_qubits, outer_clbits)
        else:
            flat.append(operation, outer_qubits, outer_clbits)


def has_blocks(circuit: QuantumCircuit) -> bool:
    """Return whether a circuit has conditions or loops."""
    return any(name in _BLOCKS for name in circuit.count_ops())


def count_operations(circuit: QuantumCircuit) -> OperationCounts:
    """Count a flattened circuit."""
    found = OperationCounts()
    _count(circuit, found, 1, inside=False)
    return found


def _count(circuit: QuantumCircuit, found: OperationCounts, times: int, *, inside: bool) -> None:
    measured: set[Qubit] = set()
    for instruction in circuit.data:
        name = instruction.name  # Qiskit makes an object of an operation whenever it is asked for one
        if name != "barrier" and not measured.isdisjoint(instruction.qubits):
            found.features.add("mid_circuit_measurement")
        if name in _BLOCKS:
            found.features.add(_BLOCKS[name])
            again = len(instruction.params[0]) if name == "for_loop" else 1
            for block in instruction.operation.blocks:
                _count(block, found, times * again, inside=True)
        elif name == "measure":
            found.measurements += times
            measured.update(instruction.qubits)
            if inside:
                found.features.add("mid_circuit_measurement")
        elif name in _FEATURES:
            found.features.add(_FEATURES[name])
        if name not in _BLOCKS and name not in _JUMPS and name != "barrier":
            found.gates[name] += times
        if name not in _NOT_GATES and name not in _BLOCKS:
            found.two_qubit_gates += times * (len(instruction.qubits) == 2)
            if not instruction.is_standard_gate() and not _from_library(instruction.operation):
                found.features.add("opaque")


def unusable_parameter(circuit: QuantumCircuit) -> str:
    """Return what is wrong with the first unusable angle or delay; empty if all can be used."""
    if not all(math.isfinite(phase) for phase in _phases(circuit)):
        return "the sum of its global phases is not finite"
    for instruction in _steps(circuit):
        for parameter in instruction.params:
            if not isinstance(parameter, int | float):
                continue
            unusable = (
                unusable_delay(parameter, instruction.operation.unit)
                if instruction.name == "delay"
                else unusable_angle(instruction.name, parameter)
            )
            if unusable:
                return unusable
    return ""


def unusable_angle(gate: str, angle: float) -> str:
    """Return what is wrong with a parameter of a gate; empty if it can be used."""
    if not math.isfinite(angle):
        return f"{gate}({angle}) is not finite"
    return f"{gate}({angle:g}) has no exact angle" if abs(angle) > MAX_ANGLE else ""


def unusable_delay(duration: float, unit: str) -> str:
    """Return what is wrong with a delay; empty if it can be used."""
    if not math.isfinite(duration):
        return f"delay({duration}) is not finite"
    if duration * _UNIT_S.get(unit, 1.0) > _MAX_DELAY_S:
        return f"a delay of {duration:g} {unit} is longer than {_MAX_DELAY_S:g} s"
    return ""


def _phases(circuit: QuantumCircuit) -> Iterator[float]:
    if isinstance(circuit.global_phase, int | float):
        yield float(circuit.global_phase)
    for instruction in circuit.data:
        for block in instruction.operation.blocks if instruction.name in _BLOCKS else ():
            yield from _phases(block)


def _steps(circuit: QuantumCircuit) -> Iterator[CircuitInstruction]:
    for instruction in circuit.data:
        if instruction.name in _BLOCKS:
            for block in instruction.operation.blocks:
                yield from _steps(block)
        else:
            yield instruction
