"""Calls the reference parser, and explains its errors."""

from __future__ import annotations

import re
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

from openqasm3._antlr.qasm3Parser import qasm3Parser
from openqasm3.parser import QASM3ParsingError, parse

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.qasm3.faults import Node
from queuebit_quantum.tokens import Source

__all__ = ["tree"]

_LEXED = re.compile(r"L(\d+):C(\d+): token recognition error at: '(.*)'", re.DOTALL)
_LOCATED = re.compile(r"L(\d+):C(\d+): (.*)", re.DOTALL)
_PARSER_ERRORS = (AttributeError, LookupError, TypeError, ValueError)
"""Errors that the parser raises for some invalid programs."""


def tree(source: Source) -> Node:
    """Parse OpenQASM 3 text. Opens no file.

    Raises:
        CircuitError: the text is not OpenQASM 3.
    """
    try:
        with redirect_stderr(StringIO()):
            return parse(source.text)
    except QASM3ParsingError as failure:
        raise _explained(failure) from failure
    except _PARSER_ERRORS as failure:
        raise CircuitError("the source is not OpenQASM 3") from failure
    except RecursionError as failure:
        raise CircuitError("the program is nested too deeply", code="too_deep") from failure


def _explained(failure: Exception) -> CircuitError:
    """Find the wrong token. ANTLR stores it in the exception's cause; its lexer writes it in the text."""
    lexed = _LEXED.match(str(failure))
    if lexed:
        unclosed = lexed[3][:1] in ("'", '"')
        expected = "a closing quotation mark" if unclosed else "a valid OpenQASM 3 token"
        message = f"{lexed[3][:20]!r} is not a token of OpenQASM 3"
        return CircuitError(message, int(lexed[1]), int(lexed[2]) + 1, expected)
    located = _LOCATED.match(str(failure))
    if located:
        return CircuitError(located[3], int(located[1]), int(located[2]) + 1, "a statement that is allowed here")
    recognition: Any = failure.__cause__  # ANTLR ships no types
    while recognition is not None and not hasattr(recognition, "offendingToken"):
        recognition = recognition.args[0] if recognition.args else None
    token = getattr(recognition, "offendingToken", None)
    if token is None:
        return CircuitError("the source is not OpenQASM 3")
    wanted = _expected(recognition)
    expected = " or ".join(wanted) if 0 < len(wanted) <= 6 else "an operand, an operator or a closing bracket"
    message = "the source ends too early" if token.type == -1 else f"{token.text[:40]!r} is not allowed here"
    return CircuitError(message, token.line, token.column + 1, expected)


def _expected(recognition: Any) -> list[str]:  # ANTLR ships no types
    names, symbols = qasm3Parser.literalNames, qasm3Parser.symbolicNames
    intervals = recognition.getExpectedTokens()
    kinds = [kind for interval in (intervals.intervals if intervals else ()) or () for kind in interval]
    return [
        names[kind] if kind < len(names) and names[kind] != "<INVALID>" else symbols[kind] for kind in kinds if kind > 0
    ]
