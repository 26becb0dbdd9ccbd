"""The states of a job. Generated from the catalogue; it loads nothing, for the sake of clients."""

from __future__ import annotations

from typing import Final

__all__ = ["STATES", "TERMINAL"]

STATES: Final = (
    "submitted",
    "accepted",
    "rejected",
    "placed",
    "started",
    "dispatched",
    "completed",
    "failed",
    "cancelled",
    "expired",
)
"""Every state of a job, about in the order in which they happen: the names of the events that change it. After
`withdrawn` it is `accepted` again."""

TERMINAL: Final = ("rejected", "completed", "failed", "cancelled", "expired")
"""The states after which nothing more happens to a job but its bill and its receipt."""
