"""A small interpreter of OpenQASM 2 that knows `U` and `CX` alone and shares nothing with Queuebit or Qiskit.

Written from the paper (arXiv:1707.03429). A program may define again what `qelib1.inc` defines; its own definition
counts. Classical bits read 0 before they are measured.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from tests.differential.branches import Array, Machine, Outcomes, apply, explore

__all__ = ["outcomes"]

_TOKEN = re.compile(r'//[^\n]*|\s+|("[^"]*"|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\w+|->|==|.)', re.DOTALL)
_LIBRARY = Path(__file__).parent / "qelib1.inc"
_FUNCTIONS = {"sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "ln": math.log, "sqrt": math.sqrt}
_SUMS = {"+": operator.add, "-": operator.sub}
_PRODUCTS = {"*": operator.mul, "/": operator.truediv}
_CX = np.eye(4, dtype=np.complex128)[[0, 1, 3, 2]]

_T = TypeVar("_T")
_Value = Callable[[Mapping[str, float]], float]
"""An expression: from the gate's parameters to a number."""
_Store = dict[str, list[int]]
"""Classical registers by name, in declaration order, bit 0 first."""
_Step = Callable[[Machine, _Store], None]


@dataclass(frozen=True)
class _Call:
    name: str
    parameters: list[_Value]
    qubits: list[str]


@dataclass(frozen=True)
class _Gate:
    parameters: list[str]
    qubits: list[str]
    body: list[_Call]


@dataclass
class _Program:
    gates: dict[str, _Gate] = field(default_factory=dict)
    qubits: dict[str, range] = field(default_factory=dict)
    bits: dict[str, int] = field(default_factory=dict)
    steps: list[_Step] = field(default_factory=list)


def outcomes(source: str) -> Outcomes:
    """Return what a program leaves behind; see `branches.Outcomes`.

    Raises:
        ValueError: it is not OpenQASM 2.
    """
    program = _Program()
    _Parser(source, program).parse()

    def run(machine: Machine) -> str:
        machine.allocate(sum(map(len, program.qubits.values())))
        store = {name: [0] * size for name, size in program.bits.items()}
        for step in program.steps:
            step(machine, store)
        return " ".join("".join(map(str, reversed(bits))) for bits in reversed(store.values()))

    return explore(run)


