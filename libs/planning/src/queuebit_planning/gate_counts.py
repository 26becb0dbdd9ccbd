"""Counts the operations of a compiled circuit by the classes that vendors charge for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from queuebit_planning.fidelity import Operation

__all__ = ["GateCounts", "count_gates"]

_SPAM = frozenset({"measure", "reset"})


class GateCounts(NamedTuple):
    """Operations of one shot."""

    gates_1q: int
    gates_2q: int
    """A gate on n > 2 qubits counts as 6(n - 2), as Azure Quantum charges it for IonQ."""
    measurements: int
    """Preparations, one for each used qubit, resets and measurements, as Quantinuum counts them."""


def count_gates(operations: Iterable[Operation]) -> GateCounts:
    """Count the operations of a circuit; barriers and delays are none."""
    single = multiple = spam = 0
    used: set[int] = set()
    for gate, qubits, times in operations:
        used.update(qubits)
        if gate in _SPAM:
            spam += times
        elif len(qubits) == 1:
            single += times
        elif len(qubits) > 1:
            multiple += times * max(1, 6 * (len(qubits) - 2))
    return GateCounts(single, multiple, spam + len(used))
