"""The errors of this library; their texts say what to do next."""

from __future__ import annotations

__all__ = ["BadParameters", "BrokenTemplate", "UnknownTemplate"]


class UnknownTemplate(LookupError):
    """No installed template has this name."""

    def __str__(self) -> str:
        return str(self.args[0])


class BrokenTemplate(ValueError):
    """A template of an installed package cannot be loaded."""


class BadParameters(ValueError):
    """Values are missing, unknown or out of bounds; the text lists all of them."""
