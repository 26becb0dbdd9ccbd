"""A compiled circuit on its device: the qubits and gates that it uses, and its duration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from queuebit_planning import fidelity
from queuebit_planning.gate_counts import GateCounts, count_gates

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import CircuitInstruction, Operation, Qubit
    from qiskit.transpiler import Target

    from queuebit_quantum.backends import Compiled

__all__ = [
    "UsedGate",
    "coupling_gates",
    "duration_s",
    "gate_counts",
    "gate_steps",
    "named_steps",
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
    return tuple(sorted(_touched(named_steps(circuit, range(circuit.num_qubits)))))


def _touched(steps: Iterable[UsedGate]) -> set[int]:
    return {qubit for name, on in steps if name not in _NO_EFFECT for qubit in on}


def remove_idle_qubits(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[int, ...]]:
    """Remove the idle qubits: those with no operation other than barriers and delays.

    Returns:
        The circuit on the remaining qubits, and the indices of these qubits in the circuit, ascending.
    """
    qubits = touched(circuit)
    return _reduced(circuit, range(circuit.num_qubits), frozenset(qubits)), qubits


def remove_delays(circuit: QuantumCircuit) -> QuantumCircuit:
    """Remove delays and idle qubits, for ideal simulators."""
    every = range(circuit.num_qubits)
    steps = [*named_steps(circuit, every)]
    keep = frozenset(_touched(steps))
    if len(keep) == circuit.num_qubits and all(name != "delay" for name, _ in steps):
        return circuit
    return _reduced(circuit, every, keep, leave_out=frozenset({"delay"}))


def remove_unused_qubits(circuit: QuantumCircuit) -> QuantumCircuit:
    """Remove the qubits with no operation other than barriers; qubits with a delay stay, because it takes time."""
    every = range(circuit.num_qubits)
    delayed = {on[0] for name, on in named_steps(circuit, every) if name == "delay"}
    keep = delayed | {*touched(circuit)}
    return circuit if len(keep) == circuit.num_qubits else _reduced(circuit, every, frozenset(keep))


def coupling_gates(circuit: QuantumCircuit) -> int:
    """Count the gates on two or more qubits, in both branches of a condition."""
    steps = named_steps(circuit, range(circuit.num_qubits))
    return sum(len(qubits) > 1 and name not in _NO_EFFECT for name, qubits in steps)


def used_gates(circuit: QuantumCircuit, layout: Sequence[int]) -> frozenset[UsedGate]:
    """Return every operation except barriers with its device qubits; `layout[n]` is the device qubit of qubit n."""
    return frozenset(step for step in named_steps(circuit, layout) if step[0] != "barrier")


def gate_steps(circuit: QuantumCircuit, layout: Sequence[int]) -> Iterator[tuple[Operation, tuple[int, ...]]]:
    """Yield every operation with its device qubits; `layout[n]` is the device qubit of qubit n.

    This includes operations inside blocks: both branches of a condition, and all iterations of a loop.
    """
    return ((instruction.operation, on) for instruction, on in _steps(circuit, layout))


def named_steps(circuit: QuantumCircuit, layout: Sequence[int]) -> Iterator[UsedGate]:
    """Yield the name of every operation with its device qubits, as `gate_steps`, in a fraction of the time."""
    return ((instruction.name, on) for instruction, on in _steps(circuit, layout))


def operations(circuit: QuantumCircuit) -> tuple[fidelity.Operation, ...]:
    """Count the operations of a compiled circuit by gate and device qubits; the ESP needs them."""
    return fidelity.count_operations(named_steps(circuit, range(circuit.num_qubits)))


def gate_counts(compiled: Compiled) -> GateCounts | None:
    """Count the gates of a compiled circuit by class; None if its program is no circuit."""
    if compiled.operations:
        return count_gates(compiled.operations)
    if not hasattr(compiled.program, "num_clbits"):
        return None
    return count_gates(operations(compiled.program))


def duration_s(circuit: QuantumCircuit, target: Target) -> float:
    """Return the longest path through one shot in seconds. Each operation starts as soon as its bits are free.

    The time of a condition is that of its longer branch.
    """
    return _length(circuit, range(circuit.num_qubits), target)


def _steps(circuit: QuantumCircuit, layout: Sequence[int]) -> Iterator[tuple[CircuitInstruction, tuple[int, ...]]]:
    place = dict(zip(circuit.qubits, layout, strict=False))
    for instruction in circuit.data:
        on = tuple([place[qubit] for qubit in instruction.qubits])
        # Qiskit makes an object of an operation whenever it is asked for one: only of blocks it is needed here.
        blocks = getattr(instruction.operation, "blocks", None) if instruction.is_control_flow() else None
        if blocks is None:
            yield instruction, on
            continue
        for _ in range(len(instruction.operation.params[0]) if instruction.operation.name == "for_loop" else 1):
            for block in blocks:
                yield from _steps(block, on)


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
