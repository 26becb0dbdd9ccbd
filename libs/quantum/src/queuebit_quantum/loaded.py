"""The result of the loader of a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from queuebit_quantum.results import ResultType

__all__ = ["Loaded", "Verbatim"]


class Verbatim(NamedTuple):
    """A gate of a verbatim box: it must run as it is."""

    operation: str
    """Its name in Qiskit."""
    qubits: tuple[int, ...]
    """Of the device."""
    gate: str
    """Its name in the source."""
    line: int | None
    column: int | None

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}, column {self.column}: "
        return f"{where}`{self.gate} {', '.join(f'${qubit}' for qubit in self.qubits)}`"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A program as a circuit."""

    circuit: QuantumCircuit
    registers: tuple[int, ...]
    """Widths of the result's registers. Their bits come first in the circuit; the bits after them are internal."""
    physical: tuple[int, ...] = ()
    """As in `Circuit.physical`."""
    results: tuple[ResultType, ...] = ()
    """As in `Circuit.results`."""
    verbatim: tuple[Verbatim, ...] = ()
    """As in `Circuit.verbatim`."""
    places: Mapping[str, tuple[int | None, int | None]] = field(default_factory=dict)
    """As in `Circuit.places`."""
