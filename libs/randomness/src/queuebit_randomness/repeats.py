"""How often the tuples of each length occur, from a sorted list of all suffixes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

__all__ = ["Repeats", "repeats"]

_FIRST = 64
"""Bits that the first sort compares: enough for random bits, which then need no second one."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """By length of the tuple, from 0 to the longest that occurs twice."""

    most: list[int]
    """Occurrences of the most common tuple."""
    pairs: list[int]
    """Pairs of places with equal tuples."""


def repeats(bits: str) -> Repeats:
    """Count the tuples of all lengths, in a time that hardly depends on how long the repeated ones are.

    Neighbours in the order of suffixes share their longest prefixes. A run of suffixes with a common prefix of `size`
    bits, and no run around it with more than `around`, is one tuple of each length above `around` up to `size`.
    """
    shared = _shared_prefixes(bits)
    longest = max(shared)
    most, changes = [0] * (longest + 2), [0] * (longest + 2)
    open_runs = [(0, 0)]
    for at, size in enumerate([*shared[1:], 0], 1):
        first = at - 1
        while open_runs[-1][0] > size:
            ended, first = open_runs.pop()
            around, count = max(size, open_runs[-1][0]), at - first
            most[ended] = max(most[ended], count)
            changes[around + 1] += count * (count - 1) // 2
            changes[ended + 1] -= count * (count - 1) // 2
        if open_runs[-1][0] < size:
            open_runs.append((size, first))
    falling = accumulate(reversed(most[: longest + 1]), max)
    return Repeats([*falling][::-1], [*accumulate(changes)][: longest + 1])


def _shared_prefixes(bits: str) -> list[int]:
    """The length of the prefix that each suffix, in sorted order, shares with the one before it (Kasai et al. 2001)."""
    size, order = len(bits), _sorted_suffixes(bits)
    rank = [0] * size
    for place, suffix in enumerate(order):
        rank[suffix] = place
    shared, found = [0] * size, 0
    for suffix in range(size):
        if not rank[suffix]:
            found = 0
            continue
        before = order[rank[suffix] - 1]
        limit = size - max(suffix, before)
        while found < limit and bits[suffix + found] == bits[before + found]:
            found += 1
        shared[rank[suffix]] = found
        found = max(0, found - 1)
    return shared


def _sorted_suffixes(bits: str) -> list[int]:
    """The places of all suffixes in sorted order, by doubling the compared length (Manber and Myers 1990)."""
    size, width = len(bits), _FIRST
    keys: list[str] | list[int] = [bits[it : it + width] for it in range(size)]
    while True:
        order = sorted(range(size), key=keys.__getitem__)
        ranks, rank = [0] * size, 0
        for before, suffix in pairwise(order):
            rank += keys[before] != keys[suffix]
            ranks[suffix] = rank
        if rank == size - 1:
            return order
        after = [*(it + 1 for it in ranks[width:]), *([0] * min(width, size))]
        keys = [rank * (size + 1) + behind for rank, behind in zip(ranks, after, strict=True)]
        width *= 2
