"""A compiled circuit on its device: which qubits it touches, how long it takes, how likely it succeeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction, Operation
    from qiskit.transpiler import Target

__all__ = ["Patch", "UsedGate", "duration_s", "esp", "patch"]

UsedGate: TypeAlias = tuple[str, tuple[int, ...]]
"""A gate's name and the device qubits it acts on."""
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


class Step(NamedTuple):
    """One operation that is not a block, on device qubits, and how often it is repeated."""

    operation: Operation
    qubits: tuple[int, ...]
    times: int


@dataclass(frozen=True, slots=True)
class Patch:
    """A circuit cut down to the device qubits it touches.

    Attributes:
        program: The circuit on as many qubits as are touched, numbered by their place in `qubits`.
        qubits: The device qubits, ascending.
        gates: Every (name, device qubits) the program uses.
    """

    program: QuantumCircuit
    qubits: tuple[int, ...]
    gates: frozenset[UsedGate]


def patch(circuit: QuantumCircuit) -> Patch:
    """Cut a compiled circuit down to the qubits that anything but a barrier or a delay acts on."""
    gates = {(step.operation.name, step.qubits) for step in _steps(circuit)}
    acted_on = {gate for gate in gates if gate[0] not in ("barrier", "delay")}
    qubits = tuple(sorted({qubit for _, pair in acted_on for qubit in pair}))
    return Patch(_shrunk(circuit, range(circuit.num_qubits), frozenset(qubits)), qubits, frozenset(acted_on))


def _steps(circuit: QuantumCircuit, places: Sequence[int] | None = None, times: int = 1) -> Iterator[Step]:
    """Yield every operation, those inside blocks included; `places` are the device qubits of the circuit's qubits."""
    places = places or range(circuit.num_qubits)
    for instruction in circuit.data:
        qubits = _device_qubits(circuit, instruction, places)
        blocks = getattr(instruction.operation, "blocks", None)
        if blocks is None:
            yield Step(instruction.operation, qubits, times)
            continue
        for block in blocks:
            yield from _steps(block, qubits, times * _iterations(instruction.operation))


def esp(circuit: QuantumCircuit, target: Target) -> float:
    """Return the product of (1 - error) over all operations, measurements included; see `Compiled.esp`.

    Both branches of a condition count, so for dynamic circuits this is a lower bound.
    """
    product = 1.0
    for operation, qubits, times in _steps(circuit):
        if operation.name in ("barrier", "delay"):
            continue
        properties = target[operation.name].get(qubits)
        error = properties.error if properties is not None else None
        product *= (1.0 - min(error or 0.0, 1.0)) ** times
    return product


def duration_s(circuit: QuantumCircuit, target: Target) -> float:
    """Return the longest path through one shot in seconds, each operation starting as soon as its bits are free.

    A condition takes as long as its longer branch, a loop as long as all of its iterations.
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
            lasts = _iterations(operation) * max(_length(block, qubits, target) for block in blocks)
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


def _iterations(operation: Operation) -> int:
    return len(operation.params[0]) if operation.name == "for_loop" else 1


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
