"""Circuits that were parsed or compiled, as bytes: another process reads them many times quicker than it parses."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from queuebit_planning.timing import Method
from queuebit_quantum.backends import Compiled
from queuebit_quantum.circuits import Circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["read_circuit", "read_compiled", "write_circuit", "write_compiled"]

_COUNTED = ("digest", "language", "num_qubits", "num_clbits", "gates", "depth", "two_qubit_gates")
_COMPILED = (
    *("circuit_digest", "target_digest", "compiler", "seed", "two_qubit_gates", "depth", "registers"),
    *("physical_qubits", "duration_s", "esp", "rep_delay_s", "overhead_s", "readout_errors", "options"),
)
_FLAT = frozenset({"mid_circuit_measurement", "reset"})
_TUPLES = ("registers", "physical", "touched")


def write_circuit(circuit: Circuit) -> bytes:
    """The circuit as one line of JSON and Qiskit's QPY.

    Empty if the circuit has conditions, loops or compile options, or would not come back as it is: QPY cannot write
    every operation, and loses the unit of a delay.
    """
    if circuit.options is not None:
        return b""
    head = {name: getattr(circuit, name) for name in (*_COUNTED, *_TUPLES)} | {"features": sorted(circuit.features)}
    return _written(head, circuit.quantum_circuit) if circuit.features <= _FLAT else b""


@lru_cache(maxsize=4)
def read_circuit(content: bytes) -> Circuit:
    """The circuit that `write_circuit` wrote, by the same versions of Queuebit and Qiskit.

    QPY is no format to accept from strangers: both processes must be of one executor.
    """
    written, _, program = content.partition(b"\n")
    head: dict[str, Any] = json.loads(written)  # plain JSON
    head |= {name: tuple(head[name]) for name in _TUPLES} | {"features": frozenset(head["features"])}
    return Circuit(**head, quantum_circuit=_program(program))


def write_compiled(compiled: Compiled, circuit: Circuit) -> bytes:
    """What a run needs of a compiled circuit, as one line of JSON and Qiskit's QPY: all but its operations.

    Empty as `write_circuit`, and if the program is not a circuit of Qiskit.
    """
    from qiskit import QuantumCircuit

    if not isinstance(compiled.program, QuantumCircuit) or not circuit.features <= _FLAT:
        return b""
    head = {name: getattr(compiled, name) for name in _COMPILED}
    methods = [asdict(it) for it in compiled.methods]
    return _written({**head, "methods": methods, "touched": len(circuit.touched)}, compiled.program)


@lru_cache(maxsize=128)
def read_compiled(content: bytes) -> tuple[Compiled, int]:
    """The circuit that `write_compiled` wrote, and the number of qubits that it touches; as `read_circuit`."""
    written, _, program = content.partition(b"\n")
    head: dict[str, Any] = json.loads(written)  # plain JSON
    touched: int = head.pop("touched")
    head |= {name: tuple(head[name]) for name in ("registers", "physical_qubits", "readout_errors")}
    head["methods"] = tuple(Method(**it) for it in head["methods"])
    return Compiled(**head, program=_program(program)), touched


def _written(head: Mapping[str, Any], circuit: QuantumCircuit) -> bytes:  # plain JSON
    from qiskit import qpy

    from queuebit_quantum.compiling import same_steps

    program = io.BytesIO()
    try:
        qpy.dump(circuit, program)
        if not same_steps(_program(program.getvalue()), circuit):
            return b""
    except qpy.QpyError:
        return b""
    return json.dumps(head).encode() + b"\n" + program.getvalue()


def _program(content: bytes) -> QuantumCircuit:
    from qiskit import qpy

    (program,) = qpy.load(io.BytesIO(content))
    return program
