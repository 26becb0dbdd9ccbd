"""OpenQASM 3: parsed by the reference parser, then written out as a Qiskit circuit.

Constants are computed, loops turned, and gates and subroutines replaced by what they do, so that no name of the source
reaches Qiskit. What depends on measurements becomes Qiskit's control flow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Loaded
from queuebit_quantum.qasm3.faults import Places
from queuebit_quantum.qasm3.flow import Flow
from queuebit_quantum.qasm3.syntax import tree
from queuebit_quantum.tokens import Source

__all__ = ["load"]

_FRAMES = 10_000
"""Python's own frames, which lie on the heap: this takes no more of the thread's stack."""


def load(source: Source, limits: Limits) -> Loaded:
    """Parse OpenQASM 3 text that `tokens.read` let through; no file is ever opened.

    Raises:
        CircuitError: the program is malformed, uses what no circuit can express, or is too large once written out.
    """
    flow = Flow(Places(source), limits, source.physical)
    try:
        with _deep_stack():
            flow.block(tree(source).statements, flow.globals)
            registers = flow.outputs or flow.registers
            results = [clbit for register in registers for clbit in register]
            circuit = flow.assembly.circuit(flow.num_qubits, results)
    except RecursionError as failure:
        raise CircuitError("the program is nested too deeply", code="too_deep") from failure
    return Loaded(circuit, tuple(map(len, registers)), source.physical)


@contextmanager
def _deep_stack() -> Iterator[None]:
    """Allow as many frames as the deepest program within `Limits` takes; the parser uses many for each level."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)
