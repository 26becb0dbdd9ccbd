"""Corrects a success probability by what earlier jobs on the backend gave: a shrinkage estimate.

The estimated success probability (ESP) leaves out idle decay and crosstalk, so that results of a backend are regularly
better or worse. A measured ratio is the fidelity of a job's result to its reference over the ESP of its compiled
circuit. The mean of n ratios is drawn to 1 with the weight of k = `PRIOR_JOBS` jobs that gave exactly their ESP:
(sum + k) / (n + k). With few jobs the correction is small, with many it is their mean. It is the posterior mean of a
normal model in which ratios of backends vary with 1/k of the variance of jobs on one backend (shrinkage with a fixed
weight; compare Efron and Morris 1973, "Stein's estimation rule and its competitors", JASA 68:117).

The fidelity of a result and the ESP are different quantities, and the circuits before may differ from the next one: the
corrected figure is a forecast of the fidelity that would be measured, and no property of the device.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

__all__ = ["PRIOR_JOBS", "corrected_ppm"]

PRIOR_JOBS: Final = 10
"""The weight of the ESP itself, in jobs."""

_PPM: Final = 1_000_000


def corrected_ppm(esp_ppm: int, jobs: int, ratios_ppm: int) -> int:
    """Return the corrected success probability in parts per million, rounded down, at most 1,000,000.

    Args:
        esp_ppm: of the compiled circuit.
        jobs: how many jobs were measured on the backend.
        ratios_ppm: the sum of their ratios, in parts per million.

    Raises:
        ValueError: a number is negative.
    """
    if min(esp_ppm, jobs, ratios_ppm) < 0:
        raise ValueError("a success probability, jobs and their ratios are at least 0")
    factor = Fraction(ratios_ppm + PRIOR_JOBS * _PPM, (jobs + PRIOR_JOBS) * _PPM)
    return min(_PPM, int(esp_ppm * factor))
