"""OpenQASM 3: parsed by the reference parser, then written out as a Qiskit circuit.

Constants are computed, loops turned, and gates and subroutines replaced by what they do, so that no name of the source
reaches Qiskit. What depends on measurements becomes Qiskit's control flow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from openqasm3 import ast

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Loaded
from queuebit_quantum.parameters import Input, Parameters, parameter_faults
from queuebit_quantum.qasm3.faults import Node, Places
from queuebit_quantum.qasm3.flow import Flow
from queuebit_quantum.qasm3.statements import input_of
from queuebit_quantum.qasm3.syntax import tree
from queuebit_quantum.tokens import Source

__all__ = ["inputs", "load"]

_FRAMES = 10_000
"""Python's own frames, which lie on the heap: this takes no more of the thread's stack."""


def inputs(source: Source) -> tuple[Input, ...]:
    """Return the values that OpenQASM 3 text leaves open; raises `CircuitError` for text that does not parse."""
    with _deep_stack():
        return _inputs(tree(source))


def load(source: Source, limits: Limits, given: Parameters | None = None) -> Loaded:
    """Parse OpenQASM 3 text that `tokens.read` let through, with values for its inputs; no file is ever opened.

    Raises:
        CircuitError: the program is malformed, uses what no circuit can express, or is too large once written out; or
            the values are not those that it asks for.
    """
    flow = Flow(Places(source), limits, source.physical)
    try:
        with _deep_stack():
            program = _remembered(source.text) if given else tree(source)
            if given:
                flow.given = given
                if faults := parameter_faults(_inputs(program), given):
                    raise CircuitError("; ".join(faults), code="parameter")
            flow.block(program.statements, flow.globals)
            registers = flow.outputs or flow.registers
            results = [clbit for register in registers for clbit in register]
            circuit = flow.assembly.circuit(flow.num_qubits, results)
    except RecursionError as failure:
        raise CircuitError("the program is nested too deeply", code="too_deep") from failure
    return Loaded(circuit, tuple(map(len, registers)), source.physical)


@lru_cache(maxsize=4)
def _remembered(text: str) -> Node:
    """The tree of a program that is bound again and again: parsing it takes longer than all that follows."""
    return tree(Source(text))


def _inputs(program: Node) -> tuple[Input, ...]:
    declared = (it for it in program.statements if isinstance(it, ast.IODeclaration))
    return tuple(input_of(it) for it in declared if it.io_identifier.name == "input")


@contextmanager
def _deep_stack() -> Iterator[None]:
    """Allow as many frames as the deepest program within `Limits` takes; the parser uses many for each level."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)
