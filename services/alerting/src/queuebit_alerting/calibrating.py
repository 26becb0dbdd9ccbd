"""Calibrations that cannot be read, and devices whose calibration is overdue: tickets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Final

from queuebit_alerting.ports import Liveness, PartlyMeasured, Rows
from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence
from queuebit_contracts.backend import CalibrationAttempt
from queuebit_kernel import Unavailable

__all__ = ["CALIBRATIONS", "Calibrations", "overdue_after"]

CALIBRATIONS: Final = """
WITH
    known AS (
        SELECT
            backend,
            argMax(JSONExtractString(data, 'kind'), seq) AS kind,
            argMax(JSONExtractString(data, 'vendor'), seq) AS vendor
        FROM events
        WHERE type = 'qb.backend.registered.v1'
        GROUP BY backend
    ),
    measured AS (
        WITH parseDateTimeBestEffortOrZero(JSONExtractString(data, 'calibrated_at'), 'UTC') AS said
        SELECT
            backend,
            arraySlice(arraySort(groupUniqArrayIf(
                least(toUnixTimestamp(said), toUnixTimestamp(stored_at)), toUnixTimestamp(said) > 0)), -16) AS moments,
            argMax(event_id, seq) AS event
        FROM events
        WHERE type = 'qb.backend.calibrated.v1'
        GROUP BY backend
    )
SELECT known.backend AS backend, kind, vendor, moments, event
FROM known LEFT JOIN measured ON known.backend = measured.backend
"""
"""Each backend with the times of its last 16 calibrations, in seconds, and the newest fact of them.

A time that cannot be read counts as none, and one that lies in the future as the time at which it was stored.
"""

_FAILING: Final = timedelta(minutes=30)
"""How long attempts must fail: an executor tries every five minutes, and one vendor's error is no ticket."""
_LEAST_AGE: Final = timedelta(hours=36)
_RHYTHMS: Final = 3


class Calibrations:
    """Two alerts of each device: attempts to read its calibration fail, and the vendor has not calibrated for long.

    Failing attempts at a quantum computer are errors of its vendor, and join the one stream of them. Recordings that
    emulated devices have are never overdue, nor is a device that was never calibrated.
    """

    def __init__(self, liveness: Liveness, warehouse: Rows, complete: Callable[[], Awaitable[None]]) -> None:
        """Prepare; `complete` raises `Unavailable` while the warehouse lacks a part of the log."""
        self._liveness = liveness
        self._warehouse = warehouse
        self._complete = complete

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """See `SignalSource`. Without the scheduler, it is not known whether attempts fail."""
        await self._complete()
        rows = await self._warehouse.rows(CALIBRATIONS, {})
        found = [it for row in rows if row["kind"] == "qpu" and (it := _overdue(row, now))]
        devices = {str(it["backend"]): it for it in rows}
        try:
            states = await self._liveness.backends()
        except Unavailable as error:
            raise PartlyMeasured(f"whether calibrations can be read: {error}", found) from error
        attempts = [(devices[it.backend], it.calibration) for it in states if it.calibration and it.backend in devices]
        return [*found, *(_failing(device, attempt, now) for device, attempt in attempts)]


def overdue_after(moments: Sequence[int]) -> timedelta:
    """How old a calibration may get: three of the backend's own intervals, by their median; at least 36 hours."""
    steps = [later - earlier for earlier, later in pairwise(moments)]
    return max(_LEAST_AGE, timedelta(seconds=_RHYTHMS * median(steps))) if steps else _LEAST_AGE


def _overdue(row: Mapping[str, Any], now: datetime) -> Signal | None:
    moments = [int(it) for it in row["moments"]]
    if not moments:
        return None
    newest, limit = datetime.fromtimestamp(moments[-1], UTC), overdue_after(moments)
    summary = (
        f"{row['backend']}: the newest calibration is of {newest:%Y-%m-%d %H:%M} UTC, and one was due after {limit}"
    )
    return Signal(
        {"alertname": "CalibrationMissing", "severity": "ticket", "backend": row["backend"], "vendor": row["vendor"]},
        {"summary": summary},
        firing=now - newest > limit,
        at=now,
        evidence=Evidence(events=(row["event"],), since=newest + limit),
    )


def _failing(device: Mapping[str, Any], attempt: CalibrationAttempt, now: datetime) -> Signal:
    since, reason = attempt.failing_since, attempt.reason
    labels = {"alertname": "CalibrationFailing", "severity": "ticket", "backend": str(device["backend"])}
    if device["kind"] == "qpu" and device["vendor"]:
        labels |= {"indicator": "vendor-error", "vendor": str(device["vendor"])}
    if since is None:
        return Signal(labels, {}, firing=False, at=now)
    said = f": {reason.text}" if reason else ""
    return Signal(
        labels,
        {"summary": f"{labels['backend']}: no calibration can be read since {since:%Y-%m-%d %H:%M} UTC{said}"},
        firing=True if now - since >= _FAILING else None,
        at=now,
        evidence=Evidence(since=since),
        values={"reason": reason.code} if reason else {},
    )
