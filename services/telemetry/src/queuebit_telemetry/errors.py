"""Telemetry's own faults."""

from __future__ import annotations

from queuebit_kernel import Fault, Settle, Stale, Unavailable

__all__ = ["NoTables", "OtherGeneration", "Refused", "Unsound", "WrongSchema"]


class NoTables(Fault):
    """The warehouse is empty: new, rebuilt, or set aside.

    Fault
    ├── Stale
    │   └── OtherGeneration   the table was made anew since we last looked   → look again
    ├── Unavailable
    │   └── Refused           it answered, and would not do it               → try again, later or in parts
    ├── NoTables              there are no tables                            → make them
    ├── Unsound               they lost rows, or an earlier version made them → set them aside, make new ones
    └── WrongSchema           a later version made them                      → a person rebuilds
    """

    code = "telemetry.no_tables"
    settle = Settle.RETRY_LATER


class OtherGeneration(Stale):
    """The table was made anew since its generation was read; what was sent is not stored."""

    code = "telemetry.other_generation"


class Refused(Unavailable):
    """The warehouse answered with an error: it lacks something, or what it was sent is more than it takes."""

    code = "telemetry.refused"


class Unsound(Fault):
    """The table of events cannot be gone on with, and the log can fill another."""

    code = "telemetry.unsound"
    settle = Settle.RETRY_LATER


class WrongSchema(Fault):
    """The warehouse holds the tables of a later version."""

    code = "telemetry.wrong_schema"
    settle = Settle.RETRY_LATER
