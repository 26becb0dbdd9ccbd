"""The min-entropy of bits from a source of which nothing is known: the least of ten estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from queuebit_randomness import predictors, statistics
from queuebit_randomness.bounds import MIN_BITS
from queuebit_randomness.repeats import repeats

__all__ = ["Entropy", "estimate"]


@dataclass(frozen=True, slots=True)
class Entropy:
    """Estimates of the min-entropy, in bits per bit, from 0 to 1."""

    estimates: Mapping[str, float]
    """By the name of the estimator in NIST SP 800-90B, in its order."""

    @property
    def least(self) -> float:
        """The estimate to use."""
        return min(self.estimates.values())

    @property
    def limiting(self) -> str:
        """The estimator that gives it."""
        return min(self.estimates, key=self.estimates.__getitem__)


def estimate(bits: str) -> Entropy:
    """Estimate the min-entropy of bits as NIST SP 800-90B, section 6.3 does, for sources that are not IID.

    All estimators but the most common value depend on the order of the bits.

    Args:
        bits: `0` and `1` in the order in which they were measured, at least `MIN_BITS`.

    Raises:
        ValueError: there are too few, or other characters.
    """
    if len(bits) < MIN_BITS:
        raise ValueError(f"{len(bits):,} bits are too few for an estimate: at least {MIN_BITS:,} are needed")
    if bits.strip("01"):
        raise ValueError("bits are the characters 0 and 1")
    found = repeats(bits)
    return Entropy(
        {
            "most common value": statistics.most_common(bits),
            "collision": statistics.collision(bits),
            "markov": statistics.markov(bits),
            "compression": statistics.compression(bits),
            "t-tuple": statistics.tuples(bits, found),
            "longest repeated substring": statistics.longest_repeats(bits, found),
            "multi most common in window": predictors.windows(bits),
            "lag": predictors.lag(bits),
            "multi markov model with counting": predictors.markov_models(bits),
            "LZ78Y": predictors.dictionary(bits),
        }
    )
