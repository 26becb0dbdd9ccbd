"""What two protocols for keys share: signals that are shots of a few circuits, and what an error rate means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from math import log2
from typing import TypeVar

from queuebit_templates.definition import Item, Measured, Program

__all__ = ["LIMIT", "outcomes", "secret_fraction", "signals_program"]

LIMIT = 0.11
"""The error rate from which no secret key remains (Shor and Preskill 2000, quant-ph/0003004)."""

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


def secret_fraction(error_rate: float) -> float:
    """Secret bits per sifted bit, from 0 to 1: 1 - 2 h(e), with the binary entropy h (Shor and Preskill 2000)."""
    if not 0 < error_rate < 0.5:
        return 1.0 if error_rate <= 0 else 0.0
    entropy = -error_rate * log2(error_rate) - (1 - error_rate) * log2(1 - error_rate)
    return max(0.0, 1 - 2 * entropy)
