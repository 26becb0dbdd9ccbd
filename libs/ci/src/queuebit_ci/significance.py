"""Tests whether measured counts come from an expected distribution, with a stated rate of false alarms.

Every p-value here is valid for any number of shots: under the expected distribution, P(p <= a) <= a. No result rests on
a limit of many shots, such as the chi-squared distribution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Comparison", "compare", "fidelity", "holm"]

_SAMPLES = 9_999
"""Simulated experiments at most, unless a finer resolution is wanted."""
_FINEST = 999_999
"""Simulated experiments at most; what is less likely is decided by the bound."""
_ENOUGH = 20
"""So many simulated experiments that deviate at least as much end the simulation: p is then known well enough."""
_CERTAIN = 1e-6
"""A proven bound below this is the p-value; nothing is simulated."""
_CELLS = 4_096
"""Cells of the test at most, about."""
_EXPECTED = 5.0
"""Shots that are expected in a cell of several rare outcomes."""
_AT_ONCE = 1 << 19
"""Numbers that are drawn in one step."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts beside the distribution that was expected."""

    p_value: float
    """An upper bound of the probability that counts deviate at least so much, if the expected distribution is right."""
    method: str
    """`monte-carlo`, `bound`, `impossible` (an outcome of probability 0 was measured) or `tolerance`."""
    distance: float
    """Total variation: half the sum of the differences of shares, from 0 to 1."""
    tolerance: float
    shots: int
    largest: str
    """The outcome whose share differs most."""
    expected: float
    """The share of that outcome that was expected."""
    measured: float
    """The share of that outcome that was measured."""


def compare(
    counts: Mapping[str, int],
    expected: Mapping[str, float],
    *,
    tolerance: float = 0.0,
    seed: int = 0,
    resolution: float = 1e-3,
) -> Comparison:
    """Compare counts with an expected distribution.

    Without tolerance: the G-test, exact for any number of shots. Its statistic is 2 n D, where D is the relative
    entropy of the shares to the expected distribution. The p-value is the bound of Agrawal (2020, "Finite-sample
    concentration of the multinomial in relative entropy") if that is below one in a million, and otherwise comes from
    simulated experiments, which stop early as in Besag and Clifford (1991, "Sequential Monte Carlo p-values").

    With a tolerance: the counts pass if a distribution within that total variation of the expected one explains them.
    The p-value is McDiarmid's bound (1989) on how much the distance exceeds its mean; it is larger than necessary.

    Args:
        counts: shots by bit string.
        expected: probabilities by bit string; they sum to 1. Missing outcomes have probability 0.
        tolerance: total variation from `expected` that is allowed, such as the noise of a device.
        seed: of the simulated experiments; the same counts and seed give the same p-value.
        resolution: the smallest p-value that matters, such as the rate of false alarms.

    Raises:
        ValueError: there are no counts, the probabilities are not a distribution, or all bit strings of the counts
            have another form than all that are expected.
    """
    shots, shares = _checked(counts, expected)
    outcomes = [*dict.fromkeys((*expected, *counts))]
    differences = {it: counts.get(it, 0) / shots - shares.get(it, 0.0) for it in outcomes}
    largest = max(sorted(outcomes), key=lambda it: abs(differences[it]))
    distance = math.fsum(map(abs, differences.values())) / 2
    if tolerance > 0:
        p_value, method = _within(distance, tolerance, shots, shares), "tolerance"
    elif impossible := [it for it, count in counts.items() if count and it not in shares]:
        p_value, method, largest = 0.0, "impossible", max(impossible, key=lambda it: counts[it])
    else:
        p_value, method = _g_test(counts, shares, shots, seed, resolution)
    share = counts.get(largest, 0) / shots
    return Comparison(p_value, method, distance, tolerance, shots, largest, shares.get(largest, 0.0), share)


