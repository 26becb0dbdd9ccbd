"""Random bits from measured ones: min-entropy estimates, health tests, and extraction. Pure."""

from queuebit_randomness.bounds import MIN_BITS
from queuebit_randomness.entropy import Entropy, estimate
from queuebit_randomness.extraction import extractable, extracted, needed, seed_length
from queuebit_randomness.health import HealthTest, adaptive_proportion, repetition_count

__all__ = [
    "MIN_BITS",
    "Entropy",
    "HealthTest",
    "adaptive_proportion",
    "estimate",
    "extractable",
    "extracted",
    "needed",
    "repetition_count",
    "seed_length",
]
