"""Telemetry's own faults."""

from __future__ import annotations

from queuebit_kernel import Fault, Settle, Stale, Unavailable

__all__ = ["NoTables", "OtherGeneration", "Refused", "Unsound", "WrongSchema"]


class NoTables(Fault):
    """The warehouse is empty: new, rebuilt, or set aside.

    Fault
    ├── Stale
    │   └── OtherGeneration   the table was rebuilt since the last look      → look again
    ├── Unavailable
    │   └── Refused           it answered with an error                      → try again, later or in parts
    ├── NoTables              there are no tables                            → create them
    ├── Unsound               they lost rows, or are of an earlier version    → set them aside, create new ones
    └── WrongSchema           they are of a later version                     → the operator rebuilds
    """

    code = "telemetry.no_tables"
    settle = Settle.RETRY_LATER


class OtherGeneration(Stale):
    """The table was rebuilt since its generation was read; the sent rows are not stored."""

    code = "telemetry.other_generation"


class Refused(Unavailable):
    """The warehouse answered with an error, such as a lack of memory or a too large insert."""

    code = "telemetry.refused"


class Unsound(Fault):
    """The table of events cannot be continued; the log can fill a new one."""

    code = "telemetry.unsound"
    settle = Settle.RETRY_LATER


class WrongSchema(Fault):
    """The warehouse holds the tables of a later version."""

    code = "telemetry.wrong_schema"
    settle = Settle.RETRY_LATER
