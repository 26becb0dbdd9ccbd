"""What can go wrong around the children; what goes wrong inside them is an answer, not a fault.

Fault
└── Unavailable
    ├── Overloaded   too many circuits wait for a child   → the asker tries again
    ├── Garbled      the SDK does not know its backends   → this process ends and is started afresh
    └── Orphaned     the template is gone                 → this process ends and is started afresh
"""

from __future__ import annotations

from queuebit_kernel import Unavailable

__all__ = ["Garbled", "Orphaned", "Overloaded"]


class Overloaded(Unavailable):
    """More requests wait for a child than can be answered in useful time."""

    code = "overloaded"


class Garbled(Unavailable):
    """Children cannot say what a backend is, before any circuit came near them."""

    code = "garbled"


class Orphaned(Unavailable):
    """The process that children are forked from has ended, and they with it."""

    code = "orphaned"
