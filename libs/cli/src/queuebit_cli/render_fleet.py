"""The table of `qb backend status`."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_cli.render_states import elements_of
from queuebit_cli.render_tables import moment
from queuebit_cli.tables import Row
from queuebit_contracts.fleet import FleetRow

__all__ = ["fleet_rows"]


def fleet_rows(rows: Sequence[FleetRow]) -> list[Row]:
    """The state of each backend, since when, by whom and why; and when isolated ones may return, by rule."""
    return [
        {
            "backend": row.backend,
            "state": row.state.replace("_", " "),
            "since": moment(row.since.isoformat()) if row.since else None,
            "by": row.by,
            "may return": moment(row.not_before.isoformat()) if row.not_before else None,
            "not used": elements_of(row.qubits, row.couplers),
            "reason": row.reason.text if row.reason else None,
        }
        for row in rows
    ]
