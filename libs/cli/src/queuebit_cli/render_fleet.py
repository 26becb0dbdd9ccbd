"""The table of `qb backend list`."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_cli.render_states import elements_of
from queuebit_cli.render_tables import moment
from queuebit_cli.tables import Row
from queuebit_contracts.fleet import FleetRow

__all__ = ["fleet_rows"]


def fleet_rows(rows: Sequence[FleetRow]) -> list[Row]:
    """The state of each backend, since when, by whom and why."""
    return [
        {
            "backend": row.backend,
            "state": row.state.replace("_", " "),
            "since": moment(row.since.isoformat()) if row.since else None,
            "by": row.by,
            "not used": elements_of(row.qubits, row.couplers),
            "reason": row.reason.text if row.reason else None,
        }
        for row in rows
    ]
