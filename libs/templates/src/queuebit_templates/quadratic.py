"""Quadratic problems over bits (QUBO), and the Ising model of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

__all__ = ["BRUTE_FORCE", "Qubo", "Term"]

BRUTE_FORCE = 14
"""The most variables for which all assignments are tried: 16,384."""

Term = tuple[int, int, float]
"""A coefficient: of the product of two bits, or of one bit if both numbers are equal."""


@dataclass(frozen=True, slots=True)
class Qubo:
    """Minimise offset + sum of linear[i] x[i] + sum of quadratic[i, j] x[i] x[j] over bits x."""

    linear: tuple[float, ...]
    quadratic: Mapping[tuple[int, int], float]
    """By pairs i < j; none is 0."""
    offset: float = 0.0

    @classmethod
    def of(cls, size: int, terms: Sequence[Term], offset: float = 0.0) -> Qubo:
        """Add up the terms; of `(j, i)` and `(i, j)` too, and `(i, i)` is linear because x * x = x for a bit."""
        linear = [0.0] * size
        quadratic: dict[tuple[int, int], float] = {}
        for one, other, factor in terms:
            if one == other:
                linear[one] += factor
            else:
                pair = (min(one, other), max(one, other))
                quadratic[pair] = quadratic.get(pair, 0.0) + factor
        return cls(tuple(linear), {pair: it for pair, it in sorted(quadratic.items()) if it}, offset)

    @property
    def size(self) -> int:
        """The number of variables."""
        return len(self.linear)

    def value(self, bits: Sequence[int]) -> float:
        """The value of an assignment, one bit for each variable."""
        found = self.offset + sum(factor for factor, bit in zip(self.linear, bits, strict=True) if bit)
        return found + sum(factor for (one, other), factor in self.quadratic.items() if bits[one] and bits[other])

    def ising(self) -> tuple[float, list[float], dict[tuple[int, int], float]]:
        """Constant, fields and couplings of the same function of spins z = 1 - 2 x (Lucas 2014, arXiv:1302.5843)."""
        fields = [-factor / 2 for factor in self.linear]
        for (one, other), factor in self.quadratic.items():
            fields[one] -= factor / 4
            fields[other] -= factor / 4
        constant = self.offset + sum(self.linear) / 2 + sum(self.quadratic.values()) / 4
        return constant, fields, {pair: factor / 4 for pair, factor in self.quadratic.items()}

    def minimum(self) -> float | None:
        """The least value, from all assignments; None above `BRUTE_FORCE` variables."""
        if self.size > BRUTE_FORCE:
            return None
        return min(self.value(bits) for bits in product((0, 1), repeat=self.size))

    def content(self) -> str:
        """The document that an annealer runs."""
        document = {
            "qubo": "v1",
            "variables": self.size,
            "linear": [[at, it] for at, it in enumerate(self.linear) if it],
            "quadratic": [[*pair, it] for pair, it in self.quadratic.items()],
            "offset": self.offset,
        }
        return json.dumps(document, separators=(",", ":"))
