"""What a detector of changes is, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol, runtime_checkable

__all__ = ["Change", "Detector", "Direction", "clipped"]

Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Change:
    """A sustained shift of the mean of a stream."""

    at: datetime
    """When the sample came that decided."""
    since: datetime
    """The first sample of the shift, as the detector estimates it."""
    direction: Direction
    size: float
    """Mean of the shifted samples in standard deviations of the reference, signed; large samples count as the clip."""
    samples: int
    """How many samples the shift has so far."""
    detector: str


@runtime_checkable
class Detector(Protocol):
    """Finds a shift in standardised samples: mean 0 and standard deviation 1 while nothing changes.

    A detector starts again by itself after a change. Its state is plain JSON, so that a process that restarts continues
    with the next sample as if nothing had stopped: see `restored`.
    """

    name: ClassVar[str]

    @property
    def score(self) -> float:
        """The evidence for a change so far; a change is found when it exceeds the threshold."""
        ...

    def update(self, z: float, at: datetime) -> Change | None:
        """Take the next sample; samples are in the order of time.

        Raises:
            BadSample: `z` is not a finite number. The state is as before.
        """
        ...

    def state(self) -> Mapping[str, object]:
        """Settings and progress as plain JSON."""
        ...

    def reset(self) -> None:
        """Forget all samples, as after a new reference."""
        ...


def clipped(z: float, most: float) -> float:
    """A sample cut to [-most, most], so that one sample alone, however large, proves no sustained shift."""
    return max(-most, min(most, z))
