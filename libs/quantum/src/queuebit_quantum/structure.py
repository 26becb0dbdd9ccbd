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
    from qiskit.circuit import Clbit, Operation, Qubit

__all__ = ["MAX_ANGLE", "OperationCounts", "count_operations", "flatten", "has_blocks", "unusable_parameter"]

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
    if not any(_is_expandable(instruction.operation) for instruction in circuit.data):
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
        operation, name = instruction.operation, instruction.operation.name
        if name != "barrier" and not measured.isdisjoint(instruction.qubits):
            found.features.add("mid_circuit_measurement")
        if name in _BLOCKS:
            found.features.add(_BLOCKS[name])
            again = len(operation.params[0]) if name == "for_loop" else 1
            for block in operation.blocks:
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
            if not _from_library(operation):
                found.features.add("opaque")


def unusable_parameter(circuit: QuantumCircuit) -> str:
    """Return what is wrong with the first unusable angle or delay; empty if all can be used."""
    if not all(math.isfinite(phase) for phase in _phases(circuit)):
        return "the sum of its global phases is not finite"
    for operation in _operations(circuit):
        for parameter in operation.params:
            if not isinstance(parameter, int | float):
                continue
            if not math.isfinite(parameter):
                return f"{operation.name}({parameter}) is not finite"
            if operation.name != "delay" and abs(parameter) > MAX_ANGLE:
                return f"{operation.name}({parameter:g}) has no exact angle"
            if operation.name == "delay" and parameter * _UNIT_S.get(operation.unit, 1.0) > _MAX_DELAY_S:
                return f"a delay of {parameter:g} {operation.unit} is longer than {_MAX_DELAY_S:g} s"
    return ""


def _phases(circuit: QuantumCircuit) -> Iterator[float]:
    if isinstance(circuit.global_phase, int | float):
        yield float(circuit.global_phase)
    for instruction in circuit.data:
        for block in getattr(instruction.operation, "blocks", ()):
            yield from _phases(block)


def _operations(circuit: QuantumCircuit) -> Iterator[Operation]:
    for instruction in circuit.data:
        if instruction.operation.name in _BLOCKS:
            for block in instruction.operation.blocks:
                yield from _operations(block)
        else:
            yield instruction.operation
