"""Replaces every name that an OpenQASM 2 source defines, so that no name collides with one of Qiskit.

Gates and registers have separate namespaces; parameters and qubits of a gate belong to its body. Errors use the names
and positions of the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from itertools import count
from typing import NamedTuple

from queuebit_quantum.tokens import Source, Token

__all__ = ["RESERVED", "Renamed", "Statement"]

RESERVED = frozenset(
    {"CX", "OPENQASM", "U", "barrier", "creg", "gate", "if", "include", "measure", "opaque", "pi", "qreg", "reset"}
)
"""Reserved words of the language."""


class Statement(NamedTuple):
    """A statement up to its `;` or `}`. The body of a gate is split into statements."""

    head: list[Token]
    body: Sequence[list[Token]] = ()


class Renamed:
    """A source with new names.

    Attributes:
        statements: The statements with new names at their old positions, without comments.
        text: The source with new names.
    """

    def __init__(self, source: Source, library: Set[str]) -> None:
        self._source = source
        self._library = library
        words = {token.text for token in source.tokens}
        self._free = (name for name in map("own{}".format, count()) if name not in words)
        self._gates: dict[str, str] = {}
        self._registers: dict[str, str] = {}
        self._original: dict[str, str] = {}
        self._changes: list[tuple[Token, str]] = []
        self._included = False
        self.statements = [self._renamed(statement) for statement in _statements(source.tokens)]
        self.text = self._written()

    def shown(self, message: str) -> str:
        """Return a message with the names of the source."""
        return re.sub(r"\bown\d+\b", lambda match: self._original.get(match[0], match[0]), message)

    def place(self, line: int, column: int) -> tuple[int, int]:
        """Return the 1-based position in the source for a 1-based position in the text."""
        on_line = [(token, new) for token, new in self._changes if self._source.position(token.offset)[0] == line]
        for token, new in on_line:
            start = self._source.position(token.offset)[1]
            if column <= start:
                break
            column = max(start, column - len(new) + len(token.text))
        return line, column

    def _renamed(self, statement: Statement) -> Statement:
        words = [token.text for token in statement.head]
        match words:
            case ["include", _] if statement.head[1].kind == "text":
                if self._included:
                    self._changes += [(token, "") for token in statement.head]
                    return Statement([])
                self._included = True
            case ["qreg" | "creg", name, *_] if name not in RESERVED and name.isidentifier():
                self._define(statement.head[1], self._registers)
                return Statement(
                    [statement.head[0], self._new(statement.head[1], self._registers), *statement.head[2:]]
                )
            case ["gate" | "opaque", name, *_] if name not in RESERVED and name.isidentifier():
                return self._gate(statement)
        return Statement(self._use(statement.head, self._registers), statement.body)

    def _gate(self, statement: Statement) -> Statement:
        head = statement.head
        local: dict[str, str] = {}
        for token in head[2:]:
            if token.kind == "word" and token.text not in RESERVED and token.text not in local:
                local[token.text] = self._fresh(token.text)
        body = [self._use(inner, local) for inner in statement.body]
        if head[0].text == "opaque" and head[1].text in self._library:
            name = head[1]  # the library has this gate already
        else:
            self._define(head[1], self._gates)
            name = self._new(head[1], self._gates)
        return Statement([head[0], name, *(self._new(token, local) for token in head[2:])], body)

    def _use(self, statement: list[Token], names: dict[str, str]) -> list[Token]:
        """Rename the gate and the operands of one use."""
        gate = 0
        if statement[0].text == "if":
            gate = next((place for place, token in enumerate(statement, 1) if token.text == ")"), 0)
        return [self._new(token, self._gates if place == gate else names) for place, token in enumerate(statement)]

    def _define(self, token: Token, names: dict[str, str]) -> None:
        if token.text in names:
            raise self._source.error(
                token, f"{token.text[:80]!r} is already defined", "a name that is not taken", "redefined"
            )
        names[token.text] = self._fresh(token.text)

    def _fresh(self, name: str) -> str:
        fresh = next(self._free)
        self._original[fresh] = name
        return fresh

    def _new(self, token: Token, names: dict[str, str]) -> Token:
        new = names.get(token.text)
        if new is None or token.kind != "word":
            return token
        self._changes.append((token, new))
        return Token(token.kind, new, token.offset)

    def _written(self) -> str:
        pieces: list[str] = []
        end = 0
        self._changes.sort(key=lambda change: change[0].offset)
        for token, new in self._changes:
            pieces += [self._source.text[end : token.offset], new]
            end = token.offset + len(token.text)
        return "".join([*pieces, self._source.text[end:]])


def _statements(tokens: list[Token]) -> Iterator[Statement]:
    head: list[Token] = []
    body: list[list[Token]] | None = None
    for token in tokens:
        if token.text == "{" and body is None:
            body = [[]]
        elif token.text == ";" and body is not None:
            body.append([])
        elif token.text in (";", "}"):
            if head:
                yield Statement(head, [inner for inner in body or () if inner])
            head, body = [], None
        elif body is not None:
            body[-1].append(token)
        else:
            head.append(token)
    if head:
        yield Statement(head, [inner for inner in body or () if inner])
