"""Loads OpenQASM 2: counts operations token by token, then parses with Qiskit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.loaded import Loaded
from queuebit_quantum.program_size import GateCost, ProgramSize
from queuebit_quantum.renaming import Renamed
from queuebit_quantum.structure import flatten, unusable_parameter
from queuebit_quantum.tokens import Source, Token

if TYPE_CHECKING:
    from qiskit import ClassicalRegister, QuantumCircuit

__all__ = ["library_instructions", "library_parameters", "load", "place_of_unusable"]

_LOCATED = re.compile(r"<input>:(\d+),(\d+): (.*)", re.DOTALL)
_NOT_INCLUDED = re.compile(r"cannot use non-builtin custom instruction '(.+)' before definition")
_KINDS = (
    (re.compile(r"needed (.+?), but instead saw"), "syntax", r"\1"),
    (re.compile(r"unexpected end-of-file when expecting to see (.+)"), "syntax", r"\1"),
    (re.compile(r"end-of-file while lexing string"), "syntax", "a closing quotation mark"),
    (re.compile(r"doesn't match any valid tokens"), "syntax", "a statement"),
    (re.compile(r"is not defined in this scope"), "undefined", "a gate or register defined before its use"),
    (re.compile(r"is already defined"), "redefined", "a name that is not taken"),
    (re.compile(r"out-of-range for register '.*' of size (\d+)"), "index", r"an index below \1"),
    (re.compile(r"takes (\d+ (?:parameter|quantum argument)s?), but got"), "arguments", r"\1"),
    (re.compile(r"duplicate qubits"), "arguments", "different qubits"),
    (re.compile(r"cannot resolve broadcast"), "arguments", "registers of one size, or single bits"),
    (re.compile(r"divide by zero|constant folding"), "parameter", "a finite number"),
)
"""Patterns of messages of Qiskit's parser, each with the error code and what the parser expected."""


def load(source: Source, limits: Limits) -> Loaded:
    """Parse OpenQASM 2 text that `tokens.read` accepted. Opens no file.

    Raises:
        CircuitError: the program is malformed, or too large when expanded.
    """
    from qiskit import qasm2
    from qiskit.exceptions import QiskitError

    renamed = Renamed(source, library_parameters().keys())
    counter = _Counter(source, renamed, limits)
    counter.count()
    try:
        parsed = qasm2.loads(renamed.text, include_path=(), custom_instructions=_instructions(source))
    except qasm2.QASM2ParseError as failure:
        raise _translated(renamed, str(failure.message)) from failure
    except (QiskitError, TypeError, ValueError, ArithmeticError, RecursionError) as failure:
        raise CircuitError("the program cannot be built", code="unsupported") from failure
    return Loaded(
        flatten(_without_impossible(_join_conditional_measurements(parsed, counter.conditional))),
        tuple(register.size for register in parsed.cregs),
        places=_opaque_place(source, renamed),
    )


def place_of_unusable(source: Source, limits: Limits) -> tuple[int, int] | None:
    """Return the line and the column of the first statement with a parameter that `unusable_parameter` refuses.

    The source is one that `load` accepts; it is parsed again.
    """
    from qiskit import QuantumCircuit, qasm2

    renamed = Renamed(source, library_parameters().keys())
    counter = _Counter(source, renamed, limits)
    counter.count()
    parsed = qasm2.loads(renamed.text, include_path=(), custom_instructions=_instructions(source))
    made = iter(parsed.data)
    for token, number in counter.uses():
        for instruction in islice(made, number):
            operation = instruction.operation
            alone = QuantumCircuit(operation.num_qubits, operation.num_clbits)
            if operation.name == "if_else":
                alone = operation.blocks[0]
            else:
                alone.append(operation, alone.qubits, alone.clbits)
            if unusable_parameter(flatten(alone)):
                return source.position(token.offset)
    return None


def _opaque_place(source: Source, renamed: Renamed) -> dict[str, tuple[int | None, int | None]]:
    """Return the line and the column of the first use of an opaque gate of the source."""
    opaque: set[str] = set()
    for statement in renamed.statements:
        match [token.text for token in statement.head[:2]]:
            case ["opaque", name]:
                opaque.add(name)
            case [name, *_] if name in opaque:
                return {"opaque": source.position(statement.head[0].offset)}
    return {}


def _join_conditional_measurements(circuit: QuantumCircuit, widths: list[int]) -> QuantumCircuit:
    """Join the measurements of each conditional `measure` statement under one condition, evaluated once.

    Qiskit repeats the condition for each bit; a bit that is already measured can then make the condition false.
    """
    if max(widths, default=1) == 1:
        return circuit
    joined = circuit.copy_empty_like()
    of_statements = iter(widths)
    data = iter(circuit.data)
    for instruction in data:
        operation = instruction.operation
        if operation.name != "if_else" or operation.blocks[0].data[0].name != "measure":
            joined.append(instruction)
            continue
        parts = [instruction, *islice(data, next(of_statements) - 1)]
        with joined.if_test(operation.condition):
            for part in parts:
                body = part.operation.blocks[0]
                (measured,) = body.data
                joined.measure(
                    part.qubits[body.find_bit(measured.qubits[0]).index],
                    part.clbits[body.find_bit(measured.clbits[0]).index],
                )
    return joined


