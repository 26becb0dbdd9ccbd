"""Estimators of min-entropy from statistics of the bits: NIST SP 800-90B, sections 6.3.1 to 6.3.4."""

from __future__ import annotations

from itertools import pairwise
from math import comb, inf, log2, sqrt
from typing import Final

from queuebit_randomness.bounds import Z, min_entropy, solved, upper
from queuebit_randomness.repeats import Repeats

__all__ = ["collision", "compression", "longest_repeats", "markov", "most_common", "tuples"]

_CHAIN: Final = 128
"""The length of the sequences whose probability the Markov estimate bounds."""
_BLOCK: Final = 6
_LEARNED: Final = 1000
"""Blocks from which the dictionary of the compression estimate is made; the others are compared with it."""
_CORRECTION: Final = 0.5907
"""Of the standard deviation, for blocks of six bits."""
_NEGLIGIBLE: Final = 1e-20
_FREQUENT: Final = 35
"""How often a tuple must occur so that its share is an estimate of its probability."""


def most_common(bits: str) -> float:
    """Section 6.3.1: the share of the more common bit."""
    ones = bits.count("1")
    return min_entropy(upper(max(ones, len(bits) - ones) / len(bits), len(bits)))


def collision(bits: str) -> float:
    """Section 6.3.2: the mean time until a value repeats, which is two bits or three."""
    at, times = 0, list[int]()
    while at + 1 < len(bits):
        time = 2 if bits[at] == bits[at + 1] else 3
        if at + time > len(bits):
            break
        times.append(time)
        at += time
    count, mean = len(times), sum(times) / len(times)
    deviation = sqrt(sum((it - mean) ** 2 for it in times) / (count - 1))
    bound = max(2.0, mean - Z * deviation / sqrt(count))
    # The equation of the standard, where p is the probability of the more common bit: bound = 2 + 2 p (1 - p).
    return min_entropy(0.5 + sqrt(1.25 - bound / 2)) if bound < 2.5 else 1.0


def markov(bits: str) -> float:
    """Section 6.3.3: the most probable sequence of 128 bits, where each bit depends on the one before."""
    pairs = {one + other: 0 for one in "01" for other in "01"}
    for one, other in pairwise(bits):
        pairs[one + other] += 1
    start = {it: bits.count(it) / len(bits) for it in "01"}
    left = {it: pairs[f"{it}0"] + pairs[f"{it}1"] for it in "01"}
    cost = {it: _surprise(count / left[it[0]] if left[it[0]] else 0.0) for it, count in pairs.items()}
    best = {it: _surprise(start[it]) for it in "01"}
    for _ in range(_CHAIN - 1):
        best = {to: min(best[it] + cost[it + to] for it in "01") for to in "01"}
    return max(0.0, min(1.0, min(best.values()) / _CHAIN))


def _surprise(probability: float) -> float:
    return -log2(probability) if probability else inf


def compression(bits: str) -> float:
    """Section 6.3.4, after Maurer: the mean logarithm of the distance to the last equal block of six bits."""
    blocks = [bits[it : it + _BLOCK] for it in range(0, len(bits) - _BLOCK + 1, _BLOCK)]
    last = {block: number for number, block in enumerate(blocks[:_LEARNED], 1)}
    distances = list[float]()
    for number, block in enumerate(blocks[_LEARNED:], _LEARNED + 1):
        distances.append(log2(number - last.get(block, 0)))
        last[block] = number
    count, mean = len(distances), sum(distances) / len(distances)
    deviation = _CORRECTION * sqrt(max(0.0, sum(it * it for it in distances) / (count - 1) - mean * mean))
    others = 2**_BLOCK - 1

    def expected(share: float) -> float:
        return _expected(share, len(blocks)) + others * _expected((1 - share) / others, len(blocks))

    bound = mean - Z * deviation / sqrt(count)
    return min_entropy(solved(expected, bound, 1 / (others + 1), 1.0)) / _BLOCK


def _expected(share: float, blocks: int) -> float:
    """The part of the expected mean that blocks with this probability have: G(z) of the standard, summed once."""
    compared = blocks - _LEARNED
    early = late = tail = 0.0
    weight = 1.0
    for distance in range(2, blocks + 1):
        weight *= 1 - share
        if weight < _NEGLIGIBLE:
            break
        term = log2(distance) * weight
        if distance <= _LEARNED:
            early += term
        else:
            late += (blocks - distance) * term
            tail += term
    return share / compared * (share * (compared * early + late) + tail)


def tuples(bits: str, repeats: Repeats) -> float:
    """Section 6.3.5: the shares of the most common tuples that occur at least 35 times."""
    shares = [
        (most / (len(bits) - size + 1)) ** (1 / size)
        for size, most in enumerate(repeats.most[1:], 1)
        if most >= _FREQUENT
    ]
    return min_entropy(upper(max(shares), len(bits)))


def longest_repeats(bits: str, repeats: Repeats) -> float:
    """Section 6.3.6: how often longer tuples are equal, up to the longest that occurs twice."""
    shares = [
        (repeats.pairs[size] / comb(len(bits) - size + 1, 2)) ** (1 / size)
        for size, most in enumerate(repeats.most[1:], 1)
        if most < _FREQUENT
    ]
    return min_entropy(upper(max(shares), len(bits))) if shares else 1.0
