"""Adds source positions to errors in OpenQASM 3 programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from openqasm3 import ast
from qiskit.circuit import Clbit

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.tokens import Source

__all__ = ["Node", "SourceMap", "Undecided", "UnlocatedError"]

Node: TypeAlias = Any
"""A node of the reference parser's syntax tree. The parser ships no usable types."""


class UnlocatedError(Exception):
    """An error without a source position. The caller that has the node turns it into a `CircuitError`."""

    def __init__(self, message: str, expected: str = "", code: str = "unsupported") -> None:
        super().__init__(message, expected, code)
        self.message = message
        self.expected = expected
        self.code = code


class Undecided(UnlocatedError):
    """A number must be known here, and depends on measurements. `bits` are the classical bits that decide it."""

    def __init__(self, message: str, bits: Iterable[Clbit]) -> None:
        super().__init__(message, "a number known before the program runs")
        self.bits = tuple(dict.fromkeys(bits))


class SourceMap:
    """Maps nodes to positions in the source."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def error(self, node: Node, message: str, expected: str = "", code: str = "unsupported") -> CircuitError:
        """Build an error with the position of a node."""
        return CircuitError(message, *self.position(node), expected, code)

    def at(self, node: Node, error: UnlocatedError) -> CircuitError:
        """Add the position of a node to an error."""
        return self.error(node, error.message, error.expected, error.code)

    @property
    def braket(self) -> bool:
        """As `Source.braket`."""
        return self._source.braket

    def position(self, node: Node) -> tuple[int | None, int | None]:
        """Return the 1-based line and column. For some names the parser counts from the start of the source."""
        if node.span is None:
            return None, None
        line, column = node.span.start_line, node.span.start_column + 1
        if isinstance(node, ast.Identifier) and not self._source.text.startswith(
            node.name, self._source.offset(line, column)
        ):
            return self._source.position(node.span.start_column)
        return line, column
