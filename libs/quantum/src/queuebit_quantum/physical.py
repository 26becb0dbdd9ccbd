"""A compiled circuit on its device: the qubits and gates that it uses, and its duration."""

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
    "duration_s",
    "gate_steps",
    "operations",
    "remove_delays",
    "remove_idle_qubits",
    "remove_unused_qubits",
    "touched",
    "used_gates",
]

UsedGate: TypeAlias = tuple[str, tuple[int, ...]]
"""A gate's name and the device qubits it acts on."""
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_JUMPS = frozenset({"break_loop", "continue_loop"})
_NO_EFFECT = frozenset({"barrier", "delay"}) | _JUMPS
"""Operations that do not change the state of a qubit, although they may span many qubits."""


def touched(circuit: QuantumCircuit) -> tuple[int, ...]:
    """Return the qubits that a gate, a measurement or a reset acts on, also inside blocks; ascending."""
    steps = gate_steps(circuit, range(circuit.num_qubits))
    return tuple(sorted({qubit for operation, on in steps if operation.name not in _NO_EFFECT for qubit in on}))


def remove_idle_qubits(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """Remove the idle qubits: those with no operation other than barriers and delays.

    Returns:
        The circuit on the remaining qubits, and the indices of these qubits in the circuit, ascending.
    """
    qubits = touched(circuit)
    return _reduced(circuit, range(circuit.num_qubits), frozenset(qubits)), qubits


def remove_delays(circuit: QuantumCircuit) -> QuantumCircuit:
    """Remove delays and idle qubits, for ideal simulators."""
    every, keep = range(circuit.num_qubits), frozenset(touched(circuit))
    if len(keep) == circuit.num_qubits and all(
        operation.name != "delay" for operation, _ in gate_steps(circuit, every)
    ):
        return circuit
    return _reduced(circuit, every, keep, leave_out=frozenset({"delay"}))


def remove_unused_qubits(circuit: QuantumCircuit) -> QuantumCircuit:
    """Remove the qubits with no operation other than barriers; qubits with a delay stay, because it takes time."""
    every = range(circuit.num_qubits)
    delayed = {on[0] for operation, on in gate_steps(circuit, every) if operation.name == "delay"}
    keep = delayed | {*touched(circuit)}
    return circuit if len(keep) == circuit.num_qubits else _reduced(circuit, every, frozenset(keep))


def coupling_gates(circuit: QuantumCircuit) -> int:
    """Count the gates on two or more qubits, in both branches of a condition."""
    steps = gate_steps(circuit, range(circuit.num_qubits))
    return sum(len(qubits) > 1 and operation.name not in _NO_EFFECT for operation, qubits in steps)


def used_gates(circuit: QuantumCircuit, layout: Sequence[int]) -> frozenset[UsedGate]:
    """Return every operation except barriers with its device qubits; `layout[n]` is the device qubit of qubit n."""
    return frozenset(
        (operation.name, qubits) for operation, qubits in gate_steps(circuit, layout) if operation.name != "barrier"
    )


def gate_steps(circuit: QuantumCircuit, layout: Sequence[int]) -> Iterator[tuple[Operation, tuple[int, ...]]]:
    """Yield every operation with its device qubits; `layout[n]` is the device qubit of qubit n.

    This includes operations inside blocks: both branches of a condition, and all iterations of a loop.
    """
    for instruction in circuit.data:
        qubits = _device_qubits(circuit, instruction, layout)
        blocks = getattr(instruction.operation, "blocks", None)
        if blocks is None:
            yield instruction.operation, qubits
            continue
        for _ in range(len(instruction.operation.params[0]) if instruction.operation.name == "for_loop" else 1):
            for block in blocks:
                yield from gate_steps(block, qubits)


def operations(circuit: QuantumCircuit) -> tuple[fidelity.Operation, ...]:
    """Count the operations of a compiled circuit by gate and device qubits; the ESP needs them."""
    return fidelity.count_operations(
        (operation.name, on) for operation, on in gate_steps(circuit, range(circuit.num_qubits))
    )


def duration_s(circuit: QuantumCircuit, target: Target) -> float:
    """Return the longest path through one shot in seconds. Each operation starts as soon as its bits are free.

    The time of a condition is that of its longer branch.
    """
    return _length(circuit, range(circuit.num_qubits), target)


def _length(circuit: QuantumCircuit, layout: Sequence[int], target: Target) -> float:
    free: dict[object, float] = {}
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = _device_qubits(circuit, instruction, layout)
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


def _device_qubits(circuit: QuantumCircuit, instruction: CircuitInstruction, layout: Sequence[int]) -> tuple[int, ...]:
    return tuple(layout[circuit.find_bit(bit).index] for bit in instruction.qubits)


def _reduced(
    circuit: QuantumCircuit, layout: Sequence[int], keep: frozenset[int], leave_out: frozenset[str] = frozenset()
) -> QuantumCircuit:
    """Copy a circuit or block with only the qubits in `keep`."""
    from qiskit.circuit import Qubit

    kept = sorted((index for index, place in enumerate(layout) if place in keep), key=layout.__getitem__)
    fresh = {circuit.qubits[index]: Qubit() for index in kept}
    order = {qubit: index for index, qubit in enumerate(fresh.values())}
    small = _empty(circuit, list(fresh.values()))
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = [fresh[bit] for bit in instruction.qubits if bit in fresh]
        blocks = getattr(operation, "blocks", None)
        if blocks is not None:
            inner = _device_qubits(circuit, instruction, layout)
            blocks = [_reduced(block, inner, keep, leave_out) for block in blocks]
        does_nothing = instruction.qubits and not qubits and not (blocks and any(block.data for block in blocks))
        if does_nothing or operation.name in leave_out:
            continue
        if blocks is not None:
            qubits.sort(key=order.__getitem__)
            operation = operation.replace_blocks(blocks)
        elif len(qubits) != len(instruction.qubits):
            operation = _on_fewer_qubits(operation, len(qubits))
        small.append(operation, qubits, instruction.clbits, copy=False)
    return small


def _empty(circuit: QuantumCircuit, qubits: list[Qubit]) -> QuantumCircuit:
    """An empty circuit with other qubits, and the same bits, registers and variables."""
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


def _on_fewer_qubits(operation: Operation, qubits: int) -> Operation:
    """Return the same barrier, `break` or `continue` on fewer qubits. No other operation spans removed qubits."""
    from qiskit.circuit.library import Barrier

    return type(operation)(qubits, operation.num_clbits) if operation.name in _JUMPS else Barrier(qubits)
