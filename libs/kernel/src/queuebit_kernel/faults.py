"""The one tree of failures, and how the platform settles each of them."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

__all__ = ["Fault", "Malformed", "Settle", "Stale", "Superseded", "Unavailable"]


class Settle(Enum):
    """What becomes of a message whose handler raised."""

    RETRY = "retry"
    """Deliver again, soon."""
    RETRY_LATER = "retry_later"
    """Deliver again after a growing delay."""
    ACKNOWLEDGE = "acknowledge"
    """Nothing is left to do."""
    DEAD_LETTER = "dead_letter"
    """Keep it as a dead letter, with its reason, until a person decides."""


class Fault(Exception):
    """A failure the platform knows how to settle.

    Fault
    ├── Stale        another writer won; reload and decide again   → retry
    ├── Unavailable  a dependency did not answer in time           → retry, delayed
    ├── Superseded   already done, or no longer wanted             → acknowledge
    └── Malformed    the message breaks its contract               → dead letter

    The text is for people: what happened, and what to do next. `code` is for machines and never changes.
    """

    code: ClassVar[str] = "fault"
    settle: ClassVar[Settle] = Settle.DEAD_LETTER


class Stale(Fault):
    """Another writer moved the aggregate past the sequence this fact expected."""

    code = "stale"
    settle = Settle.RETRY


class Unavailable(Fault):
    """A dependency did not answer in time; the same request may succeed later."""

    code = "unavailable"
    settle = Settle.RETRY_LATER


class Superseded(Fault):
    """The work is already done, or no longer wanted."""

    code = "superseded"
    settle = Settle.ACKNOWLEDGE


class Malformed(Fault):
    """The message breaks its contract; delivering it again cannot help."""

    code = "malformed"
    settle = Settle.DEAD_LETTER
