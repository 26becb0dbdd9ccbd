"""What a matrix product state takes: little, as long as few gates cross each cut of the line of qubits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Step", "Tensors"]

Step: TypeAlias = tuple[str, tuple[int, ...]]
"""One operation: its name and the qubits it acts on."""

_GATE_NS: Final = 12_000
"""One gate, whatever the size of the state (Aer 0.18, measured)."""
_ENTRY_NS: Final = 60
"""One gate across a cut of bond dimension 1; grows with its cube (measured)."""
_DRAW_NS: Final = 4_000
"""Drawing one qubit's outcome (measured)."""
_DRAW_ENTRY_NS: Final = 40
"""Drawing one qubit's outcome at bond dimension 1, on top; grows with its square (measured)."""
_ENTRY_BYTES: Final = 2 * 16
"""One qubit's tensor at bond dimension 1; grows with its square."""
_RANK_FOUR: Final = frozenset({"cswap", "dcx", "iswap", "swap", "unitary"})
"""Gates of operator Schmidt rank 4 across a cut; all others of two or more qubits are of rank 2."""
_HOPELESS_NS: Final = 10**15
"""Twelve days: no larger time is computed exactly."""


@dataclass(frozen=True, slots=True)
class Tensors:
    """Time and memory, from above.

    The bond dimension at a cut is at most the product of the ranks of the gates that cross it, and at most 2 to the
    number of qubits on either side (Vidal 2003, quant-ph/0301063).
    """

    gates_ns: int
    """All gates."""
    draw_ns: int
    """One shot."""
    memory_bytes: int

    @classmethod
    def of(cls, steps: Iterable[Step], qubits: int) -> Tensors:
        """Estimate operations on a line of qubits."""
        bonds = [0] * qubits
        ns = 0
        for name, places in steps:
            ns += _GATE_NS
            if len(places) < 2 or name == "barrier":
                continue
            rank = 2 if name in _RANK_FOUR else 1
            for cut in range(min(places), max(places)):
                bonds[cut] = min(bonds[cut] + rank, cut + 1, qubits - cut - 1)
                ns += _GATE_NS + (_ENTRY_NS << 3 * bonds[cut])
            if ns > _HOPELESS_NS:
                break
        widest = [max(left, right) for left, right in zip([0, *bonds], bonds, strict=False)]
        draw_ns = sum(_DRAW_NS + (_DRAW_ENTRY_NS << 2 * bond) for bond in widest)
        return cls(ns, draw_ns, sum(_ENTRY_BYTES << 2 * bond for bond in widest))
