"""OpenQASM 2: counted token by token, then parsed by Qiskit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.tally import GateCost, Tally
from queuebit_quantum.tokens import Source, Token

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["load"]

_LOCATED = re.compile(r"<input>:(\d+),(\d+): (.*)", re.DOTALL)
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
"""What Qiskit's parser says, what kind of fault that is, and what it had hoped for."""


def load(source: Source, limits: Limits) -> QuantumCircuit:
    """Parse OpenQASM 2 text that `tokens.read` let through; no file is ever opened.

    Raises:
        CircuitError: the program is malformed, or too large once written out.
    """
    from qiskit import qasm2
    from qiskit.exceptions import QiskitError

    _count(source, limits)
    try:
        return qasm2.loads(source.text, include_path=(), custom_instructions=_instructions())
    except qasm2.QASM2ParseError as failure:
        raise _explained(source, str(failure.message)) from failure
    except (QiskitError, TypeError, ValueError, ArithmeticError, RecursionError) as failure:
        raise CircuitError(f"the program cannot be built: {failure}", code="unsupported") from failure


@cache
def _instructions() -> tuple[object, ...]:
    """The gates Qiskit writes without defining them; without `u0`, which unrolls as often as its parameter says."""
    from qiskit import qasm2

    return tuple(known for known in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if known.name != "u0")


@cache
def _parameters() -> dict[str, int]:
    from qiskit import qasm2

    return {known.name: known.num_params for known in qasm2.LEGACY_CUSTOM_INSTRUCTIONS if known.name != "delay"}


def _explained(source: Source, text: str) -> CircuitError:
    located = _LOCATED.search(text)
    if not located:
        return CircuitError(text)
    line, column, message = int(located[1]), int(located[2]) + 1, located[3].rstrip("'\"")
    for pattern, code, expected in _KINDS:
        match = pattern.search(message)
        if match:
            return CircuitError(message, line, column, match.expand(expected), code)
    return CircuitError(message, line, column, "a valid OpenQASM 2 statement")


def _count(source: Source, limits: Limits) -> None:
    """Refuse what would be too large written out. Malformed statements are left for the parser to explain."""
    tally = Tally(limits)
    parameters = dict(_parameters())
    total = 0
    statements = _statements(source.tokens)
    for head, body in statements:
        word = head[0]

        def error(message: str, expected: str, code: str, at: Token = word) -> CircuitError:
            return source.error(at, message, expected, code)

        match [token.text for token in head]:
            case ["qreg" | "creg" as kind, name, "[", size, "]"] if size.isascii() and size.isdigit():
                tally.declare(name, int(size), quantum=kind == "qreg", error=error)
            case ["gate" | "opaque", name, *rest]:
                parameters[name] = _parameter_count(rest)
                used = [_cost(inner, tally, parameters, source) for inner in body if inner]
                tally.define(name, used, error)
            case _:
                total += _cost(head, tally, parameters, source).operations
                tally.check(total, error)


def _statements(tokens: list[Token]) -> Iterator[tuple[list[Token], list[list[Token]]]]:
    """Yield each statement up to its `;` or `}`, a gate's body cut into statements of its own."""
    head: list[Token] = []
    body: list[list[Token]] | None = None
    for token in tokens:
        if token.text == "{":
            body = [[]]
        elif token.text == ";" and body is not None:
            body.append([])
        elif token.text in (";", "}"):
            if head:
                yield head, body or []
            head, body = [], None
        elif body is not None:
            body[-1].append(token)
        else:
            head.append(token)
    if head:
        yield head, body or []


def _parameter_count(rest: list[str]) -> int:
    if not rest or rest[0] != "(":
        return 0
    inside = rest[1 : rest.index(")")] if ")" in rest else []
    return inside.count(",") + 1 if inside else 0


def _cost(statement: list[Token], tally: Tally, parameters: dict[str, int], source: Source) -> GateCost:
    """Count one use of a gate: its own cost, as often as the largest whole register it names."""
    words = [token.text for token in statement]
    if words[0] == "if" and ")" in words:
        after = words.index(")") + 1
        statement, words = statement[after:], words[after:]
    if not words or words[0] in ("OPENQASM", "include"):
        return GateCost(0)
    if words[0] == "barrier":
        return GateCost()
    gate = words[0]
    wanted = parameters.get(gate, 0)
    if wanted and len(words) > 1 and words[1] != "(":
        expected = f"{wanted} parameter{'s' * (wanted > 1)} in brackets"
        raise source.error(statement[0], f"{gate!r} is used without its parameters", expected, "arguments")
    whole = [
        tally.registers[word]
        for word, following in pairwise([*words[1:], ""])
        if word in tally.registers and following != "["
    ]
    cost = tally.cost(gate)
    return GateCost(cost.operations * max(whole, default=1), cost.level)
