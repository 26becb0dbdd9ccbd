"""How contents are encrypted: suites of HPKE (RFC 9180)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from queuebit_encryption.errors import BadCiphertext

__all__ = ["PROFILES", "SUITES", "Algorithm", "algorithm_of"]


class Algorithm(IntEnum):
    """The number is a byte of each ciphertext and never changes its meaning. Contents are encrypted by AES-256-GCM."""

    ML_KEM_768_X25519 = 1
    """X-Wing, a hybrid: contents stay secret as long as one of ML-KEM-768 (FIPS 203) and X25519 holds. HKDF-SHA256."""
    ML_KEM_1024 = 2
    """ML-KEM-1024 alone, category 5 of FIPS 203. HKDF-SHA384."""


PROFILES: Final[Mapping[str, Algorithm]] = {
    "default": Algorithm.ML_KEM_768_X25519,
    "cnsa2": Algorithm.ML_KEM_1024,
}
"""The algorithm of new keys, by the profile of a deployment."""

SUITES: Final[Mapping[Algorithm, Suite]] = {
    Algorithm.ML_KEM_768_X25519: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    Algorithm.ML_KEM_1024: Suite(KEM.MLKEM1024, KDF.HKDF_SHA384, AEAD.AES_256_GCM),
}


def algorithm_of(number: int) -> Algorithm:
    """The algorithm with this number.

    Raises:
        BadCiphertext: this version has none with this number.
    """
    try:
        return Algorithm(number)
    except ValueError as error:
        raise BadCiphertext(f"there is no algorithm {number}: a later version may have written it") from error
