"""Keeps the order in which a program records its results."""

from __future__ import annotations

from collections.abc import Collection

from queuebit_quantum.errors import CircuitError
from queuebit_quantum.qir.tokens import Text, Token

__all__ = ["Outputs"]

_NONE = "the program records no result of a measurement, so it has no counts: return the results that it measures"


class Outputs:
    """Results, in arrays and tuples that may contain one another."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._open: list[list[int]] = []
        """For each array and tuple that is not complete: its number, and how many of its values are missing."""
        self._groups = 0
        self._last = -1
        """The number of the group that the value before belongs to; -1 if it was a group itself."""
        self._registers: list[list[tuple[int, Token]]] = []

    def group(self, size: int) -> None:
        """Record the beginning of an array or a tuple with `size` values."""
        self._count()
        self._groups += 1
        self._last = -1
        if size:
            self._open.append([self._groups, size])
        else:
            self._close()

    def result(self, number: int, at: Token) -> None:
        """Record a result."""
        owner = self._open[-1][0] if self._open else 0
        self._count()
        if owner != self._last:
            self._registers.append([])
        self._registers[-1].append((number, at))
        self._last = owner
        self._close()

    def registers(self, at: Token, measured: Collection[int]) -> tuple[tuple[int, ...], ...]:
        """The results by register.

        Raises:
            CircuitError: there are none, one is recorded twice or never measured, or a group is not complete.
        """
        if self._open:
            missing = self._open[-1][1]
            text = f"an array or a tuple has {missing:,} values fewer than it announces"
            raise self._text.error(at, text, "as many records as announced", "arguments")
        if not self._registers:
            raise CircuitError(_NONE, expected="a result that is recorded", code="no_measurement")
        seen: set[int] = set()
        for number, record in (it for register in self._registers for it in register):
            if number in seen:
                raise self._text.error(record, f"result {number} is recorded twice", "each result once")
            if number not in measured:
                text = f"result {number} is recorded and never measured"
                raise self._text.error(record, text, "a measurement of it", "no_measurement")
            seen.add(number)
        return tuple(tuple(number for number, _ in register) for register in self._registers)

    def _count(self) -> None:
        if self._open:
            self._open[-1][1] -= 1

    def _close(self) -> None:
        while self._open and not self._open[-1][1]:
            self._open.pop()
            self._last = -1
