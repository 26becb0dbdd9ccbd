"""Which executor this is, and what it may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from queuebit_contracts.deployment import StatedErrors

__all__ = ["Instance"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One executor process."""

    stack: str
    name: str
    """Unique for each process, also when a host reuses a process id."""
    slots: int | None
    """Jobs of one backend at the same time, if that is configured."""
    memory_mb: int
    cores: int = 1
    """Simulations at the same time if it is not."""
    control_groups: Mapping[str, str] = field(default_factory=dict)
    """By backend: the control electronics that it shares with others."""
    region: str | None = None
    """Where its backends stand, if that is configured."""
    regions: Mapping[str, str] = field(default_factory=dict)
    """By backend: where it stands, if that is another region."""
    software: str | None = None
    """Name and version of the program."""
    image: str | None = None
    """The digest of the image that it runs in, if that is configured."""
    specifications: Mapping[str, StatedErrors] = field(default_factory=dict)
    """By backend: the largest median errors that are expected."""

    @property
    def source(self) -> str:
        """The `source` of its events."""
        return f"qb/executor-{self.stack}"
