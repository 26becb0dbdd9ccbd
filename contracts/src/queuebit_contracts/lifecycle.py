"""How a job can end. This module loads nothing, so that every client can afford it."""

from __future__ import annotations

from typing import Final, Literal, get_args

__all__ = ["TERMINAL", "End"]

End = Literal["rejected", "completed", "failed", "cancelled"]
"""The name of an event after which nothing more happens to a job but its bill and its receipt."""

TERMINAL: Final[tuple[End, ...]] = get_args(End)
"""All of them. Code that asks whether a job has ended uses this tuple or `queuebit_contracts.job.Ended`."""
