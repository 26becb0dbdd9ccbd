"""What this library refuses."""

from __future__ import annotations

__all__ = ["BadDesign"]


class BadDesign(ValueError):
    """A design that cannot decide anything; the text says which setting to change."""
