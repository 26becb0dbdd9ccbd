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
_HIGH, _LOW = np.uint64(0xFFFFFFFF80000000), np.uint64(0x7FFFFFFF)
_TWIST = np.uint64(0xB5026F5AA96619E9)
_ONE = np.uint64(1)

_Words = npt.NDArray[np.uint64]


def uniforms(seed: int, count: int) -> npt.NDArray[np.float64]:
    """Return the first numbers in [0, 1] of the generator with this seed."""
    state, blocks = _seeded(seed), []
    for _ in range(-(-count // _WORDS)):
        state = _next(state)
        blocks.append(state)
    return _tempered(np.concatenate(blocks)[:count]).astype(np.float64) * np.float64(2.0**-64)


def _seeded(seed: int) -> _Words:
    words = [seed & _MASK]
    for place in range(1, _WORDS):
        words.append((6364136223846793005 * (words[-1] ^ words[-1] >> 62) + place) & _MASK)
    return np.array(words, dtype=np.uint64)


def _next(state: _Words) -> _Words:
    """The next block; its second half depends on the first."""
    new = state.copy()
    new[:_MIDDLE] = _mixed(state[:_MIDDLE], state[1 : _MIDDLE + 1], state[_MIDDLE:])
    new[_MIDDLE:-1] = _mixed(state[_MIDDLE:-1], state[_MIDDLE + 1 :], new[: _MIDDLE - 1])
    new[-1:] = _mixed(state[-1:], new[:1], new[_MIDDLE - 1 : _MIDDLE])
    return new


def _mixed(high: _Words, low: _Words, other: _Words) -> _Words:
    joined = (high & _HIGH) | (low & _LOW)
    mixed: _Words = other ^ (joined >> _ONE) ^ (_TWIST * (joined & _ONE))
    return mixed


def _tempered(words: _Words) -> _Words:
    words = words ^ (words >> np.uint64(29)) & np.uint64(0x5555555555555555)
    words = words ^ (words << np.uint64(17)) & np.uint64(0x71D67FFFEDA60000)
    words = words ^ (words << np.uint64(37)) & np.uint64(0xFFF7EEE000000000)
    return words ^ (words >> np.uint64(43))
