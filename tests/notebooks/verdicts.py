"""Compares the key results of two runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.collections.verdicts import distance

__all__ = ["differences"]


def differences(compare: Mapping[str, float], ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return what is farther apart than declared: numbers by the largest difference, counts by total variation."""
    found = []
    for expression, within in compare.items():
        apart = _apart(ours[expression], theirs[expression])
        if not apart <= within:
            found.append(f"{expression}: apart by {apart:.3g}, allowed {within:g}")
    return found


def _apart(ours: Any, theirs: Any) -> float:  # JSON
    if isinstance(ours, dict):
        return distance(ours, theirs)[0]
    if len(ours) != len(theirs) or not ours:
        return float("inf")
    return max(abs(float(a) - float(b)) for a, b in zip(ours, theirs, strict=True))
