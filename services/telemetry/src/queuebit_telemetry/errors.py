"""Telemetry's own faults."""

from __future__ import annotations

from queuebit_kernel import Fault, Settle, Stale

__all__ = ["NoTables", "OtherGeneration", "WrongSchema"]


class NoTables(Fault):
    """The warehouse is empty: new, rebuilt, or set aside.

    Fault
    ├── Stale
    │   └── OtherGeneration   the table was made anew since we last looked   → look again
    ├── NoTables              there are no tables                            → make them
    └── WrongSchema           they are another version's                     → a person rebuilds
    """

    code = "telemetry.no_tables"
    settle = Settle.RETRY_LATER


class OtherGeneration(Stale):
    """The table was made anew since its generation was read; what was sent is not stored."""

    code = "telemetry.other_generation"


class WrongSchema(Fault):
    """The warehouse holds the tables of another version."""

    code = "telemetry.wrong_schema"
    settle = Settle.RETRY_LATER