def _without_impossible(circuit: QuantumCircuit) -> QuantumCircuit:
    """Leave out what needs a register to equal a number that it has too few bits for; Qiskit compares its lowest bits.

    In OpenQASM 2 all conditions compare a register with a number, and none is inside another.
    """
    possible = [it for it in circuit.data if it.operation.name != "if_else" or _is_possible(it.operation.condition)]
    if len(possible) == len(circuit.data):
        return circuit
    found = circuit.copy_empty_like()
    for it in possible:
        found.append(it)
    return found


def _is_possible(condition: tuple[ClassicalRegister, int]) -> bool:
    register, value = condition
    return value < 1 << int(register.size)


def library_instructions(used: Set[str]) -> list[object]:
    """The gates of Qiskit with these names; without `u0`, which expands to as many gates as its parameter says."""
    from qiskit import qasm2

    return [known for known in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if known.name in used and known.name != "u0"]


def _instructions(source: Source) -> list[object]:
    return library_instructions({token.text for token in source.tokens})


@cache
def library_parameters() -> dict[str, int]:
    """The number of parameters of each known gate."""
    from qiskit import qasm2

    known = {gate.name: gate.num_params for gate in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if gate.name != "u0"}
    return {**known, "U": 3, "CX": 0}


def _translated(renamed: Renamed, text: str) -> CircuitError:
    located = _LOCATED.search(text)
    if not located:
        return CircuitError(renamed.shown(text))
    line, column = renamed.place(int(located[1]), int(located[2]) + 1)
    message = renamed.shown(located[3])
    missing = _NOT_INCLUDED.search(message)
    if missing and missing[1] == "delay":
        return CircuitError("gate 'delay' is not defined", line, column, "opaque delay(t) q; before it", "undefined")
    if missing:
        message = f"gate {missing[1]!r} is not defined: it is one of qelib1.inc, which the program does not include"
        return CircuitError(message, line, column, 'include "qelib1.inc"; before it', "undefined")
    for pattern, code, expected in _KINDS:
        match = pattern.search(message)
        if match:
            return CircuitError(message, line, column, match.expand(expected), code)
    return CircuitError(message, line, column, "a valid OpenQASM 2 statement")


class _Counter:
    """Refuses programs that are too large when expanded. Ignores malformed statements: the parser reports them."""

    def __init__(self, source: Source, renamed: Renamed, limits: Limits) -> None:
        self._source = source
        self._renamed = renamed
        self._size = ProgramSize(limits)
        self._parameters = dict(library_parameters())
        self.conditional: list[int] = []
        """The number of bits of each conditional `measure` statement, in order."""

    def count(self) -> None:
        total = 0
        for statement in self._renamed.statements:
            head = statement.head
            match [token.text for token in head]:
                case []:
                    pass
                case ["qreg" | "creg" as kind, name, "[", size, "]"] if size.isascii() and size.isdigit():
                    self._size.declare(name, int(size), quantum=kind == "qreg", error=self._error(head[0]))
                case ["gate" | "opaque", name, *rest]:
                    self._parameters[name] = _parameter_count(rest)
                    used = [self._cost(inner) for inner in statement.body]
                    self._size.define(name, used, self._error(head[0]))
                case _:
                    cost = self._cost(head).operations
                    if head[0].text == "if" and any(token.text == "measure" for token in head):
                        self.conditional.append(cost)
                    total += cost
                    self._size.check(total, self._error(head[0]))

    def _error(self, at: Token) -> Callable[[str, str, str], CircuitError]:
        return lambda message, expected, code: self._source.error(at, self._renamed.shown(message), expected, code)

    def _cost(self, statement: list[Token]) -> GateCost:
        """Count one use of a gate: its cost times the size of the largest whole register that it names."""
        words = [token.text for token in statement]
        if words[0] == "if" and ")" in words:
            after = words.index(")") + 1
            statement, words = statement[after:], words[after:]
        if not words or words[0] in ("OPENQASM", "include"):
            return GateCost(0)
        if words[0] == "barrier":
            return GateCost()
        gate = words[0]
        wanted = self._parameters.get(gate, 0)
        if wanted and len(words) > 1 and words[1] != "(":
            expected = f"{wanted} parameter{'s' * (wanted > 1)} in brackets"
            raise self._error(statement[0])(f"{gate!r} is used without its parameters", expected, "arguments")
        cost = self._size.cost(gate)
        return GateCost(cost.operations * self._width(words[1:]), cost.level)

    def _width(self, words: Sequence[str]) -> int:
        """Return the size of the largest whole register among these words; 1 without one."""
        known = self._size.registers
        return max((known[it] for it, after in pairwise([*words, ""]) if it in known and after != "["), default=1)

    def uses(self) -> Iterator[tuple[Token, int]]:
        """Yield the first token of each statement with operations, and how many Qiskit makes of it."""
        for statement in self._renamed.statements:
            words = [token.text for token in statement.head]
            if words and words[0] not in ("OPENQASM", "include", "qreg", "creg", "gate", "opaque"):
                yield statement.head[0], 1 if words[0] == "barrier" else self._width(words[1:])


def _parameter_count(rest: list[str]) -> int:
    if not rest or rest[0] != "(":
        return 0
    inside = rest[1 : rest.index(")")] if ")" in rest else []
    return inside.count(",") + 1 if inside else 0
