"""The result of the loader of a language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["Loaded"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A program as a circuit."""

    circuit: QuantumCircuit
    registers: tuple[int, ...]
    """Widths of the result's registers. Their bits come first in the circuit; the bits after them are internal."""
    physical: tuple[int, ...] = ()
    """As in `Circuit.physical`."""
