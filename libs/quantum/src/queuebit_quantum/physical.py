"""A compiled circuit on its device: which qubits it touches, how long it takes, how likely it succeeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from queuebit_planning import fidelity

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction, Operation, Qubit
    from qiskit.transpiler import Target

__all__ = [
    "UsedGate",
    "coupling_gates",
    "cut_down",
    "duration_s",
    "gate_steps",
    "operations",
    "touched",
    "used_gates",
    "without_time",
    "without_untouched",
]

UsedGate: TypeAlias = tuple[str, tuple[int, ...]]
"""A gate's name and the device qubits it acts on."""
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_JUMPS = frozenset({"break_loop", "continue_loop"})
_CHANGE_NOTHING = frozenset({"barrier", "delay"}) | _JUMPS
"""Operations that leave every qubit as it is, though they may span many."""


def touched(circuit: QuantumCircuit) -> tuple[int, ...]:
    """Return the qubits, ascending, that a gate, a measurement or a reset acts on, in a block or outside."""
    steps = gate_steps(circuit, range(circuit.num_qubits))
    return tuple(sorted({qubit for operation, on in steps if operation.name not in _CHANGE_NOTHING for qubit in on}))


def cut_down(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """Leave out the qubits that nothing but barriers and delays act on.

    Returns:
        The circuit on the remaining qubits, and which of the circuit's qubits those are, ascending.
    """
    qubits = touched(circuit)
    return _shrunk(circuit, range(circuit.num_qubits), frozenset(qubits)), qubits


def without_time(circuit: QuantumCircuit) -> QuantumCircuit:
    """Leave out delays, and the qubits that nothing but barriers act on then: an ideal simulator knows neither."""
    every, keep = range(circuit.num_qubits), frozenset(touched(circuit))
    if len(keep) == circuit.num_qubits and all(
        operation.name != "delay" for operation, _ in gate_steps(circuit, every)
    ):
        return circuit
    return _shrunk(circuit, every, keep, leave_out=frozenset({"delay"}))


def without_untouched(circuit: QuantumCircuit) -> QuantumCircuit:
    """Leave out the qubits that nothing but barriers act on; a delay takes its time on any."""
    every = range(circuit.num_qubits)
    delayed = {on[0] for operation, on in gate_steps(circuit, every) if operation.name == "delay"}
    keep = delayed | {*touched(circuit)}
    return circuit if len(keep) == circuit.num_qubits else _shrunk(circuit, every, frozenset(keep))


def coupling_gates(circuit: QuantumCircuit) -> int:
    """Count the gates on two qubits or more, those of both branches of a condition included."""
    steps = gate_steps(circuit, range(circuit.num_qubits))
    return sum(len(qubits) > 1 and operation.name not in _CHANGE_NOTHING for operation, qubits in steps)


def used_gates(circuit: QuantumCircuit, places: Sequence[int]) -> frozenset[UsedGate]:
    """Return every operation but barriers with the device qubits it acts on; `places` are the circuit's qubits."""
    return frozenset(
        (operation.name, qubits) for operation, qubits in gate_steps(circuit, places) if operation.name != "barrier"
    )


def gate_steps(circuit: QuantumCircuit, places: Sequence[int]) -> Iterator[tuple[Operation, tuple[int, ...]]]:
    """Yield every operation with its device qubits; `places` are the circuit's qubits.

    Operations inside blocks are included: those of both branches of a condition, and of all turns of a loop.
    """
    for instruction in circuit.data:
        qubits = _device_qubits(circuit, instruction, places)
        blocks = getattr(instruction.operation, "blocks", None)
        if blocks is None:
            yield instruction.operation, qubits
            continue
        for _ in range(len(instruction.operation.params[0]) if instruction.operation.name == "for_loop" else 1):
            for block in blocks:
                yield from gate_steps(block, qubits)


def operations(circuit: QuantumCircuit) -> tuple[fidelity.Operation, ...]:
    """Count the operations of a compiled circuit by gate and device qubits, for its ESP."""
    return fidelity.tally((operation.name, on) for operation, on in gate_steps(circuit, range(circuit.num_qubits)))


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


def _shrunk(
    circuit: QuantumCircuit, places: Sequence[int], keep: frozenset[int], leave_out: frozenset[str] = frozenset()
) -> QuantumCircuit:
    """Copy a circuit or block without the qubits that are not kept, whose barriers and delays go with them."""
    from qiskit.circuit import Qubit

    kept = sorted((index for index, place in enumerate(places) if place in keep), key=places.__getitem__)
    fresh = {circuit.qubits[index]: Qubit() for index in kept}
    order = {qubit: index for index, qubit in enumerate(fresh.values())}
    small = _empty(circuit, list(fresh.values()))
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = [fresh[bit] for bit in instruction.qubits if bit in fresh]
        blocks = getattr(operation, "blocks", None)
        if blocks is not None:
            inner = _device_qubits(circuit, instruction, places)
            blocks = [_shrunk(block, inner, keep, leave_out) for block in blocks]
        does_nothing = instruction.qubits and not qubits and not (blocks and any(block.data for block in blocks))
        if does_nothing or operation.name in leave_out:
            continue
        if blocks is not None:
            qubits.sort(key=order.__getitem__)
            operation = operation.replace_blocks(blocks)
        elif len(qubits) != len(instruction.qubits):
            operation = _narrowed(operation, len(qubits))
        small.append(operation, qubits, instruction.clbits, copy=False)
    return small


def _empty(circuit: QuantumCircuit, qubits: list[Qubit]) -> QuantumCircuit:
    """A circuit with other qubits, and with the bits, registers and variables of this one."""
    from qiskit import QuantumCircuit

    small = QuantumCircuit(
        qubits,
        circuit.clbits,
        *circuit.cregs,
        global_phase=circuit.global_phase,
        inputs=circuit.iter_input_vars(),
        captures=circuit.iter_captures(),
    )
    for variable in circuit.iter_declared_vars():
        small.add_uninitialized_var(variable)
    return small


def _narrowed(operation: Operation, qubits: int) -> Operation:
    """The same barrier or jump out of a loop on fewer qubits: nothing else spans qubits that are left out."""
    from qiskit.circuit.library import Barrier

    return type(operation)(qubits, operation.num_clbits) if operation.name in _JUMPS else Barrier(qubits)
