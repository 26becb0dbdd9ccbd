"""Which executor this is, and what it may use."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Instance"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One executor process."""

    stack: str
    name: str
    """Unique for each process, also when a host reuses a process id."""
    slots: int
    memory_mb: int

    @property
    def source(self) -> str:
        """The `source` of its events."""
        return f"qb/executor-{self.stack}"
