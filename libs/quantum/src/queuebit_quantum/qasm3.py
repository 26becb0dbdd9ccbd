"""OpenQASM 3: parsed by the reference parser, counted on its tree, then converted to Qiskit."""

from __future__ import annotations

import re
from contextlib import redirect_stderr
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits
from queuebit_quantum.qasm3_count import count
from queuebit_quantum.tokens import Source

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["load"]

_STUMBLES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
"""How the parser and the converter, which assume a valid program, fail on others."""
_KINDS = (
    (re.compile(r"gate '.*' is not defined|Undefined symbol"), "undefined", "a name defined before its use"),
    (re.compile(r"is already defined"), "redefined", "a name that is not taken"),
    (re.compile(r"index out of range|out of range"), "index", "an index inside the register"),
    (re.compile(r"duplicate bit"), "arguments", "different qubits"),
    (re.compile(r"mismatched lengths|register size error"), "arguments", "registers of one size, or single bits"),
    (re.compile(r"number of parameters|amount of qubit"), "arguments", "as many arguments as the gate has"),
    (re.compile(r"division or modulo by zero|float division"), "parameter", "a divisor other than zero"),
    (re.compile(r"not (currently )?supported|unsupported|unhandled"), "unsupported", "a supported statement"),
)
"""What the converter or Qiskit says, what kind of fault that is, and what would have been accepted."""


def load(source: Source, limits: Limits) -> QuantumCircuit:
    """Parse OpenQASM 3 text that `tokens.read` let through; no file is ever opened.

    Raises:
        CircuitError: the program is malformed, uses what Qiskit cannot express, or is too large once written out.
    """
    try:
        program = _tree(source)
        _refuse_mixed_qubits(program, source)
        count(program, limits)
        return _converter()(source).convert(program).circuit
    except CircuitError:
        raise
    except _STUMBLES as failure:
        raise CircuitError(f"the program makes no sense to the parser: {failure}") from failure
    except RecursionError as failure:
        raise CircuitError("the program is nested too deeply", code="too_deep") from failure


def _tree(source: Source) -> Any:  # an openqasm3 AST; the package ships no usable types
    from openqasm3.parser import QASM3ParsingError, parse

    try:
        with redirect_stderr(StringIO()):
            return parse(_numbered_from_zero(source))
    except QASM3ParsingError as failure:
        raise _syntax_error(source, failure) from failure


def _numbered_from_zero(source: Source) -> str:
    """Name the source's `$n` by their rank, so that the converter adds no qubits in between; nothing else moves."""
    rank = {f"${number}": f"${index}" for index, number in enumerate(source.physical)}
    text = list(source.text)
    for token in source.tokens:
        if token.text[:1] == "$":
            name = f"${int(token.text[1:])}" if token.text[1:].isdecimal() else token.text
            text[token.offset : token.offset + len(token.text)] = rank.get(name, name).ljust(len(token.text))
    return "".join(text)


def _refuse_mixed_qubits(program: Any, source: Source) -> None:
    declared = next((node for node in program.statements if type(node).__name__ == "QubitDeclaration"), None)
    if declared is not None and source.physical:
        raise CircuitError(
            f"{declared.qubit.name!r} is declared in a program that names device qubits such as ${source.physical[0]}",
            declared.span.start_line,
            declared.span.start_column + 1,
            "either declared qubits or device qubits",
            "unsupported",
        )


