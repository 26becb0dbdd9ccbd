"""Counts from the shares that a vendor states in their place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from queuebit_kernel import digest

__all__ = ["drawn", "rounded"]


def rounded(shares: Mapping[int, float], shots: int) -> dict[int, int]:
    """Shares that are counts divided by `shots`: whole numbers with that sum, the largest remainders rounded up.

    Args:
        shares: by outcome, with a sum close to 1.
        shots: at least 1.
    """
    total = sum(shares.values())
    exact = {value: share / total * shots for value, share in shares.items()}
    whole = {value: int(it) for value, it in exact.items()}
    missing = shots - sum(whole.values())
    for value in sorted(exact, key=lambda it: (whole[it] - exact[it], it))[:missing]:
        whole[value] += 1
    return {value: count for value, count in whole.items() if count}


def drawn(shares: Mapping[int, float], shots: int, job: str) -> dict[int, int]:
    """Shots drawn from the probabilities of an ideal simulation, always the same ones for one job.

    Args:
        shares: by outcome, with a sum close to 1.
        shots: at least 1.
        job: the id that the seed follows from.
    """
    values = sorted(shares)
    chances = np.array([shares[it] for it in values])
    seed = int(digest(job.encode()).partition(":")[2][:16], 16)
    found = np.random.default_rng(seed).multinomial(shots, chances / chances.sum())
    return {value: int(count) for value, count in zip(values, found, strict=True) if count}
