"""A cache of limited size and age."""

from __future__ import annotations

from collections import OrderedDict
from math import inf
from typing import Generic, TypeVar

from queuebit_kernel import Clock

__all__ = ["TtlCache"]

_K = TypeVar("_K")
_V = TypeVar("_V")


class TtlCache(Generic[_K, _V]):
    """Keeps the most recently used values; each may have a time limit."""

    def __init__(self, capacity: int, clock: Clock) -> None:
        self._capacity = capacity
        self._clock = clock
        self._kept: OrderedDict[_K, tuple[_V, float]] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        """The value; None if there is none, or it is too old."""
        if key not in self._kept:
            return None
        value, until = self._kept[key]
        if until <= self._clock.monotonic():
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return value

    def put(self, key: _K, value: _V, seconds: float = inf) -> None:
        """Keep a value for this time, or until newer values need its place."""
        self._kept[key] = value, self._clock.monotonic() + seconds
        self._kept.move_to_end(key)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
