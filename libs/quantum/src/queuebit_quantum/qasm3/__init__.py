"""Loads OpenQASM 3: parses with the reference parser, then expands the program into a Qiskit circuit.

Constants are computed, loops are unrolled, and gates and subroutines are inlined, so that no name of the source
reaches Qiskit. Statements that depend on measurements become Qiskit's control flow.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import NamedTuple

from openqasm3 import ast

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Loaded
from queuebit_quantum.parameters import Input, Parameters, parameter_faults
from queuebit_quantum.qasm3.faults import Node, SourceMap
from queuebit_quantum.qasm3.flow import Flow
from queuebit_quantum.qasm3.statements import input_of
from queuebit_quantum.qasm3.symbols import Tape
from queuebit_quantum.qasm3.syntax import tree
from queuebit_quantum.qasm3.values import OPEN_KINDS
from queuebit_quantum.tokens import Source

__all__ = ["Open", "inputs", "load", "load_open", "load_unbound"]

_FRAMES = 10_000
"""Frames of Python functions. They are on the heap, so that this does not use the thread's stack."""


def inputs(source: Source) -> tuple[Input, ...]:
    """Return the `input` declarations of OpenQASM 3 text; raises `CircuitError` for text that does not parse."""
    with _deep_stack():
        return _inputs(tree(source))


def load(source: Source, limits: Limits, given: Parameters | None = None) -> Loaded:
    """Parse OpenQASM 3 text that `tokens.read` accepted, with values for its inputs. Opens no file.

    Raises:
        CircuitError: the program is malformed, uses an unsupported feature, or is too large when expanded; or the
            values do not match its inputs.
    """
    with _deep_stack():
        program = _cached_tree(source.text) if given else tree(source)
        if given and (faults := parameter_faults(_inputs(program), given)):
            raise CircuitError("; ".join(faults), code="parameter")
        return _expanded(Flow(SourceMap(source), limits, source.physical), program, given or {})


def load_open(source: Source, limits: Limits, fixed: Parameters) -> Open:
    """As `load`, with open numbers for the inputs that have no value, which must be real numbers.

    Raises:
        CircuitError: also if the structure of the program depends on an open number.
    """
    flow = Flow(SourceMap(source), limits, source.physical)
    flow.tape = Tape()
    with _deep_stack():
        program = _cached_tree(source.text)
        return Open(_expanded(flow, program, fixed), _inputs(program), flow.tape)


def load_unbound(source: Source, limits: Limits) -> Loaded:
    """As `load`, with open numbers for real inputs, and zeros for the others."""
    declared = inputs(source)
    zeros: dict[str, bool | int | float | str] = {
        it.name: "0" * (it.size or 1) if it.kind == "bit" else it.kind != "bool" and 0
        for it in declared
        if it.kind not in OPEN_KINDS
    }
    return load_open(source, limits, zeros).loaded if declared else load(source, limits)


class Open(NamedTuple):
    """A program as a circuit with Qiskit parameters, and where their values come from."""

    loaded: Loaded
    inputs: tuple[Input, ...]
    tape: Tape


def _expanded(flow: Flow, program: Node, given: Parameters) -> Loaded:
    flow.given = given
    try:
        flow.block(program.statements, flow.globals)
        registers = flow.outputs or flow.registers
        results = [clbit for register in registers for clbit in register]
        flow.require_box()
        circuit = flow.assembly.circuit(flow.num_qubits, results, flow.hidden_bit)
        asked = flow.results()
    except RecursionError as failure:
        raise CircuitError("the program is nested too deeply", code="too_deep") from failure
    return Loaded(circuit, tuple(map(len, registers)), flow.physical, asked, tuple(flow.verbatim), dict(flow.places))


@lru_cache(maxsize=4)
def _cached_tree(text: str) -> Node:
    """Return the cached syntax tree: a sweep binds the same text many times, and parsing takes most of the time."""
    return tree(Source(text))


def _inputs(program: Node) -> tuple[Input, ...]:
    declared = (it for it in program.statements if isinstance(it, ast.IODeclaration))
    return tuple(input_of(it) for it in declared if it.io_identifier.name == "input")


@contextmanager
def _deep_stack() -> Iterator[None]:
    """Allow the frames that the deepest program within `Limits` needs; the parser uses many frames per level."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, _FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(usual)
