"""A run of samples since a moment: what a change reports of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from queuebit_drift.errors import BadSample, BadState
from queuebit_kernel import rfc3339

__all__ = ["Run", "checked", "moment", "number"]


@dataclass(slots=True)
class Run:
    """Samples since one moment; empty at first."""

    since: datetime | None = None
    total: float = 0.0
    samples: int = 0

    def add(self, z: float, at: datetime) -> None:
        """Take a sample; the first one sets `since`."""
        if self.since is None:
            self.since = at
        self.total += z
        self.samples += 1

    def clear(self) -> None:
        """Forget the samples."""
        self.since, self.total, self.samples = None, 0.0, 0

    @property
    def mean(self) -> float:
        return self.total / max(self.samples, 1)

    def state(self) -> dict[str, object]:
        """The run as plain JSON."""
        since = None if self.since is None else rfc3339(self.since)
        return {"since": since, "total": self.total, "samples": self.samples}

    @classmethod
    def restored(cls, state: object) -> Run:
        """The run that `state` wrote.

        Raises:
            BadState: it is not such a state.
        """
        if not isinstance(state, Mapping):
            raise BadState(f"a run of samples is an object, not {state!r:.60}")
        since = state.get("since")
        return cls(None if since is None else moment(since), number(state, "total"), int(number(state, "samples")))


def checked(z: float) -> float:
    """The sample.

    Raises:
        BadSample: it is not a finite number.
    """
    if not isfinite(z):
        raise BadSample(f"a sample must be a finite number, and this is {z}: leave the job out, or count it as failed")
    return z


def moment(text: object) -> datetime:
    """The time that a state has.

    Raises:
        BadState: it is no time with a zone.
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadState(f"a time in RFC 3339 is expected, not {text!r:.60}") from None
    if found.tzinfo is None:
        raise BadState(f"the time {text!r:.60} has no zone")
    return found


def number(state: Mapping[str, object], name: str) -> float:
    """A number of a state.

    Raises:
        BadState: it is absent, or not finite.
    """
    value = state.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadState(f"`{name}` must be a finite number, not {value!r:.60}")
    return value
