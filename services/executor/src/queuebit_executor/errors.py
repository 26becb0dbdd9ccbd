"""Faults of the executor. A failure inside a child is an answer, not a fault.

Fault
└── Unavailable
    ├── Overloaded   too many circuits wait for a child   → the asker tries again
    ├── Garbled      the SDK does not know its backends   → this process ends and is started afresh
    ├── Orphaned     the template is gone                 → this process ends and is started afresh
    ├── VendorAway   a vendor does not answer             → asked again
    └── UsagePending a vendor has yet to state the usage  → the placement is delivered again, and it is asked again
"""

from __future__ import annotations

from queuebit_kernel import Unavailable

__all__ = ["NOT_REACHABLE", "Garbled", "Orphaned", "Overloaded", "UsagePending", "VendorAway"]

NOT_REACHABLE = "not_reachable"
"""The code by which a child says that a vendor does not answer."""


class Overloaded(Unavailable):
    """More requests wait for a child than can be answered in useful time."""

    code = "overloaded"


class Garbled(Unavailable):
    """Children cannot describe a backend, although they have run no circuit yet."""

    code = "garbled"


class Orphaned(Unavailable):
    """The process that children are forked from has ended, and they with it."""

    code = "orphaned"


class VendorAway(Unavailable):
    """A vendor does not answer, or the process that asked it ended."""

    code = "vendor_away"


class UsagePending(Unavailable):
    """A job ended, and its vendor has yet to say finally what it used."""

    code = "usage_pending"
