"""Backends that several circuits can be on at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from queuebit_quantum.backends import Compiled
from queuebit_quantum.circuits import Circuit
from queuebit_quantum.regions import Region

__all__ = ["SharesDevice"]


@runtime_checkable
class SharesDevice(Protocol):
    """What a backend has in addition if it is a device with room for several circuits; a plugin may have it.

    Its circuits do not change the results of others that have regions of their own: so each of them is computed by
    itself, in any process.
    """

    def regions(self, sizes: Sequence[int]) -> tuple[Region | None, ...]:
        """A region for each circuit, given as numbers of qubits; None for those without room beside the others."""
        ...

    def compile_on(self, circuit: Circuit, seed: int, region: Region) -> Compiled:
        """As `Backend.compile`, on these qubits of the device only; raises `DoesNotFit` if that is impossible."""
        ...
