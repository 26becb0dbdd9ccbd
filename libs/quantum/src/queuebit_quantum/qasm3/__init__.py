"""OpenQASM 3: parsed by the reference parser, then written out as a Qiskit circuit.

Constants are computed, loops turned, and gates and subroutines replaced by what they do, so that no name of the source
reaches Qiskit. What depends on measurements becomes Qiskit's control flow.
"""

from __future__ import annotations

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Loaded
from queuebit_quantum.qasm3.faults import Places
from queuebit_quantum.qasm3.flow import Flow
from queuebit_quantum.qasm3.syntax import tree
from queuebit_quantum.tokens import Source

__all__ = ["load"]


def load(source: Source, limits: Limits) -> Loaded:
    """Parse OpenQASM 3 text that `tokens.read` let through; no file is ever opened.

    Raises:
        CircuitError: the program is malformed, uses what no circuit can express, or is too large once written out.
    """
    flow = Flow(Places(source), limits, source.physical)
    try:
        flow.block(tree(source).statements, flow.globals)
    except RecursionError as failure:
        raise CircuitError("the program is nested too deeply", code="too_deep") from failure
    registers = flow.outputs or flow.registers
    results = [clbit for register in registers for clbit in register]
    return Loaded(
        circuit=flow.assembly.circuit(flow.num_qubits, results),
        registers=tuple(map(len, registers)),
        physical=source.physical,
    )
