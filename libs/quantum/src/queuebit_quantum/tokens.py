"""Splits a source into tokens and refuses unsafe ones before a parser runs; takes linear time on any input."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.limits import Limits

__all__ = ["Source", "Token", "read"]

_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|(?P<unclosed>/\*.*)"
    r'|(?P<text>"[^"\n]*"|\'[^\'\n]*\')'
    r"|(?P<number>(?:0[xXbBoO][0-9a-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?))"
    r"|(?P<word>\$?\w+)"
    r"|(?P<symbol>->|==|!=|\*\*|\+\+|[^\s\w])",
    re.DOTALL,
)
_PHYSICAL = re.compile(r"\$[0-9]+")
_OPERATORS = frozenset("+-*/^%!~&|") | {"**", "++", "==", "!="}
_INCLUDES = {2: "qelib1.inc", 3: "stdgates.inc"}
_MAX_DIGITS = 18
"""The longest integer literal: shorter ones fit 64 bits, which the parsers assume."""
_MAX_COMPARED_DIGITS = 1_234
"""The longest number that a register of OpenQASM 2 is compared with, of 4,096 bits: the parser takes any size there."""
_MAX_OPERATORS = 256
"""The most operators in one argument: later code visits expression trees recursively."""


class Token(NamedTuple):
    """One word, number, string or symbol, with its offset in the text."""

    kind: str
    text: str
    offset: int


class Source:
    """A source text as tokens without comments, and its language version."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [
            Token(match.lastgroup, match.group(), match.start()) for match in _TOKEN.finditer(text) if match.lastgroup
        ]
        self.version = 0

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a 1-based line and column."""
        return self._starts[line - 1] + column - 1

    def error(self, at: Token | int, message: str, expected: str = "", code: str = "syntax") -> CircuitError:
        """Build an error with the position of a token or offset."""
        offset = at if isinstance(at, int) else at.offset
        return CircuitError(message, *self.position(offset), expected, code)

    @cached_property
    def braket(self) -> bool:
        """Whether a pragma of Amazon Braket is in the source: then it is read as Braket reads it."""
        return "braket" in self.text and any(
            (one.text, two.text) == ("pragma", "braket") for one, two in pairwise(self.tokens)
        )

    @cached_property
    def physical(self) -> tuple[int, ...]:
        """The numbers of the device qubits `$n` that the source names, ascending."""
        return tuple(sorted({int(token.text[1:]) for token in self.tokens if _PHYSICAL.fullmatch(token.text)}))

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]


def read(text: str, limits: Limits) -> Source:
    """Split a source into tokens, and refuse sources that are unsafe to parse.

    Raises:
        CircuitError: the source is too large or not UTF-8, has an unknown version, includes a file other than the
            standard gates, or has brackets, operators or numbers beyond the limits.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as failure:
        raise CircuitError(
            f"character {failure.start + 1} is not valid Unicode: save the source as UTF-8",
            *_position(text[: failure.start]),
        ) from failure
    if size > limits.max_source_bytes:
        raise CircuitError(
            f"the source has {size:,} bytes, more than the {limits.max_source_bytes:,} allowed: use loops or gate "
            "definitions, or split the work into several jobs",
            *_position(text.encode()[: limits.max_source_bytes].decode(errors="ignore")),
            f"at most {limits.max_source_bytes:,} bytes",
            "too_large",
        )
    source = Source(text.removeprefix("\ufeff"))  # a byte order mark, as some editors write
    if source.tokens and source.tokens[-1].kind == "unclosed":
        raise source.error(source.tokens[-1], "the comment is not closed", "'*/' at its end")
    source.version = _version(source)
    _refuse_foreign_includes(source)
    _refuse_depth(source, limits)
    _refuse_huge_numbers(source, limits)
    return source


def _position(before: str) -> tuple[int, int]:
    """Return the 1-based line and column of what follows a text."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _version(source: Source) -> int:
    expected = "'OPENQASM 2.0;' or 'OPENQASM 3.0;' as the first statement"
    if not source.tokens:
        raise source.error(0, "the source is empty", expected, "header")
    if source.tokens[0].text != "OPENQASM":
        return 3  # the header is optional in version 3 only
    number = source.tokens[1] if len(source.tokens) > 1 else source.tokens[0]
    match = re.fullmatch(r"([23])(?:\.\d{1,3})?", number.text)
    if not match:
        raise source.error(number, f"OpenQASM version {number.text[:20]!r} is not known", expected, "header")
    return int(match[1])


def _refuse_foreign_includes(source: Source) -> None:
    standard = _INCLUDES[source.version]
    for word, name in pairwise(source.tokens):
        if word.text != "include" or name.kind != "text" or name.text[1:-1] == standard:
            continue
        if name.text[1:-1] in _INCLUDES.values():
            other = 5 - source.version
            raise source.error(
                name,
                f"{name.text[1:-1]} belongs to OpenQASM {other}, and this is read as OpenQASM {source.version}",
                f"'OPENQASM {other}.0;' as the first statement, or {standard}",
                "include",
            )
        raise source.error(
            name,
            f"include of {name.text[:80]} is refused: files are never read: copy the definitions into the source",
            f'"{standard}"',
            "include",
        )


def _refuse_depth(source: Source, limits: Limits) -> None:
    depth = operators = 0
    for token in source.tokens:
        if token.kind != "symbol":
            continue
        if token.text in "([{":
            depth += 1
        elif token.text in ")]}":
            depth -= 1
        if token.text in ",;{}":
            operators = 0
        elif token.text in _OPERATORS:
            operators += 1
        if depth > limits.max_nesting or operators > _MAX_OPERATORS:
            raise source.error(
                token,
                "the expression or block is nested too deeply",
                f"at most {limits.max_nesting} levels of brackets and {_MAX_OPERATORS} operators in one argument",
                "too_deep",
            )


def _refuse_huge_numbers(source: Source, limits: Limits) -> None:
    before = ""
    for token in source.tokens:
        compared, before = source.version == 2 and before == "==", token.text
        if token.kind == "number":
            most = _MAX_COMPARED_DIGITS if compared else _MAX_DIGITS
            if (token.text.isdigit() and len(token.text) > most) or len(token.text) > max(most, 4 * _MAX_DIGITS):
                raise source.error(token, "the number is too long", f"at most {most} digits", "too_large")
            if re.search(r"[eE][+-]?\d{4}", token.text) and token.text[:2].lower() not in ("0x", "0b"):
                raise source.error(token, "the exponent is too large", "an exponent below 1000", "too_large")
        elif _PHYSICAL.fullmatch(token.text) and int(token.text[1:]) >= limits.max_qubits:
            raise source.error(token, "there is no such physical qubit", f"below ${limits.max_qubits}", "too_large")
