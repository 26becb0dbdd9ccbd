"""The classical bits of a program, with their known values."""

from __future__ import annotations

from typing import NamedTuple

from qiskit.circuit import Clbit
from qiskit.circuit.classical import expr

from queuebit_quantum.qasm3.logic import Bit

__all__ = ["Known", "Memory"]


class Known(NamedTuple):
    """What is known about the bits at one place of the program."""

    values: dict[int, bool]
    size: int
    """The number of bits."""


class Memory:
    """The classical bits of the program; the bits of the result come first in the circuit."""

    def __init__(self) -> None:
        self.clbits: list[Clbit] = []
        self.visible: list[int] = []
        self._known: dict[int, bool] = {}
        self._first: dict[int, bool] = {}
        """The known value of each bit where it was added: it has that value on every path that does not change it."""
        self._index: dict[Clbit, int] = {}

    def allocate(self, width: int, *, visible: bool = False, zero: bool = True) -> tuple[int, ...]:
        """Add bits; `zero` if their value is known to be 0, which it is not inside loops."""
        start = len(self.clbits)
        fresh = tuple(range(start, start + width))
        for index in fresh:
            clbit = Clbit()
            self.clbits.append(clbit)
            self._index[clbit] = index
            if zero:
                self._known[index] = self._first[index] = False
        if visible:
            self.visible += fresh
        return fresh

    def read(self, index: int) -> Bit:
        known = self._known.get(index)
        return expr.Var(self.clbits[index], _BOOL) if known is None else known

    def set_known(self, index: int, value: Bit | None) -> None:
        """Set the known value of a bit; None if only a run can decide it."""
        if isinstance(value, bool):
            self._known[index] = value
        else:
            self._known.pop(index, None)

    def stored(self, index: int) -> expr.Var:
        """A bit as a run finds it, whatever is known."""
        return expr.Var(self.clbits[index], _BOOL)

    def newest(self, bit: Bit) -> Bit:
        """A bit that was read before, with what is known about it now."""
        return self.read(self._index[bit.var]) if isinstance(bit, expr.Var) else bit

    def index(self, clbit: Clbit) -> int:
        return self._index[clbit]

    def set_first(self, index: int, value: Bit) -> None:
        """Set the known value that a new bit gets before the conditions around it."""
        if isinstance(value, bool):
            self._first[index] = self._known[index] = value
        else:
            self._first.pop(index, None)
            self._known.pop(index, None)

    def snapshot(self) -> Known:
        """Return what is known now."""
        return Known(dict(self._known), len(self.clbits))

    def clear_known(self) -> None:
        """Drop all known values: a later iteration of a loop may have others."""
        self._known.clear()

    def restore(self, known: Known) -> None:
        """Return to what was known; bits that were added since have their first value."""
        added = {index: self._first[index] for index in range(known.size, len(self.clbits)) if index in self._first}
        self._known = known.values | added

    def keep_common(self, other: Known) -> None:
        """Keep only the values that another path has too."""
        self._known = {index: value for index, value in self._known.items() if other.values.get(index) is value}


_BOOL = expr.lift(Clbit()).type
