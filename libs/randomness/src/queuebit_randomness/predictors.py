"""Estimators of min-entropy from predictions of the next bit: NIST SP 800-90B, sections 6.3.7 to 6.3.10."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from math import inf, log
from typing import Final

from queuebit_randomness.bounds import min_entropy, solved, upper

__all__ = ["dictionary", "lag", "markov_models", "windows"]

_WINDOWS: Final = (63, 255, 1023, 4095)
_LAGS: Final = 128
_DEPTH: Final = 16
_MODEL_ENTRIES: Final = 100_000
_DICTIONARY_PREFIXES: Final = 65_536
_ITERATIONS: Final = 65
_NO_BIT: Final = 2
"""A prediction that is never right."""


def windows(bits: str) -> float:
    """Section 6.3.7: the most common bit of the last 63, 255, 1,023 or 4,095."""
    values = _values(bits)
    ones = [0, *accumulate(values)]

    def right() -> Iterator[bool]:
        scores, winner = [0] * len(_WINDOWS), 0
        for at in range(_WINDOWS[0], len(values)):
            bit = values[at]
            guesses = [2 * (ones[at] - ones[at - it]) > it if it <= at else _NO_BIT for it in _WINDOWS]
            yield guesses[winner] == bit
            winner = _counted(scores, winner, (place for place, guess in enumerate(guesses) if guess == bit))

    return _predicted(right())


def lag(bits: str) -> float:
    """Section 6.3.8: the bit that was 1 to 128 bits before."""
    values = _values(bits)

    def right() -> Iterator[bool]:
        scores, winner = [0] * _LAGS, 0
        for at in range(1, len(values)):
            bit = values[at]
            yield values[at - winner - 1] == bit
            before = values[max(0, at - _LAGS) : at]
            winner = _counted(scores, winner, (it for it, value in enumerate(reversed(before)) if value == bit))

    return _predicted(right())


def markov_models(bits: str) -> float:
    """Section 6.3.9: what followed most often on the last 1 to 16 bits."""
    values = _values(bits)

    def right() -> Iterator[bool]:
        scores, winner = [0] * _DEPTH, 0
        tables = [[0] * (4 << depth) for depth in range(_DEPTH)]
        entries, past = [0] * _DEPTH, values[0]
        for at in range(1, len(values)):
            bit, hits = values[at], list[int]()
            for depth in range(min(at, _DEPTH)):
                table, prefix = tables[depth], (past & ((2 << depth) - 1)) << 1
                zeros, ones = table[prefix], table[prefix + 1]
                if (zeros or ones) and (zeros <= ones) == bit:
                    hits.append(depth)
                if table[prefix + bit] or entries[depth] < _MODEL_ENTRIES:
                    entries[depth] += not table[prefix + bit]
                    table[prefix + bit] += 1
            if at > 1:
                yield winner in hits
                winner = _counted(scores, winner, hits)
            past = (past << 1 | bit) & 0xFFFF

    return _predicted(right())


def dictionary(bits: str) -> float:
    """Section 6.3.10: what followed on the last 1 to 16 bits, of those lengths the one that was seen most often."""
    values = _values(bits)

    def right() -> Iterator[bool]:
        tables = [[0] * (4 << depth) for depth in range(_DEPTH)]
        prefixes, past = 0, int(bits[:_DEPTH], 2)
        for at in range(_DEPTH, len(values)):
            bit, guess, most = values[at], _NO_BIT, 0
            for depth in range(_DEPTH - 1, -1, -1):
                table, prefix = tables[depth], (past & ((2 << depth) - 1)) << 1
                zeros, ones = table[prefix], table[prefix + 1]
                if (seen := max(zeros, ones)) > most:
                    guess, most = int(zeros <= ones), seen
                if seen or prefixes < _DICTIONARY_PREFIXES:
                    prefixes += not seen
                    table[prefix + bit] += 1
            if at > _DEPTH:
                yield guess == bit
            past = (past << 1 | bit) & 0xFFFF

    return _predicted(right())


def _values(bits: str) -> Sequence[int]:
    return bits.encode().translate(bytes.maketrans(b"01", b"\0\1"))


def _counted(scores: list[int], winner: int, hits: Iterable[int]) -> int:
    """Count the predictors that were right; return the one to use next: the last that reached the highest score."""
    for it in hits:
        scores[it] += 1
        if scores[it] >= scores[winner]:
            winner = it
    return winner


def _predicted(right: Iterable[bool]) -> float:
    """The estimate from all predictions: by the share that were right, and by the longest run of right ones."""
    runs = [(hit, sum(1 for _ in run)) for hit, run in groupby(right)]
    trials, hits = sum(size for _, size in runs), sum(size for hit, size in runs if hit)
    longest = max((size for hit, size in runs if hit), default=0)
    share = upper(hits / trials, trials) if hits else 1 - 0.01 ** (1 / trials)
    least = max(0.5, share)
    if least >= 1:
        return 0.0
    local = solved(lambda it: _log_no_run(it, longest + 1, trials), log(0.99), least, 1.0)
    return min_entropy(max(least, local))


def _log_no_run(share: float, run: int, trials: int) -> float:
    """The logarithm of the probability that no run of right predictions has this length (Feller 1950, XIII.7)."""
    wrong, root = 1 - share, 1.0
    if not wrong:
        return -inf
    for _ in range(_ITERATIONS):
        root = 1 + wrong * share**run * root ** (run + 1)
        if share * root >= 1:
            return -inf
    return log(1 - share * root) - log((run + 1 - run * root) * wrong) - (trials + 1) * log(root)