class _Parser:
    def __init__(self, source: str, program: _Program) -> None:
        self._tokens = [match[1] for match in _TOKEN.finditer(source) if match[1]][::-1]
        self._program = program

    def parse(self) -> None:
        while self._tokens:
            self._statement(self._take())

    def _statement(self, word: str) -> None:
        program = self._program
        match word:
            case "OPENQASM":
                self._take()
                self._expect(";")
            case "include":
                self._take()
                self._expect(";")
                _Parser(_LIBRARY.read_text(), program).parse()
            case "qreg":
                name, size = self._declaration()
                start = sum(map(len, program.qubits.values()))
                program.qubits[name] = range(start, start + size)
            case "creg":
                name, size = self._declaration()
                program.bits[name] = size
            case "gate":
                self._definition()
            case "if":
                self._expect("(")
                name = self._take()
                self._expect("==")
                value = int(self._take())
                self._expect(")")
                steps = list(self._operation(self._take()))
                program.steps.append(partial(_run_if, name, value, steps))
            case _:
                program.steps += self._operation(word)

    def _declaration(self) -> tuple[str, int]:
        name = self._take()
        self._expect("[")
        size = int(self._take())
        self._expect("]")
        self._expect(";")
        return name, size

    def _definition(self) -> None:
        name = self._take()
        parameters = self._bracketed(self._take)
        qubits = self._list(self._take, "{")
        body = []
        while not self._skip("}"):
            word = self._take()
            values = self._bracketed(self._sum)
            arguments = self._list(self._take, ";")
            if word != "barrier":
                body.append(_Call(word, values, arguments))
        self._program.gates[name] = _Gate(parameters, qubits, body)

    def _operation(self, word: str) -> Iterator[_Step]:
        if word == "measure":
            sources = self._qubits()
            self._expect("->")
            register, bits = self._reference({name: range(size) for name, size in self._program.bits.items()})
            self._expect(";")
            for qubit, bit in zip(sources, bits, strict=True):
                yield partial(_measure, qubit, register, bit)
            return
        values = self._bracketed(self._sum)
        arguments = self._list(self._qubits, ";")
        width = max(map(len, arguments))
        lanes = [argument * width if len(argument) == 1 else argument for argument in arguments]
        if word == "barrier":
            return
        if word == "reset":
            for qubit in lanes[0]:
                yield partial(_reset, qubit)
            return
        matrix = _unitary(self._program, word, [value({}) for value in values])
        for qubits in zip(*lanes, strict=True):
            yield partial(_apply, matrix, qubits)

    def _qubits(self) -> list[int]:
        return self._reference(self._program.qubits)[1]

    def _reference(self, registers: Mapping[str, range]) -> tuple[str, list[int]]:
        name = self._take()
        if not self._skip("["):
            return name, list(registers[name])
        index = int(self._take())
        self._expect("]")
        return name, [registers[name][index]]

    def _bracketed(self, item: Callable[[], _T]) -> list[_T]:
        if not self._skip("("):
            return []
        return [] if self._skip(")") else self._list(item, ")")

    def _list(self, item: Callable[[], _T], end: str) -> list[_T]:
        items = [item()]
        while not self._skip(end):
            self._expect(",")
            items.append(item())
        return items

    def _sum(self) -> _Value:
        return self._chain(_SUMS, self._product)

    def _product(self) -> _Value:
        return self._chain(_PRODUCTS, self._signed)

    def _chain(self, operators: Mapping[str, Callable[[float, float], float]], operand: Callable[[], _Value]) -> _Value:
        left = operand()
        while self._tokens[-1] in operators:
            left = _binary(operators[self._take()], left, operand())
        return left

    def _signed(self) -> _Value:
        if self._skip("-"):
            inner = self._signed()
            return lambda known: -inner(known)
        return self._raised()

    def _raised(self) -> _Value:
        base = self._atom()
        return _binary(operator.pow, base, self._signed()) if self._skip("^") else base

    def _atom(self) -> _Value:
        word = self._take()
        if word == "(":
            inner = self._sum()
            self._expect(")")
            return inner
        if word[0].isdigit() or word[0] == ".":
            number = float(word)
            return lambda _: number
        if word in _FUNCTIONS and self._skip("("):
            function, argument = _FUNCTIONS[word], self._sum()
            self._expect(")")
            return lambda known: function(argument(known))
        return lambda known: known[word] if word in known else {"pi": math.pi}[word]

    def _take(self) -> str:
        if not self._tokens:
            raise ValueError("the source ends too early")
        return self._tokens.pop()

    def _skip(self, word: str) -> bool:
        if self._tokens and self._tokens[-1] == word:
            self._tokens.pop()
            return True
        return False

    def _expect(self, word: str) -> None:
        found = self._take()
        if found != word:
            raise ValueError(f"{found!r} stands where {word!r} was expected")


def _binary(operation: Callable[[float, float], float], left: _Value, right: _Value) -> _Value:
    return lambda known: operation(left(known), right(known))


def _unitary(program: _Program, name: str, parameters: list[float]) -> Array:
    """Return a gate's matrix, its first qubit as highest bit."""
    if name == "U":
        return _rotation(*parameters)
    if name == "CX":
        return _CX
    gate = program.gates[name]
    known = dict(zip(gate.parameters, parameters, strict=True))
    count = len(gate.qubits)
    tensor = np.eye(2**count, dtype=np.complex128).reshape((2,) * (2 * count))
    for call in gate.body:
        matrix = _unitary(program, call.name, [value(known) for value in call.parameters])
        tensor = apply(tensor, matrix, [gate.qubits.index(qubit) for qubit in call.qubits])
    return tensor.reshape(2**count, 2**count)


def _rotation(theta: float, phi: float, lam: float) -> Array:
    """Rz(phi) Ry(theta) Rz(lam): section 3.1 of the paper, without a global phase, which nothing here can see."""
    cos, sin = math.cos(theta / 2), math.sin(theta / 2)
    plus, minus = np.exp(0.5j * (phi + lam)), np.exp(0.5j * (phi - lam))
    return np.array([[cos / plus, -sin / minus], [sin * minus, cos * plus]])


def _apply(matrix: Array, qubits: tuple[int, ...], machine: Machine, _: _Store) -> None:
    machine.apply(matrix, qubits)


def _reset(qubit: int, machine: Machine, _: _Store) -> None:
    machine.reset(qubit)


def _measure(qubit: int, register: str, bit: int, machine: Machine, store: _Store) -> None:
    store[register][bit] = machine.measure(qubit)


def _run_if(register: str, value: int, steps: list[_Step], machine: Machine, store: _Store) -> None:
    if sum(bit << place for place, bit in enumerate(store[register])) == value:
        for step in steps:
            step(machine, store)
