"""The base classes of faults, and how the platform settles a message after each."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

__all__ = ["Fault", "Malformed", "Settle", "Stale", "Superseded", "Unavailable"]


class Settle(Enum):
    """How a message is settled after its handler raised a fault."""

    RETRY = "retry"
    """Deliver it again soon."""
    RETRY_LATER = "retry_later"
    """Deliver it again after a growing delay."""
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge it; nothing is left to do."""
    DEAD_LETTER = "dead_letter"
    """Store it as a dead letter with the reason; an operator decides."""


class Fault(Exception):
    """A failure with a defined settlement.

    Fault
    ├── Stale        another writer was first; reload and decide   → retry
    ├── Unavailable  a dependency did not answer in time           → retry, delayed
    ├── Superseded   already done, or no longer needed             → acknowledge
    └── Malformed    the message breaks its contract               → dead letter

    The text is for people: what happened, and what to do next. `code` is for programs and never changes.
    """

    code: ClassVar[str] = "fault"
    settle: ClassVar[Settle] = Settle.DEAD_LETTER


class Stale(Fault):
    """Another writer appended first: the aggregate is past the expected sequence."""

    code = "stale"
    settle = Settle.RETRY


class Unavailable(Fault):
    """A dependency did not answer in time; the same request may succeed later."""

    code = "unavailable"
    settle = Settle.RETRY_LATER


class Superseded(Fault):
    """The work is already done, or no longer needed."""

    code = "superseded"
    settle = Settle.ACKNOWLEDGE


class Malformed(Fault):
    """The message breaks its contract; another delivery would fail too."""

    code = "malformed"
    settle = Settle.DEAD_LETTER