def fidelity(counts: Mapping[str, int], expected: Mapping[str, float]) -> float:
    """The Hellinger fidelity of shares to expected ones, (sum of sqrt(p q))^2: from 0 to 1, which means equal."""
    shots = sum(counts.values())
    overlap = math.fsum(math.sqrt(count / shots * expected.get(it, 0.0)) for it, count in counts.items())
    return min(1.0, overlap**2)


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which of several tests fail, so that P(any correct one fails) <= alpha, whatever their dependence (Holm 1979)."""
    failed = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda it: p_values[it])):
        if p_values[place] > alpha / (len(p_values) - rank):
            break
        failed[place] = True
    return failed


def _checked(counts: Mapping[str, int], expected: Mapping[str, float]) -> tuple[int, dict[str, float]]:
    shots, total = sum(counts.values()), math.fsum(expected.values())
    if shots < 1 or min(counts.values()) < 0:
        raise ValueError("there are no counts to compare: at least one shot is needed, and no count below 0")
    if not expected or min(expected.values()) < 0 or not math.isclose(total, 1, abs_tol=1e-6):
        raise ValueError(f"the expected probabilities sum to {total:.6g}: they must be 0 or more, and sum to 1")
    (measured, wanted) = ({tuple(map(len, it.split())) for it in found} for found in (counts, expected))
    if len(measured) == len(wanted) == 1 and measured != wanted:
        one, other = next(iter(counts)), next(iter(expected))
        raise ValueError(f"the counts have bit strings such as {one!r}, and {other!r} is expected: write as many bits")
    return shots, {it: value / total for it, value in expected.items() if value > 0}


def _g_test(
    counts: Mapping[str, int], shares: Mapping[str, float], shots: int, seed: int, resolution: float
) -> tuple[float, str]:
    import numpy as np  # a test session that compares nothing does not load it

    groups = _grouped(shares, shots)
    cells = [math.fsum(shares[it] for it in group) for group in groups]
    observed = [sum(counts.get(it, 0) for it in group) for group in groups]
    if len(cells) == 1:
        return 1.0, "monte-carlo"
    probabilities = np.array(cells) / math.fsum(cells)
    divergence = float(_divergences(np.array([observed]), probabilities)[0])
    if (bound := _tail(divergence, len(cells), shots)) <= _CERTAIN:
        return bound, "bound"
    samples = min(_FINEST, max(_SAMPLES, math.ceil(10 / resolution)))
    return _simulated(divergence, probabilities, shots, np.random.default_rng(seed), samples), "monte-carlo"


def _grouped(shares: Mapping[str, float], shots: int) -> list[list[str]]:
    """The cells of the test: each outcome by itself, and rare ones together with their neighbours.

    Cells depend on the expected distribution alone. With too few shots in each, the statistic would say little.
    """
    least = max(min(_EXPECTED, shots / 8), shots / _CELLS)
    groups, weight = [[it] for it in shares if shares[it] * shots >= least], least
    for it in sorted(it for it in shares if shares[it] * shots < least):
        if weight >= least:
            groups.append([])
            weight = 0.0
        groups[-1].append(it)
        weight += shares[it] * shots
    return groups


def _divergences(counts: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative entropy, in nats, of the shares in each row to the probabilities."""
    import numpy as np

    shares = counts / counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(counts > 0, shares * np.log(shares / probabilities), 0.0)
    found: NDArray[np.float64] = terms.sum(axis=1)
    return found


def _tail(divergence: float, cells: int, shots: int) -> float:
    """Bound P(D >= divergence): the Chernoff bound of a gamma variable of shape cells - 1 and rate shots."""
    free, scaled = cells - 1, shots * divergence
    return 1.0 if scaled <= free else math.exp(free - scaled + free * math.log(scaled / free))


def _simulated(
    divergence: float, probabilities: NDArray[np.float64], shots: int, random: np.random.Generator, samples: int
) -> float:
    """The share of simulated experiments that deviate at least as much, the measured one among them."""
    import numpy as np

    least = divergence * (1 - _ROUNDING) - _ROUNDING / shots  # an equal deviation counts, however it is rounded
    drawn, as_large, chunk = 0, 0, _ENOUGH * 2
    while drawn < samples:
        size = min(chunk, samples - drawn, max(1, _AT_ONCE // len(probabilities)))
        reached = _divergences(random.multinomial(shots, probabilities, size=size), probabilities) >= least
        if as_large + int(reached.sum()) >= _ENOUGH:
            last = int(np.flatnonzero(reached)[_ENOUGH - as_large - 1])
            return _ENOUGH / (drawn + last + 1)
        as_large += int(reached.sum())
        drawn, chunk = drawn + size, chunk * 2
    return (as_large + 1) / (samples + 1)


def _within(distance: float, tolerance: float, shots: int, shares: Mapping[str, float]) -> float:
    """Bound P(distance) for every distribution within the tolerance.

    Outcomes that were not expected count as one cell, which leaves the distance as it is. The mean distance of shares
    from their own distribution p is at most half the sum of sqrt(p (1 - p) / n) over the cells, which is bounded by the
    number of cells, or by the expected shares. One shot moves the distance by at most 1 / n.
    """
    cells = len(shares) + 1
    by_size = math.sqrt((cells - 1) / shots)
    expected = math.fsum(math.sqrt(it * (1 - it)) for it in shares.values())
    by_shape = (expected + math.sqrt(2 * tolerance * cells)) / math.sqrt(shots)
    excess = distance - tolerance - min(by_size, by_shape) / 2
    return math.exp(-2 * shots * excess**2) if excess > 0 else 1.0
