"""The Clifford groups of one and of two qubits, each element with the fewest gates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from random import Random

from queuebit_templates.paulis import Gate, Pauli, conjugated, inverse

__all__ = ["Cliffords", "cliffords"]

_TWO_QUBIT_COST = 100
"""Of a CX in gates of one qubit: more than any element has."""

_Images = tuple[Pauli, ...]
"""What a circuit makes of X and Z of each qubit: it says all of it, but for a global phase."""


@dataclass(frozen=True, slots=True)
class Cliffords:
    """A Clifford group, up to global phases."""

    qubits: int
    elements: tuple[tuple[Gate, ...], ...]
    """A circuit for each element; its order follows from its cost."""
    by_images: dict[_Images, tuple[Gate, ...]]
    """The circuit of the inverse of the element that makes these images."""

    def drawn(self, draw: Random) -> tuple[Gate, ...]:
        """An element at random; all are equally likely."""
        return self.elements[int(draw.random() * len(self.elements))]

    def undo(self, gates: list[Gate]) -> tuple[Gate, ...]:
        """One element that undoes a circuit."""
        return self.by_images[tuple(conjugated(it, gates) for it in _generators(self.qubits))]


@cache
def cliffords(qubits: int) -> Cliffords:
    """The group of 1 or 2 qubits: 24 or 11,520 elements, by Dijkstra's search from the identity."""
    steps = [Gate(name, (it,)) for it in range(qubits) for name in ("h", "s", "sdg", "x", "y", "z")]
    steps += [Gate("cx", (it, 1 - it)) for it in range(qubits)] if qubits > 1 else []
    first = _generators(qubits)
    found: dict[_Images, tuple[Gate, ...]] = {}
    waiting: list[tuple[int, int, _Images, tuple[Gate, ...]]] = [(0, 0, first, ())]
    cheapest, number = {first: 0}, 0
    moved: dict[tuple[Gate, Pauli], Pauli] = {}
    while waiting:
        cost, _, images, gates = heappop(waiting)
        if images in found:
            continue
        found[images] = gates
        for step in steps:
            reached = tuple(_moved(moved, step, it) for it in images)
            price = cost + (_TWO_QUBIT_COST if step.name == "cx" else 1)
            if price < cheapest.get(reached, price + 1):
                cheapest[reached], number = price, number + 1
                heappush(waiting, (price, number, reached, (*gates, step)))
    by_images = {images: tuple(inverse(gates)) for images, gates in found.items()}
    return Cliffords(qubits, tuple(found.values()), by_images)


def _generators(qubits: int) -> _Images:
    return tuple(it for at in range(qubits) for it in (Pauli(1 << at, 0), Pauli(0, 1 << at)))


def _moved(known: dict[tuple[Gate, Pauli], Pauli], step: Gate, pauli: Pauli) -> Pauli:
    key = (step, pauli)
    if key not in known:
        known[key] = conjugated(pauli, (step,))
    return known[key]
