"""Steps that process the counts of an item after its run, by name and version. Pure functions; loads no SDK.

A step of one version always computes the same from the same runs. Another rule is another version.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from queuebit_contracts.processing import READOUT, ZNE
from queuebit_quantum.compile_options import CompileOptions
from queuebit_quantum.observables import Basis, PauliSum, expectation, label
from queuebit_quantum.readout import TooManyOutcomes, corrected_shares, gains_of

__all__ = ["FOLDINGS", "MeasuredRun", "extrapolated", "merged_counts", "post_process", "shots_of_copy", "variants"]

FOLDINGS: Final = (1, 3, 5)
"""How often `zne/1` applies each two-qubit gate, in its three runs."""


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """What one circuit of an item measured, its twirled copies together."""

    counts: Mapping[str, int]
    """As `Outcome.counts`."""
    basis: Basis | None = None
    """None if the circuit's own measurements count."""
    folding: int = 1
    readout_errors: tuple[float, ...] = ()
    """As `Compiled.readout_errors`."""


def variants(options: Mapping[str, Any], post: Sequence[str]) -> tuple[CompileOptions, ...]:
    """The ways in which each circuit of a program is run: each folding, and for each folding every twirled copy.

    Args:
        options: those of the program, as plain JSON.
        post: the steps of the program.
    """
    shared = CompileOptions(**options, readout_errors=READOUT in post)
    foldings = FOLDINGS if ZNE in post else (1,)
    copies = range(shared.twirling) if shared.twirling else (None,)
    return tuple(replace(shared, folding=folding, copy_number=copy) for folding in foldings for copy in copies)


def shots_of_copy(shots: int, twirling: int | None) -> int:
    """The shots of each of the twirled copies of a circuit, rounded up; all of them if it has none."""
    return -(-shots // (twirling or 1))


def merged_counts(found: Sequence[Mapping[str, int]]) -> Mapping[str, int]:
    """The counts of the copies of a circuit together, most frequent first."""
    if len(found) == 1:
        return found[0]
    total: dict[str, int] = {}
    for counts in found:
        for bits, count in counts.items():
            total[bits] = total.get(bits, 0) + count
    return dict(sorted(total.items(), key=lambda it: (-it[1], it[0])))


def post_process(
    steps: Sequence[str], observables: Sequence[PauliSum], runs: Sequence[MeasuredRun]
) -> list[dict[str, Any]]:  # plain JSON
    """What each step computes, as `queuebit_contracts.results.PostResult` has it.

    Args:
        steps: known steps, in an order that `queuebit_contracts.processing` takes.
        observables: of the item; none if it is sampled.
        runs: all runs of the item.
    """
    found: list[dict[str, Any]] = []  # plain JSON
    corrects = False
    for step in steps:
        corrects = corrects or step == READOUT
        try:
            values = _finite(_zne(observables, runs, corrects) if step == ZNE else _readout(observables, runs))
        except ArithmeticError:
            text = "a value is too large for a number: give smaller factors, or choose a backend with smaller errors"
            values = _without("too_large", text)
        except (ValueError, TooManyOutcomes) as error:
            code = "too_many_outcomes" if isinstance(error, TooManyOutcomes) else "readout_error"
            values = _without(code, str(error))
        found.append({"step": step, **values})
    return found


def _without(code: str, text: str) -> dict[str, Any]:  # plain JSON
    return {"reason": {"code": code, "text": text}}


def _finite(values: dict[str, Any]) -> dict[str, Any]:  # plain JSON
    """The values of a step; raises `OverflowError` if one is no number: JSON has none for it."""
    found = values["quasi"].values() if "quasi" in values else values["expectations"]
    _require_finite([number for it in found for number in (it["value"], it["stderr"] or 0.0)])
    return values


def _require_finite(numbers: Sequence[float]) -> None:
    if not all(map(math.isfinite, numbers)):
        raise OverflowError("a value is not finite")


def extrapolated(values: Sequence[tuple[float, float | None]], foldings: Sequence[int]) -> tuple[float, float | None]:
    """The value at noise 0 of the line through the values of several noise factors, and its standard error.

    Ordinary least squares: the value at 0 is sum w_i y_i with w_i = 1/n - m (x_i - m) / sum (x_j - m)², m the mean of
    the factors x_i; the error is sqrt(sum w_i² s_i²), as the runs are independent. It covers shot noise, not that the
    noise may grow otherwise than on a line (Temme et al. 2017, arXiv:1612.02058; mitiq's `LinearFactory`).

    Args:
        values: with their standard errors.
        foldings: the noise factor of each value.
    """
    mean = math.fsum(foldings) / len(foldings)
    spread = math.fsum((it - mean) ** 2 for it in foldings)
    weights = [1 / len(foldings) - mean * (it - mean) / spread for it in foldings]
    value = math.fsum(weight * it for weight, (it, _) in zip(weights, values, strict=True))
    errors = [error for _, error in values if error is not None]
    if len(errors) < len(values):
        return value, None
    return value, math.sqrt(math.fsum((weight * it) ** 2 for weight, it in zip(weights, errors, strict=True)))


def _readout(observables: Sequence[PauliSum], runs: Sequence[MeasuredRun]) -> dict[str, Any]:  # plain JSON
    if observables:
        return _estimates(observables, [_expectation(it, runs, 1, corrects=True) for it in observables])
    (run,) = (it for it in runs if it.folding == 1)
    if not run.readout_errors:
        raise ValueError("the readout errors of the measured qubits are not known: choose another backend")
    found = corrected_shares(run.counts, run.readout_errors)
    return {"quasi": {bits: {"value": share, "stderr": error} for bits, share, error in found}}


def _zne(observables: Sequence[PauliSum], runs: Sequence[MeasuredRun], corrects: bool) -> dict[str, Any]:  # plain JSON
    foldings = sorted({it.folding for it in runs})
    return _estimates(
        observables,
        [
            extrapolated([_expectation(it, runs, folding, corrects=corrects) for folding in foldings], foldings)
            for it in observables
        ],
    )


def _expectation(
    observable: PauliSum, runs: Sequence[MeasuredRun], folding: int, *, corrects: bool
) -> tuple[float, float | None]:
    chosen = [(it, it.basis) for it in runs if it.folding == folding]
    if corrects and not all(basis and len(it.readout_errors) == len(basis.qubits) for it, basis in chosen):
        raise ValueError("the readout errors of the measured qubits are not known: choose another backend")
    measured = [(basis, it.counts) for it, basis in chosen if basis is not None]
    gains = [gains_of(it.readout_errors) for it, _ in chosen] if corrects else ()
    try:
        value, error = expectation(observable, measured, gains)
    except ValueError as failure:  # it added up infinite values of both signs
        raise OverflowError("a value is not finite") from failure
    _require_finite([value, error or 0.0])
    return value, error


def _estimates(
    observables: Sequence[PauliSum], values: Sequence[tuple[float, float | None]]
) -> dict[str, Any]:  # plain JSON
    pairs = zip(observables, values, strict=True)
    return {
        "expectations": [{"observable": label(it), "value": value, "stderr": error} for it, (value, error) in pairs]
    }
