"""The random numbers that Aer draws its shots with.

They come from the 64-bit Mersenne Twister, `std::mt19937_64` of C++ (Matsumoto and Nishimura 2004, mt19937-64.c), as
fractions of 2^64, which is how `std::uniform_real_distribution` reads them. NumPy has the 32-bit generator only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["uniforms"]

_WORDS, _MIDDLE = 312, 156
_MASK = (1 << 64) - 1
_FACTOR = 6364136223846793005
_HIGH, _LOW = np.uint64(0xFFFFFFFF80000000), np.uint64(0x7FFFFFFF)
_TWIST = np.uint64(0xB5026F5AA96619E9)
_ONE = np.uint64(1)

_Words = npt.NDArray[np.uint64]


def uniforms(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Return the first numbers in [0, 1] of the generator with this seed."""
    words = np.empty(_WORDS + -(-count // _MIDDLE) * _MIDDLE, dtype=np.uint64)
    words[:_WORDS] = _seeded(seed)
    for place in range(_WORDS, len(words), _MIDDLE):  # a word depends on words at least 156 places before it
        first, middle = place - _WORDS, place - _MIDDLE
        joined = (words[first:middle] & _HIGH) | (words[first + 1 : middle + 1] & _LOW)
        words[place : place + _MIDDLE] = words[middle:place] ^ (joined >> _ONE) ^ (_TWIST * (joined & _ONE))
    return _tempered(words[_WORDS : _WORDS + count]).astype(np.float64) * np.float64(2.0**-64)


def _seeded(seed: int) -> list[int]:
    word = seed & _MASK
    return [word, *[word := (_FACTOR * (word ^ word >> 62) + place) & _MASK for place in range(1, _WORDS)]]


def _tempered(words: _Words) -> _Words:
    words = words ^ (words >> np.uint64(29)) & np.uint64(0x5555555555555555)
    words = words ^ (words << np.uint64(17)) & np.uint64(0x71D67FFFEDA60000)
    words = words ^ (words << np.uint64(37)) & np.uint64(0xFFF7EEE000000000)
    return words ^ (words >> np.uint64(43))
