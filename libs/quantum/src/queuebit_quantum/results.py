"""The results that a program asks for besides counts, worked out from the counts of measurement bases. Loads no SDK."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from queuebit_quantum.observables import Basis, PauliSum, expectation, shares, sign

__all__ = ["ResultType", "measured_results", "observables_of"]

_Measured = Sequence[tuple[Basis, Mapping[str, int]]]
"""Measurement bases, each with its counts."""


@dataclass(frozen=True, slots=True)
class ResultType:
    """One result that the source asks for."""

    kind: str
    """`probability`, `expectation`, `variance` or `sample`."""
    text: str
    """As the source has it, such as `expectation z(q[0])`."""
    observables: tuple[PauliSum, ...] = ()
    """One, or one for each qubit."""
    squares: tuple[PauliSum, ...] = ()
    """Of the observables of a variance."""
    qubits: tuple[int, ...] = ()
    """Of a probability; the first is the leftmost bit of an outcome."""
    width: int = 0
    """Qubits of the circuit."""

    @property
    def needs(self) -> tuple[PauliSum, ...]:
        """What is to be measured."""
        if self.kind != "probability":
            return (*self.observables, *self.squares)
        letters = "".join("Z" if qubit in self.qubits else "I" for qubit in range(self.width))
        return ({letters[::-1]: 1.0},)


def observables_of(results: Sequence[ResultType]) -> tuple[PauliSum, ...]:
    """All that is to be measured for these results, each once."""
    needs = {tuple(it.items()): it for result in results for it in result.needs}
    return tuple(needs.values())


def measured_results(results: Sequence[ResultType], measured: _Measured) -> list[dict[str, Any]]:  # plain JSON
    """Each result, in order.

    Args:
        results: what was asked for.
        measured: the bases that `bases(observables_of(results))` returned, each with its counts.
    """
    read = {"probability": _probability, "expectation": _expectation, "variance": _variance, "sample": _sample}
    return [{"type": it.kind, "of": it.text, **read[it.kind](it, measured)} for it in results]


def _probability(result: ResultType, measured: _Measured) -> dict[str, Any]:
    (term,) = result.needs[0]
    basis, counts = next(it for it in measured if term in it[0].terms)
    places = [-1 - basis.qubits.index(qubit) for qubit in result.qubits]
    marginal: Counter[str] = Counter()
    for bits, count in counts.items():
        marginal["".join(bits[place] for place in places)] += count
    found = {bits: {"value": share, "stderr": error} for bits, share, error in shares(marginal)}
    return {"shares": dict(sorted(found.items()))}


def _expectation(result: ResultType, measured: _Measured) -> dict[str, Any]:
    found = [expectation(it, measured) for it in result.observables]
    return {"values": [{"value": value, "stderr": error} for value, error in found]}


def _variance(result: ResultType, measured: _Measured) -> dict[str, Any]:
    """The mean of the square less the square of the mean; shot noise can make that negative where it is nearly 0."""
    pairs = zip(result.observables, result.squares, strict=True)
    found = [expectation(square, measured)[0] - expectation(it, measured)[0] ** 2 for it, square in pairs]
    return {"values": [{"value": max(0.0, it)} for it in found]}


def _sample(result: ResultType, measured: _Measured) -> dict[str, Any]:
    return {"samples": [_readings(it, measured) for it in result.observables]}


def _readings(observable: PauliSum, measured: _Measured) -> dict[str, int]:
    """Shots by value of an observable of one term."""
    ((term, factor),) = observable.items()
    basis, counts = next(it for it in measured if term in it[0].terms)
    found: Counter[str] = Counter()
    for bits, count in counts.items():
        found[f"{factor * sign(term, basis, int(bits, 2)):g}"] += count
    return dict(sorted(found.items()))
