"""Results in the forms that Braket's `GateModelQuantumTaskResult` has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from queuebit import InvalidInput, ItemResult, Job, ResultValue
from queuebit_braket.programs import Program

__all__ = ["TaskResult", "Value"]

Value: TypeAlias = "float | list[float] | NDArray[np.float64] | list[NDArray[np.float64]]"

_MOST_LISTED = 24
"""Qubits of a probability: its array has a place for each outcome."""


@dataclass(frozen=True)
class TaskResult:
    """What a task measured.

    Counts do not say in which order the shots were taken: measurements and samples get a random order, always the same
    for the same job.
    """

    job: Job
    backend: str
    shots: int
    """Of each measurement basis."""
    item: ItemResult
    """As the platform returned it, with a standard error for each estimate."""
    program: Program = field(repr=False)

    @property
    def measurement_counts(self) -> Counter[str]:
        """Shots by outcome; the leftmost bit is the first one that the program declares, as in Braket.

        Raises:
            InvalidInput: the program asks for results in place of measuring.
        """
        if self.item.counts is None:
            raise InvalidInput(
                "the program has result types and no measurements: read result.values, or add circuit.probability()"
            )
        return Counter({_reversed(bits): count for bits, count in self.item.counts.items()})

    @property
    def measurement_probabilities(self) -> dict[str, float]:
        """The counts as shares of all shots."""
        counts = self.measurement_counts
        return {bits: count / counts.total() for bits, count in counts.items()}

    @cached_property
    def measurements(self) -> NDArray[np.int64]:
        """A row for each shot, and a column for each bit."""
        counts = self.measurement_counts
        outcomes = np.array([[int(bit) for bit in bits] for bits in sorted(counts)], dtype=np.int64)
        shots = np.repeat(outcomes, [counts[bits] for bits in sorted(counts)], axis=0)
        self._shuffle(shots, "measurements")
        return shots

    @cached_property
    def values(self) -> list[Value]:
        """One for each result type, in the order of the program.

        A probability is an array over all outcomes, an expectation and a variance are numbers, and a sample is an array
        with a value for each shot; of an observable of each qubit they are lists.
        """
        return [self._value(number, it) for number, it in enumerate(self.item.results or ())]

    def get_value_by_result_type(self, result_type: object) -> Value:
        """The value of a result type of the circuit that was run.

        Raises:
            InvalidInput: the circuit does not have it, or text was run.
        """
        if result_type not in self.program.result_types:
            raise InvalidInput(f"the circuit has no result type {result_type}: read result.values")
        return self.values[self.program.result_types.index(result_type)]

    def _value(self, number: int, result: ResultValue) -> Value:
        if result.shares is not None:
            return _probabilities({bits: it.value for bits, it in result.shares.items()})
        if result.samples is not None:
            samples = [self._samples(counts, f"{number}/{place}") for place, counts in enumerate(result.samples)]
            return samples[0] if len(samples) == 1 else samples
        values = [it.value for it in result.values or ()]
        return values[0] if len(values) == 1 else values

    def _samples(self, counts: Mapping[str, int], name: str) -> NDArray[np.float64]:
        shots = np.repeat(np.array([float(it) for it in counts], dtype=np.float64), [*counts.values()])
        self._shuffle(shots, name)
        return shots

    def _shuffle(self, shots: NDArray[Any], name: str) -> None:
        np.random.default_rng([*f"{self.job.id}/{self.item.number}/{name}".encode()]).shuffle(shots)


def _probabilities(shares: Mapping[str, float]) -> NDArray[np.float64]:
    width = len(next(iter(shares)))
    if width > _MOST_LISTED:
        raise InvalidInput(
            f"the probabilities of {width} qubits do not fit into an array: read result.item.results, which has those "
            "outcomes that were measured"
        )
    found = np.zeros(1 << width)
    for bits, share in shares.items():
        found[int(bits, 2)] = share
    return found


def _reversed(bits: str) -> str:
    return bits.replace(" ", "")[::-1]
