"""What a Qiskit circuit consists of, gate definitions written out and blocks looked into.

Names of operations are Qiskit's own here: no loader lets a name of the source through.
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

__all__ = ["Census", "census", "flatten", "has_blocks", "unusable_parameter"]

_JUMPS = frozenset({"break_loop", "continue_loop"})
_NOT_GATES = frozenset({"barrier", "delay", "measure", "reset", "store"}) | _JUMPS
_BLOCKS = {"if_else": "conditional", "for_loop": "loop", "while_loop": "while_loop"}
"""Operations with blocks inside, and the feature each of them needs."""
_FEATURES = {"reset": "reset", "store": "assignment"}
"""Other operations that not every backend has, and the feature each of them needs."""
_MAX_DELAY_S = 1.0
"""A thousand times what a qubit remembers; a million of them still fit the 64 bits that compilers count in."""
_MAX_ANGLE = 2.0**53
"""Beyond it floating-point numbers are more than a radian apart, and sums of a few of them are infinite."""
_UNIT_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "dt": 1e-9}
"""Seconds; a device's own `dt` is shorter than a nanosecond."""


@dataclass(slots=True)
class Census:
    """Gate counts and features; loop bodies count once per iteration, both branches of a condition count."""

    gates: Counter[str] = field(default_factory=Counter)
    two_qubit_gates: int = 0
    measurements: int = 0
    features: set[str] = field(default_factory=set)


def flatten(circuit: QuantumCircuit) -> QuantumCircuit:
    """Replace gates that the source defined by their definitions, inside conditions too.

    What remains are Qiskit's library gates, measurements, resets, barriers, delays, conditions, and opaque gates.
    """
    if not any(_opens(instruction.operation) for instruction in circuit.data):
        return circuit
    flat = circuit.copy_empty_like()
    _write_out(flat, circuit, list(flat.qubits), list(flat.clbits))
    return flat


def _opens(operation: Operation) -> bool:
    if operation.name in _BLOCKS:
        return True
    return not _from_library(operation) and getattr(operation, "definition", None) is not None


def _from_library(operation: Operation) -> bool:
    kind = getattr(operation, "base_class", type(operation))
    module = kind.__module__
    return operation.name in _NOT_GATES or module.startswith("qiskit.circuit.library.")


def _write_out(flat: QuantumCircuit, circuit: QuantumCircuit, qubits: list[Qubit], clbits: list[Clbit]) -> None:
    flat.global_phase += circuit.global_phase if flat is not circuit else 0
    for instruction in circuit.data:
        operation = instruction.operation
        outer_qubits = [qubits[circuit.find_bit(bit).index] for bit in instruction.qubits]
        outer_clbits = [clbits[circuit.find_bit(bit).index] for bit in instruction.clbits]
        if operation.name in _BLOCKS:
            blocks = [flatten(block) for block in operation.blocks]
            flat.append(operation.replace_blocks(blocks), outer_qubits, outer_clbits)
        elif _opens(operation):
            _write_out(flat, operation.definition, outer_qubits, outer_clbits)
        else:
            flat.append(operation, outer_qubits, outer_clbits)


def has_blocks(circuit: QuantumCircuit) -> bool:
    """Say whether a circuit has conditions or loops."""
    return any(name in _BLOCKS for name in circuit.count_ops())


def census(circuit: QuantumCircuit) -> Census:
    """Count a flattened circuit."""
    found = Census()
    _survey(circuit, found, 1, inside=False)
    return found


def _survey(circuit: QuantumCircuit, found: Census, times: int, *, inside: bool) -> None:
    measured: set[Qubit] = set()
    for instruction in circuit.data:
        operation, name = instruction.operation, instruction.operation.name
        if name != "barrier" and not measured.isdisjoint(instruction.qubits):
            found.features.add("mid_circuit_measurement")
        if name in _BLOCKS:
            found.features.add(_BLOCKS[name])
            again = len(operation.params[0]) if name == "for_loop" else 1
            for block in operation.blocks:
                _survey(block, found, times * again, inside=True)
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
    """Say what is wrong with the first angle that means nothing, or a delay of eons; empty when there is none."""
    if not all(math.isfinite(phase) for phase in _phases(circuit)):
        return "the sum of its global phases is not finite"
    for operation in _operations(circuit):
        for parameter in operation.params:
            if not isinstance(parameter, int | float):
                continue
            if not math.isfinite(parameter):
                return f"{operation.name}({parameter}) is not finite"
            if operation.name != "delay" and abs(parameter) > _MAX_ANGLE:
                return f"{operation.name}({parameter:g}) has no exact angle"
            if operation.name == "delay" and parameter * _UNIT_S.get(operation.unit, 1.0) > _MAX_DELAY_S:
                return f"a delay of {parameter:g} {operation.unit} is longer than {_MAX_DELAY_S:g} s"
    return ""


def _phases(circuit: QuantumCircuit) -> Iterator[float]:
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
