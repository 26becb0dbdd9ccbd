"""What is refused. Each text says what is wrong and what to do."""

from __future__ import annotations

__all__ = ["BadSample", "BadSetting", "BadState"]


class BadSample(ValueError):
    """A sample that is no finite number, has no time zone, or is older than the one before."""


class BadSetting(ValueError):
    """A setting outside of its bounds."""


class BadState(ValueError):
    """A stored state that no detector of this version wrote: learn the reference again from the log."""
