"""The label of a run on a backend that stood in for the job's own."""

from __future__ import annotations

from pydantic import Field

from queuebit_contracts.wire import Moment, Name, Wire

__all__ = ["Fallback"]


class Fallback(Wire):
    """The run took place on another backend than the job asked for, by the fallback rule of its project."""

    instead_of: tuple[Name, ...] = Field(min_length=1)
    """The backends that the job asked for and that were out of service; it could not run on any other it asked for."""
    since: Moment
    """Since when the last of them was out of service."""
