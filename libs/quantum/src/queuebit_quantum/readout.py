"""Corrects counts for readout errors that are known from a calibration. Pure functions; loads no SDK.

Each qubit is read wrongly with a probability of its own, from 0 to 1 as from 1 to 0, as a calibration states it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["MAX_OUTCOMES", "TooManyOutcomes", "corrected_shares", "gains_of"]

MAX_OUTCOMES: Final = 2_048
"""Different outcomes of an item: the correction solves that many equations, and keeps their square as numbers."""


class TooManyOutcomes(Exception):
    """An item has more different outcomes than `MAX_OUTCOMES`."""


def gains_of(readout_errors: Sequence[float]) -> tuple[float, ...]:
    """By how much the mean of Z of each bit is larger without readout errors: 1 / (1 - 2e).

    The inverse of [[1 - e, e], [e, 1 - e]] multiplies the difference of both probabilities by this factor (Bravyi et
    al. 2021, arXiv:2006.14044, section II).

    Raises:
        ValueError: an error is 1/2 or more, so that a reading says nothing.
    """
    _require_useful(readout_errors)
    return tuple(1 / (1 - 2 * it) for it in readout_errors)


def corrected_shares(counts: Mapping[str, int], readout_errors: Sequence[float]) -> Iterator[tuple[str, float, float]]:
    """Yield each measured outcome with its share as it would be without readout errors, and its standard error.

    Solves A x = p over the outcomes that were measured: p are the shares of the counts, and A[i, j] is the probability
    that outcome j is read as i, with columns scaled to a sum of 1. This is the method M3 (Nation et al. 2021,
    arXiv:2108.12518, section II). The shares add up to 1, and can be negative. With M = A⁻¹, the error of x_i is
    sqrt((sum over j of M[i, j]² p_j - x_i²) / shots): shot noise alone.

    Args:
        counts: by bit string; spaces between registers do not count.
        readout_errors: of each bit, that of the rightmost bit first.

    Raises:
        ValueError: an error is 1/2 or more, or the equations have no solution.
        TooManyOutcomes: there are too many different outcomes.
    """
    import numpy as np  # not in processes that only import this package

    _require_useful(readout_errors)
    if len(counts) > MAX_OUTCOMES:
        text = f"{len(counts):,} different outcomes were measured, and {MAX_OUTCOMES:,} can be corrected"
        raise TooManyOutcomes(f"{text}: measure fewer qubits, or give observables")
    if not (shots := sum(counts.values())):
        raise ValueError("nothing was measured: no count is above 0")
    shares = np.array([*counts.values()], dtype=np.float64) / shots
    try:
        inverse = np.linalg.inv(_assignment(_bits(counts), readout_errors))
    except np.linalg.LinAlgError as error:
        raise ValueError("the readout errors of these outcomes cannot be separated: give observables") from error
    found = inverse @ shares
    variances = np.maximum(inverse**2 @ shares - found**2, 0.0) / shots
    yield from zip(counts, found.tolist(), np.sqrt(variances).tolist(), strict=True)


def _require_useful(readout_errors: Sequence[float]) -> None:
    if bad := [it for it in readout_errors if not 0 <= it < 0.5]:
        text = f"a measured qubit has a readout error of {max(bad):.3g}, so that its readings say nothing"
        raise ValueError(f"{text}: choose other qubits, or another backend")


def _bits(counts: Mapping[str, int]) -> npt.NDArray[np.bool_]:
    """The bits of each outcome, the rightmost first."""
    import numpy as np

    return np.array([[it == "1" for it in reversed(bits.replace(" ", ""))] for bits in counts], dtype=np.bool_)


def _assignment(bits: npt.NDArray[np.bool_], readout_errors: Sequence[float]) -> npt.NDArray[np.float64]:
    """The probability that each measured outcome is read as each other; columns add up to 1."""
    import numpy as np

    found = np.ones((len(bits), len(bits)))
    for column, error in zip(bits.T, readout_errors, strict=True):
        if column.any() and not column.all():  # a bit that is always the same only scales the columns
            found *= np.where(column[:, None] == column[None, :], 1 - error, error)
    scaled: npt.NDArray[np.float64] = found / found.sum(axis=0)
    return scaled
