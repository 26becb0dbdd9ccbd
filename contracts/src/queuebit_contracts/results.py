"""The results of a program, item by item. A single circuit returns the JSON object of its counts instead."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import Field

from queuebit_contracts.execution import Compilation
from queuebit_contracts.uncertainty import Uncertainty
from queuebit_contracts.usage import Usage
from queuebit_contracts.wire import Reason, Wire

__all__ = ["RESULTS", "Estimate", "ItemResult", "MeasuredRun", "PostResult", "ResultValue", "Results", "results_of"]

RESULTS: Final = "application/vnd.queuebit.results+json"
"""Media type of the results of a program; those of a single circuit are `application/json`."""


class Estimate(Wire):
    """A value that was measured a finite number of times."""

    value: float
    stderr: float | None = None
    """Standard error, from shot noise alone: errors of the device are not in it. Absent where one shot cannot say."""
    observable: str | None = None
    """What was estimated, for people, such as `ZZ` or `0.5 XI - 2 ZZ`; a long sum is cut. Absent for shares, and in
    results of older executors."""


class ResultValue(Wire):
    """A result that the source of a circuit asks for with a pragma, as `#pragma braket result`."""

    type: str
    """`probability`, `expectation`, `variance` or `sample`."""
    of: str
    """What the pragma says after `result`."""
    values: tuple[Estimate, ...] | None = None
    """Of an expectation or variance: one, or one for each qubit. A variance has no error."""
    shares: dict[str, Estimate] | None = None
    """Of a probability, by outcome: the leftmost bit is the first qubit that the pragma names, or of the program."""
    samples: tuple[dict[str, int], ...] | None = None
    """Of a sample: shots by value of the observable; one, or one for each qubit."""


class MeasuredRun(Wire):
    """What one circuit of an item measured: all that the steps after the run start from."""

    counts: dict[str, int]
    """Counts by bit string, without spaces; the leftmost bit is the last classical bit. Those of twirled copies are
    added up."""
    basis: str | None = None
    """The Pauli operator that was measured on each qubit, the rightmost on the first; absent: the circuit's own
    measurements. The rightmost bit is the first qubit that is not `I`."""
    folding: int = 1
    """How often each two-qubit gate was applied."""
    readout_errors: tuple[float, ...] = ()
    """By the calibration, the probability that a bit is read wrongly; the first is the rightmost bit of an outcome."""


class PostResult(Wire):
    """What one step computed; a later step works on the values of the one before."""

    step: str
    """Name and version, such as `readout-mitigation/1`."""
    quasi: dict[str, Estimate] | None = None
    """Of an item without observables: shares by bit string. They add up to 1, and may be negative."""
    expectations: tuple[Estimate, ...] | None = None
    """One for each observable, in the item's order."""
    reason: Reason | None = None
    """Why the step has no values."""


class ItemResult(Wire):
    """The end of one item, and its results."""

    state: str
    """`completed` or `failed`."""
    counts: dict[str, int] | None = None
    """Counts by bit string; the leftmost bit is the last classical bit, as in Qiskit."""
    memory: tuple[str, ...] | None = None
    """The bit string of each shot, in order."""
    quasi: dict[str, Estimate] | None = None
    """Share of each bit string that was measured: counts over shots, with the error sqrt(p (1 - p) / shots)."""
    expectations: tuple[Estimate, ...] | None = None
    """One for each observable, in the item's order."""
    results: tuple[ResultValue, ...] | None = None
    """One for each result pragma of the circuit, in its order."""
    runs: tuple[MeasuredRun, ...] | None = None
    """What was measured, if the program has steps after the run: they can be computed again from this."""
    post: tuple[PostResult, ...] | None = None
    """One for each step of the program, in its order. The other fields have the values without these steps."""
    compilations: tuple[Compilation, ...] = ()
    """One for each circuit that was run: one for an item that is sampled, one for each basis of its observables; of
    each as many as it has twirled copies, for each folding of the gates."""
    usage: Usage = Usage()
    reason: Reason | None = None
    """Why it failed."""
    uncertainty: Uncertainty | None = None
    """The method that gives the uncertainty of its results; absent in results of older executors."""
    suspect: Reason | None = None
    """Why the result may be wrong although the item completed, such as a change of the device while it ran."""

    def content(self) -> bytes:
        """Return the stored form of the item: sorted names, no spaces, no absent values."""
        return _compact(self.model_dump(mode="json", exclude_none=True))


class Results(Wire):
    """The items of a program, in its order."""

    results: Literal["v1"] = "v1"
    items: tuple[ItemResult, ...] = Field(min_length=1)

    def content(self) -> bytes:
        """Return the stored form of the document: sorted names, no spaces, no absent values."""
        return results_of([item.content() for item in self.items])


def results_of(items: Iterable[bytes]) -> bytes:
    """The document of items that are written already."""
    return b'{"items":[' + b",".join(items) + b'],"results":"v1"}'


def _compact(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
