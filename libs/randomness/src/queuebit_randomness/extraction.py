"""Nearly uniform bits from raw ones with enough min-entropy, by a random Toeplitz matrix."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from math import ceil, floor

__all__ = ["extractable", "extracted", "needed", "seed_length"]

_PARITY = str.maketrans("0123456789", "0101010101")


def extractable(raw: int, entropy: float, security: int) -> int:
    """How many bits may be extracted, by the leftover hash lemma: raw * entropy - 2 * security, at least 0.

    Seed and result together are then at most 2^-security from uniform, in statistical distance (Impagliazzo, Levin and
    Luby 1989; for observers with quantum memory Tomamichel et al. 2011, arXiv:1002.2436).

    Args:
        raw: how many raw bits there are.
        entropy: their min-entropy in bits per bit, from 0 to 1.
        security: the negative logarithm, to base 2, of the distance.
    """
    return max(0, floor(raw * entropy) - 2 * security)


def needed(bits: int, entropy: float, security: int) -> int:
    """How many raw bits are needed so that so many are `extractable`."""
    return ceil((bits + 2 * security) / entropy)


def seed_length(raw: int, length: int) -> int:
    """How many bits the seed has: the diagonals of a matrix with `length` rows and `raw` columns."""
    return raw + length - 1


def extracted(raw: str, seed: str, length: int) -> str:
    """The product of a Toeplitz matrix and the raw bits, modulo 2.

    Row i and column j of the matrix has bit i - j + len(raw) - 1 of the seed. The product is part of the product of two
    polynomials, which is one product of decimal numbers with room for each coefficient: it is exact, and Python
    multiplies large ones with number-theoretic transforms.

    Args:
        raw: the raw bits, `0` and `1`.
        seed: `seed_length` bits that are uniform, and independent of the raw ones.
        length: how many bits to extract.

    Raises:
        ValueError: the seed has another length.
    """
    if len(seed) != seed_length(len(raw), length):
        raise ValueError(f"the seed has {len(seed):,} bits, and needs {seed_length(len(raw), length):,}")
    width = len(str(len(raw)))
    size = width * (len(raw) + len(seed) - 1)
    context = Context(prec=size, Emax=size, Emin=0, traps=[Inexact])
    product = context.multiply(_spread(raw, width), _spread(seed, width))
    digits = f"{product:f}".zfill(size)
    return digits[width - 1 :: width][len(raw) - 1 :][:length].translate(_PARITY)


def _spread(bits: str, width: int) -> Decimal:
    """A number in which each bit has so many digits."""
    return Decimal(bits.replace("0", "0" * width).replace("1", "1".zfill(width)))
