"""Loads QIR, the quantum intermediate representation: LLVM with calls of quantum instructions, in the base profile.

The text is read here. Bitcode becomes text first, by LLVM (ADR 0064).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from queuebit_planning.languages import is_bitcode
from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Loaded
from queuebit_quantum.qir.openqasm import as_openqasm
from queuebit_quantum.qir.program import QirProgram, Step, read_program
from queuebit_quantum.qir.tokens import Text

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["QirProgram", "Step", "as_openqasm", "load", "read"]

_OF_BITCODE = "in the text form of the bitcode, "
_GROWTH = 16
"""How much longer than the largest source the text form of bitcode may be: it repeats names that bitcode has once."""


def read(content: bytes, limits: Limits) -> QirProgram:
    """Read a module of QIR, as text or bitcode, without loading Qiskit.

    Raises:
        CircuitError: it is malformed, too large, or uses what the base profile does not have; lines of bitcode are
            those of its text form.
    """
    if len(content) > limits.max_source_bytes:
        raise CircuitError(
            f"the program has {len(content):,} bytes, more than the {limits.max_source_bytes:,} allowed: "
            "split the work into several jobs",
            code="too_large",
        )
    if is_bitcode(content):
        from queuebit_quantum.qir.bitcode import text_of

        text = text_of(content)
        if len(text) > (most := _GROWTH * limits.max_source_bytes):
            message = f"the text form of the bitcode has {len(text):,} characters, more than the {most:,} allowed"
            raise CircuitError(f"{message}: split the work into several jobs", code="too_large")
        return read_program(Text(text, _OF_BITCODE), limits)
    try:
        return read_program(Text(content.decode("utf-8-sig")), limits)
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} is not valid UTF-8: save the program as UTF-8"
        raise CircuitError(message, code="encoding") from error


def load(content: bytes, limits: Limits) -> Loaded:
    """Read a module of QIR as a circuit. Bits that the program does not record follow those of the result.

    Raises:
        CircuitError: as `read`.
    """
    program = read(content, limits)
    return Loaded(_circuit(program), tuple(map(len, program.registers)))


def _circuit(program: QirProgram) -> QuantumCircuit:
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import get_standard_gate_name_mapping

    recorded = [number for register in program.registers for number in register]
    measured = dict.fromkeys(step.result for step in program.steps if step.result is not None)
    clbits = {number: bit for bit, number in enumerate(dict.fromkeys([*recorded, *measured]))}
    circuit = QuantumCircuit(program.num_qubits, len(clbits))
    known = get_standard_gate_name_mapping()
    for gate, qubits, angles, result in program.steps:
        if gate == "barrier":
            circuit.barrier(*qubits)
        elif result is not None:
            circuit.measure(qubits[0], clbits[result])
            if gate == "measure_reset":
                circuit.reset(qubits[0])
        elif gate == "reset":
            circuit.reset(qubits[0])
        else:
            circuit.append(known[gate].base_class(*angles), qubits)
    return circuit
