"""Chooses disjoint parts of a device, one for each of several small circuits, by calibration (ADR 0102).

The idea is that of DynQ (arXiv:2601.19635): regions of low error under the current calibration. At least one qubit lies
idle between two regions, because a gate disturbs the neighbours of its qubits most. The choice has no random order: the
same device and sizes give the same regions.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from queuebit_quantum.backends import Elements
from queuebit_quantum.calibration import Calibration

__all__ = ["Device", "Region", "choose_regions", "device_of"]

Region = tuple[int, ...]
"""The device qubits of one circuit, ascending; connected by working couplers."""

_TYPICAL_READOUT = 0.05
_TYPICAL_COUPLER = 0.05
"""Errors that a calibration does not state: worse than most, so that known ones are preferred."""
_FAILED = 1.0
_GROWTHS = 20_000
"""The most growths of one search: some tenths of a second."""


@dataclass(frozen=True, slots=True)
class Device:
    """What the choice depends on: the cost of each qubit and of each working coupler, as minus the logarithm of its
    success probability, so that costs add up."""

    qubits: Mapping[int, float]
    couplers: Mapping[tuple[int, int], float]
    """By pair, the lower qubit first. A coupler that failed its calibration is none."""
    neighbours: Mapping[int, frozenset[int]]
    """Of each qubit, over all couplers, also failed ones: they disturb all the same."""

    @classmethod
    def of(cls, readout: Mapping[int, float | None], couplers: Mapping[tuple[int, int], float | None]) -> Device:
        """Build it from the errors of measurements and of gates on two qubits, each from 0 to 1; None if not known."""
        near: dict[int, set[int]] = {qubit: set() for qubit in readout}
        for one, other in couplers:
            near[one].add(other)
            near[other].add(one)
        return cls(
            qubits={it: _cost(error, _TYPICAL_READOUT) for it, error in readout.items() if _works(error)},
            couplers={
                (min(pair), max(pair)): _cost(error, _TYPICAL_COUPLER)
                for pair, error in couplers.items()
                if _works(error)
            },
            neighbours={qubit: frozenset(it) for qubit, it in near.items()},
        )


def device_of(calibration: Calibration, without: Elements = frozenset()) -> Device:
    """The device of a calibration, without some of its qubits and couplers: they count as failed."""
    return Device.of(
        {number: _FAILED if (number,) in without else it.readout_error for number, it in enumerate(calibration.qubits)},
        {it.qubits: _FAILED if tuple(sorted(it.qubits)) in without else it.error for it in calibration.couplers},
    )


def choose_regions(device: Device, sizes: Sequence[int]) -> tuple[Region | None, ...]:
    """Choose a region for each circuit; None for those that have no room beside the others.

    The largest circuits choose first, of equal ones the first in the list. Each takes the region with the least cost
    that a growth from some qubit finds: the neighbour that costs least joins, again and again. If one has no room then,
    the circuits before it take their next best regions, as long as the search may go on; if no choice has room for all,
    those without room are left out, the smallest first.

    Args:
        device: its costs.
        sizes: the number of qubits of each circuit, at least 1.

    Raises:
        ValueError: a size is less than 1.
    """
    if any(size < 1 for size in sizes):
        raise ValueError("a circuit needs at least one qubit")
    order = sorted(range(len(sizes)), key=lambda it: (-sizes[it], it))
    search = _Search(device, [sizes[it] for it in order])
    chosen = search.all_of(frozenset(device.qubits)) or search.some_of(frozenset(device.qubits))
    return tuple(region for _, region in sorted(zip(order, chosen, strict=True), key=itemgetter(0)))


class _Search:
    """Regions for circuits in the order in which they choose."""

    def __init__(self, device: Device, sizes: Sequence[int]) -> None:
        self._device = device
        self._sizes = sizes
        self._left = _GROWTHS

    def all_of(self, free: frozenset[int], number: int = 0) -> list[Region] | None:
        """A region for each circuit from a number on; None if the search finds none."""
        if number == len(self._sizes):
            return []
        for region in self._regions(free, self._sizes[number]):
            others = self.all_of(self._beside(free, region), number + 1)
            if others is not None:
                return [region, *others]
            if self._left <= 0:
                return None
        return None

    def some_of(self, free: frozenset[int]) -> list[Region | None]:
        """The best region for each circuit that has room beside those before it."""
        found: list[Region | None] = []
        for size in self._sizes:
            region = next(iter(self._regions(free, size)), None)
            found.append(region)
            free = free if region is None else self._beside(free, region)
        return found

    def _regions(self, free: frozenset[int], size: int) -> list[Region]:
        """What growths from all free qubits find, the cheapest first."""
        self._left -= len(free)
        grown = {it for first in free if (it := _grown(self._device, free, first, size)) is not None}
        return [region for _, region in sorted(grown)]

    def _beside(self, free: frozenset[int], region: Region) -> frozenset[int]:
        """The qubits that are left beside a region and its neighbours."""
        return free.difference(region, *(self._device.neighbours[qubit] for qubit in region))


def _grown(device: Device, free: Collection[int], first: int, size: int) -> tuple[float, Region] | None:
    """The region that begins with a qubit, and its cost; None if it cannot grow so far."""
    region, cost = {first}, device.qubits[first]
    reachable = [*_next(device, free, first)]
    heapq.heapify(reachable)
    while len(region) < size:
        if not reachable:
            return None
        more, qubit = heapq.heappop(reachable)
        if qubit in region:
            continue
        region.add(qubit)
        cost += more
        for it in _next(device, free, qubit):
            heapq.heappush(reachable, it)
    return cost, tuple(sorted(region))


def _next(device: Device, free: Collection[int], qubit: int) -> Iterator[tuple[float, int]]:
    """The neighbours of a qubit that a region may take, each with the cost of its coupler and of its measurement."""
    for near in device.neighbours[qubit]:
        coupler = device.couplers.get((min(qubit, near), max(qubit, near)))
        if near in free and coupler is not None:
            yield coupler + device.qubits[near], near


def _works(error: float | None) -> bool:
    return error is None or error < _FAILED


def _cost(error: float | None, typical: float) -> float:
    return -math.log1p(-(typical if error is None else max(0.0, error)))
