"""Which executor this is, and what it may use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Instance"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One process."""

    stack: str
    name: str
    """Tells processes apart, also those that ran under the same number on the same host before."""
    slots: int
    memory_mb: int

    @property
    def source(self) -> str:
        """Who speaks, as events say it."""
        return f"qb/executor-{self.stack}"
