"""The quality check of a result: what the executor verified before it said that a job completed."""

from __future__ import annotations

from queuebit_contracts.wire import Wire

__all__ = ["Quality", "QualityCheck"]


class QualityCheck(Wire):
    """One property of a result, beside what it had to be."""

    name: str
    """`shots`: the counts of each circuit sum to the shots that were asked for. Others may follow."""
    passed: bool
    value: int
    """What was found; of several circuits, the first that deviates."""
    limit: int
    """What it had to be."""


class Quality(Wire):
    """Whether a result can be used. It passed if all checks did."""

    passed: bool
    checks: tuple[QualityCheck, ...]
