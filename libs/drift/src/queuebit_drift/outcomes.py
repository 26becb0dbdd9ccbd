"""The right outcomes of a circuit without a known answer, from its first runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from queuebit_drift.errors import BadState
from queuebit_drift.noise import heavy_outcomes, share_of

__all__ = ["FIRST_RUNS", "Outcomes"]

FIRST_RUNS: Final = 20
"""Runs of a circuit from which its right outcomes follow."""

_MOST: Final = 1024
"""Different outcomes of the first runs; of a circuit with more, no outcome is frequent enough to be watched."""


class Outcomes:
    """Learns which outcomes are heavy, and then gives their share. Of a flat or very wide distribution, none are."""

    def __init__(self) -> None:
        self._pool: dict[str, int] = {}
        self._runs = 0
        self._right: frozenset[str] | None = None
        """None while they are learned."""

    def share(self, counts: Mapping[str, int], runs: int) -> tuple[float, int]:
        """The share of right outcomes in the counts of some runs, and the shots; no shots if it cannot be said."""
        if self._right is None:
            self._learn(counts, runs)
            return 0.0, 0
        return share_of(counts, self._right) if self._right else (0.0, 0)

    @property
    def size(self) -> int:
        """How many outcomes it keeps."""
        return len(self._pool) + len(self._right or ())

    def _learn(self, counts: Mapping[str, int], runs: int) -> None:
        for outcome, count in counts.items():
            self._pool[outcome] = self._pool.get(outcome, 0) + count
        self._runs += runs
        if len(self._pool) > _MOST:
            self._pool, self._right = {}, frozenset()
        elif self._runs >= FIRST_RUNS:
            self._right = heavy_outcomes(self._pool, max(map(len, self._pool), default=0))
            self._pool = {}

    def state(self) -> dict[str, object]:
        """What was learned, as plain JSON."""
        return {"pool": self._pool, "runs": self._runs, "right": None if self._right is None else sorted(self._right)}

    @classmethod
    def restored(cls, state: object) -> Outcomes:
        """The outcomes that `state` wrote.

        Raises:
            BadState: it is not such a state.
        """
        made = cls()
        try:
            if not isinstance(state, Mapping):
                raise TypeError
            made._pool = {str(name): int(it) for name, it in state["pool"].items()}
            made._runs = int(state["runs"])
            right = state["right"]
            made._right = None if right is None else frozenset(map(str, right))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BadState("outcomes are a pool, a number of runs and a list") from None
        return made