def _syntax_error(source: Source, failure: Exception) -> CircuitError:
    """Find the offending token: ANTLR hides it in the cause, and its lexer in the text."""
    from openqasm3._antlr.qasm3Parser import qasm3Parser

    lexed = re.match(r"L(\d+):C(\d+): token recognition error at: '(.*)'", str(failure), re.DOTALL)
    if lexed:
        line, column = int(lexed[1]), int(lexed[2]) + 1
        unclosed = lexed[3][:1] in ("'", '"')
        expected = "a closing quotation mark" if unclosed else "a valid OpenQASM 3 token"
        return CircuitError(f"{lexed[3][:20]!r} is not a token of OpenQASM 3", line, column, expected)
    recognition: Any = failure.__cause__  # ANTLR ships no types
    while recognition is not None and not hasattr(recognition, "offendingToken"):
        recognition = recognition.args[0] if recognition.args else None
    token = getattr(recognition, "offendingToken", None)
    if token is None:
        return CircuitError(str(failure) or "the source is not OpenQASM 3")
    names, symbols = qasm3Parser.literalNames, qasm3Parser.symbolicNames
    ends = token.type == -1
    intervals = recognition.getExpectedTokens() if recognition is not None else None
    kinds = [kind for interval in (intervals.intervals if intervals else ()) or () for kind in interval]
    wanted = [
        names[kind] if kind < len(names) and names[kind] != "<INVALID>" else symbols[kind] for kind in kinds if kind > 0
    ]
    expected = " or ".join(wanted) if 0 < len(wanted) <= 6 else "an operand, an operator or a closing bracket"
    message = "the source ends too early" if ends else f"{token.text[:40]!r} cannot stand here"
    return CircuitError(message, token.line, token.column + 1, expected)


@cache
def _converter() -> Any:  # a class whose base is only importable with the SDK
    """Derive the importer's visitor once, so that every failure inside it is told with its place."""
    from qiskit.exceptions import QiskitError
    from qiskit_qasm3_import import ConversionError
    from qiskit_qasm3_import.converter import ConvertVisitor
    from qiskit_qasm3_import.types import Gate

    class Converter(ConvertVisitor):
        def __init__(self, source: Source) -> None:
            super().__init__()
            self._source = source

        def visit(self, node: Any, context: Any = None) -> Any:
            try:
                return super().visit(node, context)
            except (ConversionError, QiskitError, *_STUMBLES) as failure:
                if isinstance(failure, CircuitError):
                    raise
                raise _explained(self._source, node, failure) from failure

        def visit_QuantumGate(self, node: Any, context: Any) -> Any:  # noqa: N802  (the visitor's spelling)
            self._check_arguments(node, context)
            return super().visit_QuantumGate(node, context)

        def _check_arguments(self, node: Any, context: Any) -> None:
            """Compare with the gate's signature; the base class lets Python's own argument errors through."""
            symbol = context.symbol_table.get(node.name.name, node)
            if node.modifiers or not isinstance(getattr(symbol, "type", None), Gate):
                return
            for what, wanted, given in (
                ("parameter", symbol.type.n_classical, len(node.arguments)),
                ("qubit", symbol.type.n_quantum, len(node.qubits)),
            ):
                if wanted != given:
                    line, column = node.span.start_line, node.span.start_column + 1
                    expected = f"{wanted} {what}{'s' * (wanted != 1)}"
                    message = f"gate {node.name.name!r} takes {expected}, but got {given}"
                    raise CircuitError(message, line, column, expected, "arguments")

    return Converter


def _explained(source: Source, node: Any, failure: Exception) -> CircuitError:
    if isinstance(failure, AssertionError | AttributeError):  # about itself, not the program
        text = "the parser cannot make sense of this statement"
    else:
        text = str(getattr(failure, "message", failure)).strip("'\"")
    located = re.match(r"(\d+),(\d+): (.*)", text, re.DOTALL)
    line, column = node.span.start_line, node.span.start_column + 1
    message = located[3] if located else text
    taken = re.search(r"""['"](\w+)['"] already""", message)
    if taken:
        message = f"{taken[1]!r} is already defined"
    undefined = re.search(r"Undefined symbol '(\w+)'", message)
    if undefined:
        start = source.offset(line, column)
        found = re.compile(rf"\b{re.escape(undefined[1])}\b").search(source.text, start)
        line, column = source.position(found.start()) if found else (line, column)
    elif located:
        line, column = int(located[1]), int(located[2]) + 1
    for pattern, code, expected in _KINDS:
        if pattern.search(message):
            return CircuitError(message, line, column, expected, code)
    return CircuitError(message, line, column, "a statement Qiskit can express", "unsupported")
