"""What two protocols for keys share: signals that are shots of a few circuits, and what an error rate means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from math import floor, log, log2, sqrt
from typing import TypeVar

from queuebit_templates.definition import Item, Measured, Program

__all__ = ["CHECK_BITS", "LIMIT", "outcomes", "secret_fraction", "secret_length", "signals_program"]

LIMIT = 0.11
"""The error rate from which no secret key remains (Shor and Preskill 2000, quant-ph/0003004)."""

CHECK_BITS = 20
"""Bits of the hash that is compared after error correction: different keys pass with a probability of 2^-20."""

_SECRECY = 1e-6
"""How far the key may be from one that is uniform and unknown to an eavesdropper."""

_C = TypeVar("_C", bound=Hashable)


def signals_program(signals: Sequence[_C], sources: Mapping[_C, str]) -> Program:
    """A program that sends each signal once: signals with the same choices are the shots of one circuit.

    Args:
        signals: the choices of each signal, in order.
        sources: the circuit of each choice.
    """
    counted = Counter(signals)
    items = tuple(Item(source, shots=counted[choice]) for choice, source in sources.items() if counted[choice])
    return Program(items, 1, memory=True)


def outcomes(signals: Sequence[_C], sources: Mapping[_C, str], results: Sequence[Measured]) -> Iterator[str]:
    """The outcome of each signal, in the order in which they were sent."""
    counted = Counter(signals)
    used = [choice for choice in sources if counted[choice]]
    shots = {choice: iter(measured.memory) for choice, measured in zip(used, results, strict=True)}
    return (next(shots[it]) for it in signals)


def secret_length(kept: int, compared: int, error_rate: float, leaked: int) -> int:
    """Bits that privacy amplification leaves, for keys of this finite length; 0 if none.

    n (1 - h(e + m)) - leaked - log2(2 / s^2), where the margin m of the error rate e follows from how few bits were
    compared, and s is 10^-6 (Tomamichel, Lim, Gisin and Renner 2012, arXiv:1103.4130).

    Args:
        kept: bits of the corrected key.
        compared: bits that were made public.
        error_rate: the share of those that differ.
        leaked: bits that error correction and its check said in public.
    """
    if not kept or not compared:
        return 0
    spread = (kept + compared) / (kept * compared) * (compared + 1) / compared
    unknown = kept * (1 - _entropy(error_rate + sqrt(spread * log(2 / _SECRECY))))
    return max(0, floor(unknown - leaked - log2(2 / _SECRECY**2)))


def secret_fraction(error_rate: float) -> float:
    """Secret bits per sifted bit, from 0 to 1: 1 - 2 h(e), with the binary entropy h (Shor and Preskill 2000)."""
    return max(0.0, 1 - 2 * _entropy(error_rate))


def _entropy(share: float) -> float:
    """The binary entropy; 1 from 1/2 on, since an error rate above it is no better."""
    if not 0 < share < 0.5:
        return 0.0 if share <= 0 else 1.0
    return -share * log2(share) - (1 - share) * log2(1 - share)
