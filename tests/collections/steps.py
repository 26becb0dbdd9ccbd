"""A second reader of OpenQASM 2, by regular expressions: the steps of a program, with its own gates expanded.

It decides on programs that are too large for a simulator: Queuebit's circuit must have the same steps in the same
order. It knows no gate but by its name, so it does not check the matrices of the library; the simulated programs do.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.collections.runners import Run

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Bit

__all__ = ["Step", "same_steps", "steps_of_circuit", "steps_of_source"]

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_STATEMENT = re.compile(r"\s*(gate\s[^{};]*)\{([^}]*)\}|\s*([^{};]+);")
_USE = re.compile(r"(\w+)\s*(?:\((.*)\))?\s*(.*)", re.DOTALL)
_OPERAND = re.compile(r"(\w+)\s*(?:\[\s*(\d+)\s*\])?")
_IF = re.compile(r"if\s*\(\s*(\w+)\s*==\s*(\d+)\s*\)\s*(.*)", re.DOTALL)
_QISKIT = {"U": "u", "CX": "cx", "c3x": "mcx", "c4x": "mcx", "c3sqrtx": "c3sx", "rc3x": "rcccx"}
"""Gates of the library that Qiskit calls by another name."""
_CLOSE = 1e-9
"""Angles of one step differ less: both readers round sums of decimal numbers."""
_OPERATORS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
}
_Condition = tuple[tuple[int, ...], int]


class Step(NamedTuple):
    """One operation on qubits and bits by number; with a condition, the bits of it and their value."""

    name: str
    angles: tuple[float, ...]
    qubits: tuple[int, ...]
    bits: tuple[int, ...] = ()
    condition: _Condition | None = None


class _Gate(NamedTuple):
    parameters: list[str]
    operands: list[str]
    body: list[str]


def same_steps(path: Path) -> Run:
    """Compare the steps of a source with those of Queuebit's circuit: `done` or `differs`.

    Raises:
        ValueError: this reader does not read the source; it is OpenQASM 3, for example.
    """
    from queuebit_quantum import parse

    source = path.read_text(encoding="utf-8")
    ours = steps_of_circuit(parse(source, measured=False).quantum_circuit)
    place = 0
    for place, theirs in enumerate(steps_of_source(source), 1):
        found = next(ours, None)
        if found is None or not _equal(found, theirs):
            return Run("differs", {}, f"step {place} is {found}, and {theirs} in the second reader")
    if (more := next(ours, None)) is not None:
        return Run("differs", {}, f"step {place + 1} is {more}, and the second reader has none")
    return Run("done", {}, f"{place:,} steps are the same")


def steps_of_source(source: str) -> Iterator[Step]:
    """Yield the steps of an OpenQASM 2 text that Queuebit accepts; raises `ValueError` for what it does not read."""
    reader, end = _Reader(), 0
    text = _COMMENT.sub(" ", source)
    if not re.match(r"\s*OPENQASM\s+2", text):
        raise ValueError("only OpenQASM 2 is read")
    for found in _STATEMENT.finditer(text):
        if text[end : found.start()].strip():
            break
        end = found.end()
        yield from reader.gate(found[1], found[2]) if found[1] else reader.statement(found[3].strip())
    if rest := text[end:].strip():
        raise ValueError(f"{rest[:40]!r} is not a statement")


def steps_of_circuit(circuit: QuantumCircuit) -> Iterator[Step]:
    """Yield the steps of a circuit of Qiskit, without its barriers."""
    numbers: dict[Bit, int] = {bit: number for number, bit in enumerate(circuit.qubits)}
    yield from _circuit_steps(circuit, numbers | {bit: number for number, bit in enumerate(circuit.clbits)}, None)


def _circuit_steps(circuit: QuantumCircuit, numbers: Mapping[Bit, int], condition: _Condition | None) -> Iterator[Step]:
    for instruction in circuit.data:
        operation = instruction.operation
        qubits = tuple(numbers[bit] for bit in instruction.qubits)
        bits = tuple(numbers[bit] for bit in instruction.clbits)
        if operation.name == "if_else":
            register, value = operation.condition
            asked = (tuple(numbers[bit] for bit in register), value)
            (block,) = operation.blocks
            inner = dict(zip([*block.qubits, *block.clbits], [*qubits, *bits], strict=True))
            yield from _circuit_steps(block, inner, asked)
        elif operation.name != "barrier":
            yield Step(operation.name, tuple(map(float, operation.params)), qubits, bits, condition)


def _equal(one: Step, two: Step) -> bool:
    if one._replace(angles=()) != two._replace(angles=()) or len(one.angles) != len(two.angles):
        return False
    return all(abs(a - b) <= _CLOSE * (1 + abs(a)) for a, b in zip(one.angles, two.angles, strict=True))


class _Reader:
    def __init__(self) -> None:
        self._qubits: dict[str, range] = {}
        self._bits: dict[str, range] = {}
        self._gates: dict[str, _Gate] = {}

    def gate(self, head: str, body: str) -> Iterator[Step]:
        name, parameters, operands = _parts(head.split(None, 1)[1])
        self._gates[name] = _Gate(_names(parameters), _names(operands), [it.strip() for it in body.split(";")])
        return iter(())

    def statement(self, text: str) -> Iterator[Step]:
        word = (text.replace("[", " ").split() or [""])[0]
        if word in ("qreg", "creg"):
            known = self._qubits if word == "qreg" else self._bits
            name, size = _operand(text.split(None, 1)[1])
            start = sum(map(len, known.values()))
            known[name] = range(start, start + (size or 0))
        elif condition := _IF.fullmatch(text):
            asked = (tuple(self._bits[condition[1]]), int(condition[2]))
            yield from (step._replace(condition=asked) for step in self.statement(condition[3]))
        elif word not in ("OPENQASM", "include", "barrier", "opaque"):
            yield from self._use(text)

    def _use(self, text: str) -> Iterator[Step]:
        name, parameters, operands = _parts(text)
        if name == "measure":
            qubit, _, bit = operands.partition("->")
            for one, to in _broadcast([self._on(qubit, self._qubits), self._on(bit, self._bits)]):
                yield Step(name, (), (one,), (to,))
            return
        angles = tuple(_value(it, {}) for it in _separated(parameters))
        for on in _broadcast([self._on(it, self._qubits) for it in operands.split(",")]):
            yield from self._expanded(name, angles, on)

    def _expanded(self, name: str, angles: Sequence[float], on: Sequence[int]) -> Iterator[Step]:
        gate = self._gates.get(name)
        if gate is None:
            yield Step(_QISKIT.get(name, name), tuple(angles), tuple(on))
            return
        values = dict(zip(gate.parameters, angles, strict=True))
        qubits = dict(zip(gate.operands, on, strict=True))
        for text in gate.body:
            if text and not text.startswith("barrier"):
                inner, parameters, operands = _parts(text)
                used = [_value(it, values) for it in _separated(parameters)]
                yield from self._expanded(inner, used, [qubits[it] for it in _names(operands)])

    def _on(self, text: str, known: Mapping[str, range]) -> range | int:
        name, index = _operand(text)
        return known[name] if index is None else known[name][index]


def _parts(text: str) -> tuple[str, str, str]:
    found = _USE.fullmatch(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is not the use of a gate")
    return found[1], found[2] or "", found[3]


def _operand(text: str) -> tuple[str, int | None]:
    found = _OPERAND.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text[:40]!r} is not an operand")
    return found[1], None if found[2] is None else int(found[2])


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _separated(text: str) -> list[str]:
    """Split at the commas; no function of the language has two arguments."""
    return _names(text)


def _broadcast(operands: Sequence[range | int]) -> Iterator[tuple[int, ...]]:
    turns = next((len(it) for it in operands if isinstance(it, range)), 1)
    for turn in range(turns):
        yield tuple(it[turn] if isinstance(it, range) else it for it in operands)


def _value(text: str, names: Mapping[str, float]) -> float:
    try:
        return _number(ast.parse(text.strip().replace("^", "**"), mode="eval").body, {"pi": math.pi, **names})
    except SyntaxError as failure:
        raise ValueError(f"{text[:40]!r} is not an expression") from failure


def _number(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=sign, operand=one):
            return _OPERATORS[type(sign)](_number(one, names))
        case ast.BinOp(left=one, op=sign, right=two):
            return _OPERATORS[type(sign)](_number(one, names), _number(two, names))
        case ast.Call(func=ast.Name(id=name), args=[argument]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_number(argument, names))
    raise ValueError("an expression is not read")
