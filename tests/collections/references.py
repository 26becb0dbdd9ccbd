"""Programs that share nothing with Queuebit's reader: plain Qiskit, interpreters of the specifications, and pyqasm."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.collections.front_ends import is_version_2
from tests.collections.runners import SHOTS, Run

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["REFERENCES", "interpreter", "plain_qiskit", "unrolled", "with_values"]

_SEED = 8
_STATE_QUBITS = 20
"""The largest state vector that Aer is asked for."""
_FLOW = ["if_else", "while_loop", "for_loop"]
_CLIFFORD = [*_FLOW, "id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap"]
_GATES = [*_FLOW, "u", "p", "cx", "cz", "swap", "h", "x", "y", "z", "s", "sdg", "t", "tdg", "rx", "ry", "rz"]
_MEASURE = re.compile(r"\bmeasure\b")
_INPUT = re.compile(r"\binput\s+([^;]+?)\s+(\w+)\s*;")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def plain_qiskit(path: Path) -> Run:
    """Run a source as a user of Qiskit would, without code of Queuebit."""
    from qiskit import qasm2, qasm3

    source = path.read_text(encoding="utf-8")
    if is_version_2(source):
        return _on_aer(qasm2.loads(source, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS))
    circuit = qasm3.loads(source)
    from tests.collections.runners import values_of_inputs

    given = values_of_inputs(source)
    return _on_aer(circuit.assign_parameters({it: given[it.name] for it in circuit.parameters}))


def interpreter(path: Path) -> Run:
    """Follow every path of measurements by the specification; for programs of a few qubits."""
    from tests.differential.compare import reference

    source = with_values(path.read_text(encoding="utf-8"))
    found = reference(source)
    counts: dict[str, int] = {}
    measures = _MEASURE.search(_COMMENT.sub("", source)) is not None
    for reading, density in found.items():
        width = len(density).bit_length() - 1
        for state, weight in enumerate(np.diag(density).real):
            key = reading if measures else format(state, f"0{width}b")[::-1]  # its first qubit is the highest bit
            counts[key] = counts.get(key, 0) + round(float(weight) * SHOTS * 1_000)
    return Run("done", {key: count for key, count in counts.items() if count}, "", measures)


def with_values(source: str) -> str:
    """Return a source of OpenQASM 3 whose inputs are declared with the values that Queuebit gets."""
    if is_version_2(source):
        return source
    from tests.collections.runners import values_of_inputs

    given = values_of_inputs(source)

    def declared(found: re.Match[str]) -> str:
        value = given[found[2]]
        written = f'"{value}"' if isinstance(value, str) else str(value).lower()
        return f"{found[1]} {found[2]} = {written};"

    return _INPUT.sub(declared, source)


def unrolled(path: Path) -> Run:
    """Let pyqasm expand the program, and run what it writes with plain Qiskit."""
    import pyqasm
    from qiskit import qasm3

    module = pyqasm.loads(with_values(path.read_text(encoding="utf-8")))
    module.unroll()
    return _on_aer(qasm3.loads(pyqasm.dumps(module)))


REFERENCES = {"plain Qiskit": plain_qiskit, "the interpreter": interpreter, "pyqasm": unrolled}
"""In the order in which they are asked, until one runs the file."""


def _on_aer(circuit: QuantumCircuit) -> Run:
    from qiskit import ClassicalRegister, transpile
    from qiskit.transpiler.exceptions import TranspilerError
    from qiskit_aer import AerSimulator

    measures = "measure" in _names(circuit)
    if not measures:
        register = ClassicalRegister(circuit.num_qubits, "all_qubits")
        circuit.add_register(register)
        circuit.measure(range(circuit.num_qubits), register)
    if circuit.num_qubits <= _STATE_QUBITS:
        simulator, passes = _with_states()
        try:
            return _counted(simulator, passes.run(circuit), measures)
        except IndexError:  # Aer takes a gate of the file's own that is called `unitary` for one of its instructions
            return _counted(simulator, passes.run(circuit.decompose()), measures)
    try:
        program, method = transpile(circuit, basis_gates=_CLIFFORD, optimization_level=0), "stabilizer"
    except TranspilerError:
        program, method = transpile(circuit, basis_gates=_GATES, optimization_level=0), "matrix_product_state"
    return _counted(AerSimulator(seed_simulator=_SEED, method=method), program, measures)


@cache
def _with_states() -> tuple[Any, Any]:  # Aer ships no types
    """The simulator and what `transpile` does for it without optimisation; to make this takes 200 ms each time."""
    from qiskit.transpiler import generate_preset_pass_manager
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(seed_simulator=_SEED, method="statevector")
    return simulator, generate_preset_pass_manager(0, simulator)


def _counted(simulator: Any, program: QuantumCircuit, measures: bool) -> Run:  # Aer ships no types
    result = simulator.run(program, shots=SHOTS).result()
    if not result.success:
        return Run("crash", {}, str(result.status)[:160])
    width, skipped = program.num_clbits, 0 if measures else program.num_clbits - program.num_qubits
    read = {int(key, 16): count for key, count in result.data(0)["counts"].items()}  # bits without a register too
    counts = {format(value >> skipped, f"0{width - skipped}b"): count for value, count in read.items()}
    return Run("done", counts, "", measures)


def _names(circuit: QuantumCircuit) -> set[str]:
    """Return the names of all operations, also inside blocks and definitions."""
    names: set[str] = set()
    for instruction in circuit.data:
        names.add(instruction.operation.name)
        for block in getattr(instruction.operation, "blocks", ()):
            names |= _names(block)
    return names
