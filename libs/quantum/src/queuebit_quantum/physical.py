"""A compiled circuit on its device: which qubits it touches, how long it takes, how likely it succeeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction, Operation
    from qiskit.transpiler import Target

__all__ = ["UsedGate", "cut_down", "duration_s", "esp", "used_gates"]

UsedGate: TypeAlias = tuple[str, tuple[int, ...]]
"""A gate's name and the device qubits it acts on."""
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


def cut_down(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """Leave out the qubits that nothing but barriers and delays act on.

    Returns:
        The circuit on the remaining qubits, and which device qubits those are, ascending.
    """
    gates = used_gates(circuit, range(circuit.num_qubits))
    qubits = tuple(sorted({qubit for name, on in gates if name != "delay" for qubit in on}))
    return _shrunk(circuit, range(circuit.num_qubits), frozenset(qubits)), qubits


def used_gates(circuit: QuantumCircuit, places: Sequence[int]) -> frozenset[UsedGate]:
    """Return every operation but barriers with the device qubits it acts on; `places` are the circuit's qubits."""
    return frozenset(
        (operation.name, qubits) for operation, qubits in _steps(circuit, places) if operation.name != "barrier"
    )


def _steps(circuit: QuantumCircuit, places: Sequence[int]) -> Iterator[tuple[Operation, tuple[int, ...]]]:
    """Yield every operation with its device qubits, those inside blocks included."""
    for instruction in circuit.data:
        qubits = _device_qubits(circuit, instruction, places)
        blocks = getattr(instruction.operation, "blocks", None)
        if blocks is None:
            yield instruction.operation, qubits
            continue
        for block in blocks:
            yield from _steps(block, qubits)


def esp(circuit: QuantumCircuit, target: Target) -> float:
    """Return the product of (1 - error) over all operations, measurements included; see `Compiled.esp`.

    Both branches of a condition count, so for dynamic circuits this is a lower bound.
    """
    product = 1.0
    for operation, qubits in _steps(circuit, range(circuit.num_qubits)):
        if operation.name in ("barrier", "delay"):
            continue
        properties = target[operation.name].get(qubits)
        error = properties.error if properties is not None else None
        product *= 1.0 - min(error or 0.0, 1.0)
    return product


def duration_s(circuit: QuantumCircuit, target: Target) -> float:
    """Return the longest path through one shot in seconds, each operation starting as soon as its bits are free.

    A condition takes as long as its longer branch.
    """
    return _length(circuit, range(circuit.num_qubits), target)


def _length(circuit: QuantumCircuit, places: Sequence[int], target: Target) -> float:
    free: dict[object, float] = {}
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = _device_qubits(circuit, instruction, places)
        bits = (*instruction.qubits, *instruction.clbits)
        begin = max((free.get(bit, 0.0) for bit in bits), default=0.0)
        blocks = getattr(operation, "blocks", None)
        if blocks is None:
            lasts = _operation_s(operation, qubits, target)
        else:
            lasts = max(_length(block, qubits, target) for block in blocks)
        free.update(dict.fromkeys(bits, begin + lasts))
    return max(free.values(), default=0.0)


def _operation_s(operation: Operation, qubits: tuple[int, ...], target: Target) -> float:
    if operation.name == "barrier":
        return 0.0
    if operation.name == "delay":
        unit = target.dt or 0.0 if operation.unit == "dt" else _SECONDS[operation.unit]
        return float(operation.duration) * unit
    properties = target[operation.name].get(qubits)
    return float(properties.duration or 0.0) if properties is not None else 0.0


def _device_qubits(circuit: QuantumCircuit, instruction: CircuitInstruction, places: Sequence[int]) -> tuple[int, ...]:
    return tuple(places[circuit.find_bit(bit).index] for bit in instruction.qubits)


def _shrunk(circuit: QuantumCircuit, places: Sequence[int], keep: frozenset[int]) -> QuantumCircuit:
    """Copy a circuit or block without the qubits that are not kept, whose barriers and delays go with them."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Qubit
    from qiskit.circuit.library import Barrier

    kept = [index for index, place in enumerate(places) if place in keep]
    kept.sort(key=lambda index: places[index])
    fresh = {circuit.qubits[index]: Qubit() for index in kept}
    small = QuantumCircuit(list(fresh.values()), circuit.clbits, *circuit.cregs, global_phase=circuit.global_phase)
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = [fresh[bit] for bit in instruction.qubits if bit in fresh]
        blocks = getattr(operation, "blocks", None)
        if blocks is not None:
            inner = _device_qubits(circuit, instruction, places)
            qubits.sort(key=list(fresh.values()).index)
            operation = operation.replace_blocks([_shrunk(block, inner, keep) for block in blocks])
        elif operation.name == "barrier":
            operation = Barrier(len(qubits))
        if qubits:
            small.append(operation, qubits, instruction.clbits, copy=False)
    return small
