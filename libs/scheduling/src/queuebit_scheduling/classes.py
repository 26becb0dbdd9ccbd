"""Classes of work: their order inside a project, when they are placed, and how many jobs of a user may be placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CLASSES", "DEFAULT", "WorkClass", "class_of"]


@dataclass(frozen=True, slots=True)
class WorkClass:
    """The rules of one class."""

    rank: int
    """Its place in a project; the lowest is first."""
    first: bool = False
    """Whether its jobs are next in their tenant, before the turn of any project."""
    late: bool = False
    """Whether its jobs are placed shortly before they run, so that jobs of other classes do not wait behind them."""
    per_user: int | None = None
    """The most placed jobs of one user; None: any number."""


DEFAULT = WorkClass(2)
"""The rules of a job without a class, and of a class that this version does not know."""

CLASSES: Mapping[str, WorkClass] = MappingProxyType(
    {
        "interactive": WorkClass(0, first=True, per_user=4),
        "production": WorkClass(1),
        "experimental": DEFAULT,
        "batch": WorkClass(3, late=True),
        "sandbox": WorkClass(4, late=True, per_user=2),
    }
)
"""By name."""


def class_of(name: str | None) -> WorkClass:
    """Return the rules of a class."""
    return CLASSES.get(name or "", DEFAULT)
