"""Estimates time and memory of matrix product states: small if few gates cross each cut of the line of qubits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["Step", "Tensors"]

Step: TypeAlias = tuple[str, tuple[int, ...]]
"""One operation: its name and the qubits it acts on."""

_GATE_NS: Final = 12_000
"""Time of one gate for any size of the state (measured, Aer 0.18)."""
_ENTRY_NS: Final = 60
"""Time of one gate across a cut of bond dimension 1; grows with the cube of the bond dimension (measured)."""
_DRAW_NS: Final = 4_000
"""Time to sample the outcome of one qubit (measured)."""
_DRAW_ENTRY_NS: Final = 40
"""Additional time to sample one qubit at bond dimension 1; grows with the square of the bond dimension (measured)."""
_ENTRY_BYTES: Final = 2 * 16
"""Tensor of one qubit at bond dimension 1, in bytes; grows with the square of the bond dimension."""
_RANK_FOUR: Final = frozenset({"cswap", "dcx", "iswap", "swap", "unitary"})
"""Gates of operator Schmidt rank 4 across a cut; all other gates on two or more qubits have rank 2."""
_HOPELESS_NS: Final = 10**15
"""Twelve days; longer times are not computed exactly."""


@dataclass(frozen=True, slots=True)
class Tensors:
    """Upper bounds of time and memory.

    The bond dimension at a cut is at most the product of the ranks of the gates that cross it, and at most 2^n with n
    the number of qubits on the smaller side (Vidal 2003, quant-ph/0301063).
    """

    gates_ns: int
    """Time of all gates."""
    draw_ns: int
    """Time to sample one shot."""
    memory_bytes: int

    @classmethod
    def of(cls, steps: Iterable[Step], qubits: int) -> Tensors:
        """Estimate operations on qubits in a line."""
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
