"""Circuits that the platform's compiler must leave as they are: `compile="none"`.

The compiler moves no qubit of a circuit with a layout, and merges, cancels or removes no gate across a barrier. A
barrier after each gate, on its qubits alone, therefore keeps every gate and costs no time.
"""

from __future__ import annotations

from collections.abc import Sequence

from qiskit import QuantumCircuit
from qiskit.transpiler import Target

from queuebit import InvalidInput

__all__ = ["kept_as_it_is"]


def kept_as_it_is(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    """Return the circuit with a barrier after each gate, also inside blocks.

    Raises:
        InvalidInput: it has no layout, or the target does not have one of its gates on these qubits.
    """
    if circuit.layout is None:
        raise InvalidInput(
            "compile='none' needs a circuit for the qubits of its backend: "
            "generate_preset_pass_manager(0, backend).run(circuit) returns one"
        )
    return _separated(circuit, target, range(circuit.num_qubits))


def _separated(circuit: QuantumCircuit, target: Target, device: Sequence[int]) -> QuantumCircuit:
    separated = circuit.copy_empty_like()
    for step in circuit.data:
        operation = step.operation
        on = tuple(device[circuit.find_bit(qubit).index] for qubit in step.qubits)
        if (blocks := getattr(operation, "blocks", None)) is not None:
            operation = operation.replace_blocks([_separated(block, target, on) for block in blocks])
        elif operation.name != "barrier" and not target.instruction_supported(operation.name, on):
            where = ", ".join(map(str, on))
            raise InvalidInput(
                f"compile='none': the backend has no `{operation.name}` on qubit {where}: transpile the circuit for it"
            )
        separated.append(operation, step.qubits, step.clbits, copy=False)
        separated.barrier(step.qubits)
    return separated
