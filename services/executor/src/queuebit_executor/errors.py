"""Faults of the executor. A failure inside a child is an answer, not a fault.

Fault
├── NotOwed          usage was stated that no bill waits for → refused
├── VendorSilent     a vendor was asked for long enough → a dead letter; its job and hold stay as they are
└── Unavailable
    ├── Overloaded   too many circuits wait for a child   → the asker tries again
    ├── Garbled      the SDK does not know its backends   → this process ends and is started afresh
    ├── Orphaned     the zygote ended                 → this process ends and is started afresh
    ├── VendorAway   a vendor does not answer             → asked again
    ├── PluginFailed a backend's own code failed          → asked again, a few times
    └── UsagePending a vendor has yet to state the usage  → the placement is delivered again, and it is asked again
"""

from __future__ import annotations

from queuebit_executor.answers import Refused
from queuebit_kernel import Fault, Unavailable
from queuebit_quantum.errors import VendorCredentials, VendorFailed, VendorQuota

__all__ = [
    "BACKEND_ERROR",
    "NOT_REACHABLE",
    "NO_ACCESS",
    "UNKNOWN_HANDLE",
    "VENDOR_FAILED",
    "Garbled",
    "NotOwed",
    "Orphaned",
    "Overloaded",
    "PluginFailed",
    "UsagePending",
    "VendorAway",
    "VendorSilent",
]

NOT_REACHABLE = "not_reachable"
"""The code by which a child says that a vendor does not answer."""

UNKNOWN_HANDLE = "unknown_handle"
"""The code by which a child says that a vendor does not know a run."""

BACKEND_ERROR = "backend_error"
"""The code by which a child says that a backend returned what cannot be."""

NO_ACCESS = frozenset({VendorCredentials.code, VendorQuota.code})
"""The codes by which a child says that the vendor refuses the operator's account, and not a job."""

VENDOR_FAILED = VendorFailed.code
"""The code by which a child says that the vendor itself failed."""


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
    """A vendor does not answer."""

    code = "vendor_away"


class PluginFailed(Unavailable):
    """A backend's code crashed, took too long, or returned what cannot be; or a vendor fails to state what a run used.

    It may be chance, or happen each time.
    """

    code = "plugin_failed"

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.error.message)
        self.refused = refused


class UsagePending(Unavailable):
    """A job ended, and its vendor has yet to say finally what it used."""

    code = "usage_pending"


class VendorSilent(Fault):
    """A vendor was asked about a job for long enough; a person decides what becomes of it."""

    code = "vendor_silent"


class NotOwed(Fault):
    """The operator stated usage of a job whose bill does not wait for it."""

    code = "not_owed"
