"""Pubs of an estimator as items of a program, and their results as Qiskit's. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.primitives import DataBin, PubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.transpiler import Target

from queuebit import Estimate, InvalidInput, Item, ItemResult
from queuebit_qiskit.circuits import Source, runs_of, sources_of, terms_of
from queuebit_qiskit.notes import metadata_of

__all__ = ["estimator_items", "estimator_result", "shots_for"]


_FINEST = 1e-7
"""The smallest precision: it takes 10^14 shots, of 2^53 that can be written."""


def shots_for(precision: float) -> int:
    """Return the shots of each measurement basis after which a Pauli string has at most this standard error.

    The variance of one shot of a Pauli string is at most 1, hence 1 / precision². A sum has a larger error, by up to
    the sum of its absolute coefficients.

    Raises:
        InvalidInput: the precision is not a number, or so small that no number of shots reaches it.
    """
    if not _FINEST <= precision < math.inf:
        raise InvalidInput(
            f"the precision is {precision!r:.40}: give a number from {_FINEST:g}, such as 0.02 for 2,500 shots"
        )
    return math.ceil(1 / precision**2)


def estimator_items(
    pubs: Sequence[EstimatorPub], native: Target | None = None
) -> tuple[list[Item], list[dict[str, Any]]]:
    """Return an item for each parameter set of each pub, with the observables that are broadcast against it.

    Also returns a note for each pub from which `estimator_result` reads. An observable without a Pauli operator on a
    qubit that the circuit uses needs no run: its value is in the note.

    Raises:
        InvalidInput: a circuit, an observable or a precision cannot be sent.
    """
    items, notes = [], []
    sources = sources_of([pub.circuit for pub in pubs], measured=False, native=native)
    for pub, source in zip(pubs, sources, strict=True):
        observables, constants = _observables(pub, source)
        runs = runs_of(pub.circuit, pub.parameter_values, source, measured=False, native=native)
        note = {
            "bindings": [*pub.parameter_values.shape],
            "observables": [*pub.observables.shape],
            "constants": constants,
            "precision": float(pub.precision),
            "shots": shots_for(pub.precision),
            "metadata": metadata_of(pub.circuit),
        }
        for binding, wanted in _runs(note):
            terms = [observables[number] for number in wanted]
            text, values = runs[binding]
            items.append(Item(text, values, terms, shots=note["shots"]))
        notes.append(note)
    return items, notes


def estimator_result(note: Mapping[str, Any], items: Iterator[ItemResult]) -> PubResult:
    """Return the result of one pub, from the items that follow; a standard error from a single shot is NaN.

    The values are those of the last step after the run that has some.
    """
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for binding, wanted in _runs(note):
        for number, it in zip(wanted, _values(next(items)), strict=True):
            found[binding, number] = it.value, math.nan if it.stderr is None else it.stderr
    constants = {int(number): value for number, value in note["constants"].items()}
    bindings, observables = _broadcast(note)
    evs, stds = np.zeros(bindings.shape), np.zeros(bindings.shape)
    for place in np.ndindex(bindings.shape):
        binding, number = int(bindings[place]), int(observables[place])
        evs[place], stds[place] = (constants[number], 0.0) if number in constants else found[binding, number]
    metadata = {"target_precision": note["precision"], "shots": note["shots"], "circuit_metadata": note["metadata"]}
    return PubResult(DataBin(evs=evs, stds=stds, shape=evs.shape), metadata)


def _values(item: ItemResult) -> Sequence[Estimate]:
    """The expectation values after all steps.

    Raises:
        RuntimeError: a step has none; values that are not corrected would look as if they were.
    """
    if failed := next((it.reason for it in item.post if it.reason), None):
        raise RuntimeError(f"{failed.text}; `job.items()` has the values without this step")
    return (item.post[-1].expectations if item.post else item.expectations) or ()


def _observables(pub: EstimatorPub, source: Source) -> tuple[dict[int, dict[str, float]], dict[str, float]]:
    """The observables to measure by number, and the values of those that are constant."""
    measured, constants = {}, {}
    for number, observable in enumerate(pub.observables.sparse_observables_array().ravel()):
        terms = terms_of(observable, source)
        if any({*paulis} - {"I"} for paulis in terms):
            measured[number] = terms
        else:
            constants[str(number)] = math.fsum(terms.values())
    return measured, constants


def _runs(note: Mapping[str, Any]) -> Iterator[tuple[int, list[int]]]:
    """Each parameter set that is run, with the numbers of the observables measured on it."""
    bindings, observables = _broadcast(note)
    wanted: dict[int, set[int]] = {}
    for binding, number in zip(bindings.ravel().tolist(), observables.ravel().tolist(), strict=True):
        if str(number) not in note["constants"]:
            wanted.setdefault(binding, set()).add(number)
    for binding, numbers in sorted(wanted.items()):
        yield binding, sorted(numbers)


def _broadcast(note: Mapping[str, Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The numbers of parameter sets and observables, by place in the result."""
    shapes = tuple(note["bindings"]), tuple(note["observables"])
    first, second = (np.arange(int(np.prod(shape, dtype=int))).reshape(shape) for shape in shapes)
    return tuple(np.broadcast_arrays(first, second))  # type: ignore[return-value]  # two arrays, as given
