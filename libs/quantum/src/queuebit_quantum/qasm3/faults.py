"""How a fault in an OpenQASM 3 program gets its place."""

from __future__ import annotations

from typing import Any, TypeAlias

from openqasm3 import ast

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.tokens import Source

__all__ = ["Mistake", "Node", "Places"]

Node: TypeAlias = Any
"""A node of the reference parser's tree, which ships no usable types."""


class Mistake(Exception):
    """A fault found where the place in the source is not known; the caller that knows it adds it."""

    def __init__(self, message: str, expected: str = "", code: str = "unsupported") -> None:
        super().__init__(message, expected, code)
        self.message = message
        self.expected = expected
        self.code = code


class Places:
    """Finds nodes in the source."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def error(self, node: Node, message: str, expected: str = "", code: str = "unsupported") -> CircuitError:
        """Build an error that points at a node."""
        return CircuitError(message, *self._position(node), expected, code)

    def at(self, node: Node, mistake: Mistake) -> CircuitError:
        """Give a mistake its place."""
        return self.error(node, mistake.message, mistake.expected, mistake.code)

    def _position(self, node: Node) -> tuple[int | None, int | None]:
        """Return the 1-based line and column; the parser counts some names from the source's start, not the line's."""
        if node.span is None:
            return None, None
        line, column = node.span.start_line, node.span.start_column + 1
        if isinstance(node, ast.Identifier) and not self._source.text.startswith(
            node.name, self._source.offset(line, column)
        ):
            return self._source.position(node.span.start_column)
        return line, column
