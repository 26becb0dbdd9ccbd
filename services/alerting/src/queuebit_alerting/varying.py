"""Equal runs whose results differ by more than shot noise, and by more than they used to: a ticket for each backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from queuebit_alerting.ports import Rows
from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence

__all__ = ["VARIANCES", "Variances"]

VARIANCES: Final = """
SELECT
    backend, tenant, circuit,
    toUnixTimestamp(newest.1) AS at, newest.2 AS value, newest.3 AS least, newest.4 AS jobs,
    length(days) - 1 AS before,
    if(before = 0, 0, arrayReduce('median', arrayMap(it -> it.2, arrayPopBack(days)))) AS usual
FROM (
    SELECT
        backend, tenant, project, workload_class, circuit,
        arraySort(groupArray((at, value, least, jobs))) AS days,
        days[-1] AS newest
    FROM sli_variance
    WHERE at > now64(6) - INTERVAL {days:UInt32} DAY
    GROUP BY backend, tenant, project, workload_class, circuit
)
WHERE at > toUnixTimestamp(now() - INTERVAL 1 DAY)
ORDER BY backend, least DESC
"""
"""The newest day of each circuit on each backend, if it is within a day; `usual` is the median of the days before."""

_DAYS: Final = 31
_LIMIT: Final = 0.05
"""Of the indicator: relative to the length of the baseline."""
_GROWTH: Final = 1.5
"""Times what is usual: some devices always vary by more than the limit, and an alert that is always on is ignored."""


class Variances:
    """One alert of each backend: it fires while a circuit's newest day is surely above limit and usual value.

    It ends when the newest day of each circuit is within them, or a day after the last run.
    """

    def __init__(self, warehouse: Rows, complete: Callable[[], Awaitable[None]]) -> None:
        """Prepare; `complete` raises `Unavailable` while the warehouse lacks a part of the log."""
        self._warehouse = warehouse
        self._complete = complete

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """See `SignalSource`."""
        await self._complete()
        rows = await self._warehouse.rows(VARIANCES, {"days": str(_DAYS)})
        return [_signal(backend, [*them], now) for backend, them in groupby(rows, lambda it: str(it["backend"]))]


def _signal(backend: str, circuits: Sequence[Mapping[str, Any]], now: datetime) -> Signal:
    labels = {"alertname": "OutputVariance", "severity": "ticket", "backend": backend, "indicator": "variance"}
    varying = [it for it in circuits if float(it["least"]) > max(_LIMIT, _GROWTH * float(it["usual"]))]
    if not varying:
        return Signal(labels, {}, firing=False, at=now)
    worst = varying[0]
    usual = f", usually {100 * float(worst['usual']):.0f} %" if int(worst["before"]) else ""
    summary = (
        f"{backend}: equal runs of {len(varying)} of {len(circuits)} circuits differ by more than shot noise: "
        f"{100 * float(worst['value']):.0f} %{usual}, in {worst['jobs']} jobs"
    )
    return Signal(
        labels,
        {"summary": summary},
        firing=True,
        at=now,
        evidence=Evidence(since=datetime.fromtimestamp(int(worst["at"]), UTC)),
        values={"circuit": str(worst["circuit"]), "value": f"{float(worst['value']):.3f}"},
    )
