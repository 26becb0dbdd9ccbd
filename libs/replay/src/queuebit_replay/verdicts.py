"""What two results of the same work say about each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, fsum, pi, sqrt
from typing import Final, Literal

from queuebit_replay.comparison import ALPHA as CERTAIN
from queuebit_replay.comparison import checked, compare_runs
from queuebit_replay.homogeneity import homogeneity

__all__ = ["ALPHA", "FLOOR", "VERDICTS", "Finding", "Verdict", "judge"]

Verdict = Literal["reproduced", "consistent", "drifted", "different"]
VERDICTS: Final[Mapping[Verdict, str]] = {
    "reproduced": "the counts are equal, outcome by outcome",
    "consistent": "shot noise explains all differences",
    "drifted": "the distributions differ by more than shot noise",
    "different": "the distributions differ, and their fidelity is below the floor",
}
"""What each one means."""

ALPHA: Final = 0.001
"""How often equal work is called `drifted`: once in a thousand comparisons."""
FLOOR: Final = 0.9
"""The Hellinger fidelity below which results are `different`. That is wrong in one of a million comparisons."""

_Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Finding:
    """Two results, compared."""

    verdict: Verdict
    p_value: float
    """How often equal work differs at least so much; of several items, corrected for their number (Bonferroni)."""
    fidelity: float
    """The Hellinger fidelity of the shares that were measured, 1 for equal ones."""
    at_most: float
    """An upper bound of the true fidelity, beyond shot noise; of several items, the least."""
    noise: float
    """The fidelity that equal work with so many shots shows, by shot noise alone."""
    distance: float
    """Total variation: half the sum of the differences of shares, from 0 to 1."""
    statistic: float
    """Pearson's chi-squared."""
    freedom: int
    """Its degrees of freedom; 0: too few shots to test anything."""
    shots: tuple[int, int]
    items: int = 1
    """How many results with counts were compared."""
    item: int = 0
    """The item that the numbers are of: the one with the smallest p-value."""

    @property
    def same(self) -> bool:
        """Whether nothing speaks against equal work."""
        return self.verdict in ("reproduced", "consistent")


def judge(pairs: Sequence[tuple[_Counts, _Counts]], *, alpha: float = ALPHA, floor: float = FLOOR) -> Finding:
    """Compare the results of two runs, item by item.

    Args:
        pairs: the counts of each item, of one run and of the other.
        alpha: how often equal work may be called `drifted`.
        floor: the least fidelity of results that are not `different`.

    Raises:
        ValueError: there is nothing to compare, or the bit strings of an item have different lengths.
    """
    if not pairs:
        raise ValueError("there are no counts to compare")
    found = [_compared(number, *pair, len(pairs)) for number, pair in enumerate(pairs)]
    worst = min(found, key=lambda it: (it.p_value, it.fidelity))
    least = min(it.at_most for it in found)
    if all(_equal(*pair) for pair in pairs):
        verdict: Verdict = "reproduced"
    elif least < floor:
        verdict = "different"
    else:
        verdict = "consistent" if worst.p_value >= alpha else "drifted"
    return Finding(
        verdict,
        worst.p_value,
        worst.fidelity,
        least,
        worst.noise,
        worst.distance,
        worst.statistic,
        worst.freedom,
        worst.shots,
        len(pairs),
        worst.item,
    )


def _compared(number: int, counts: _Counts, earlier: _Counts, items: int) -> Finding:
    """One item, without a verdict of its own."""
    shots, others = checked(counts, earlier)
    tested = homogeneity(counts, earlier)
    found = compare_runs(counts, earlier, CERTAIN / items)
    outcomes = counts.keys() | earlier.keys()
    distance = fsum(abs(counts.get(it, 0) / shots - earlier.get(it, 0) / others) for it in outcomes) / 2
    return Finding(
        "consistent",
        min(1.0, items * tested.p_value),
        found.fidelity,
        found.at_most,
        _by_chance(tested.freedom, shots * others / (shots + others)),
        distance,
        tested.statistic,
        tested.freedom,
        (shots, others),
        items,
        number,
    )


def _by_chance(freedom: int, effective: float) -> float:
    """The fidelity at the root mean square of the angle that shot noise gives."""
    return cos(min(sqrt(freedom / (4 * effective)), pi / 2)) ** 2


def _equal(counts: _Counts, earlier: _Counts) -> bool:
    return {it: n for it, n in counts.items() if n} == {it: n for it, n in earlier.items() if n}
