"""What a language's loader hands over."""

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
    """Widths of the result's registers. Their bits come first in the circuit; those after them serve the program."""
    physical: tuple[int, ...] = ()
    """As `Circuit.physical`."""
