"""The table of `qb backend status`."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_cli.render_states import elements_of
from queuebit_cli.render_tables import moment
from queuebit_cli.tables import Row
from queuebit_contracts.fleet import FleetRow, Recalibration

__all__ = ["fleet_rows"]


def fleet_rows(rows: Sequence[FleetRow]) -> list[Row]:
    """The state of each backend, since when, by whom and why; and when isolated ones may return, by rule."""
    asked = any(row.recalibration for row in rows)
    return [
        {
            "backend": row.backend,
            "state": row.state.replace("_", " "),
            "since": moment(row.since.isoformat()) if row.since else None,
            "by": row.by,
            "may return": moment(row.not_before.isoformat()) if row.not_before else None,
            "not used": elements_of(row.qubits, row.couplers),
            **({"calibration": _asked(row.recalibration)} if asked else {}),
            "reason": row.reason.text if row.reason else None,
        }
        for row in rows
    ]


def _asked(it: Recalibration | None) -> str | None:
    """When a calibration was asked for that has not come, and with what outcome."""
    return None if it is None else f"asked {moment(it.at.isoformat())}, {it.outcome.replace('_', ' ')}"
