"""Bills of vendors that differ from our charges: a ticket of the billing team for each vendor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from queuebit_alerting.ports import Rows
from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import Evidence

__all__ = ["BILLS", "Bills"]

BILLS: Final = """
WITH
    arrayFilter(
        it -> stored_at > now64(6) - INTERVAL {days:UInt32} DAY
            AND JSONExtractString(it, 'kind') NOT IN ('match', 'rounding', 'late', 'other')
            AND JSONExtractUInt(it, 'lines') + JSONExtractUInt(it, 'charges') > 0,
        JSONExtractArrayRaw(data, 'parts')) AS differing
SELECT vendor, period, statement, event, toUnixTimestamp(imported) AS imported_at, kinds, cases
FROM (
    SELECT
        JSONExtractString(data, 'vendor') AS vendor,
        JSONExtractString(data, 'period_start') AS period,
        argMax(JSONExtractString(data, 'statement'), seq) AS statement,
        argMax(event_id, seq) AS event,
        argMax(stored_at, seq) AS imported,
        argMax(arrayMap(it -> JSONExtractString(it, 'kind'), differing), seq) AS kinds,
        argMax(arraySum(
            it -> greatest(JSONExtractUInt(it, 'lines'), JSONExtractUInt(it, 'charges')), differing), seq) AS cases
    FROM events
    WHERE type = 'qb.bill.imported.v1'
    GROUP BY vendor, period
)
ORDER BY vendor, imported
"""
"""The newest bill of each vendor and period. If it was imported within some days, how many cases of it differ, and why:
not by rounding, nor because they are late, nor as taxes, fees and credits, beside which no charge of ours is."""

_DAYS: Final = 35
"""How long a bill that differs is a ticket: the next one should have come by then."""


class Bills:
    """One alert of each vendor: it fires while a bill that was imported within 35 days differs by more than rounding.

    It ends when the period is imported again and all of it is equal, or after these days.
    """

    def __init__(self, warehouse: Rows, complete: Callable[[], Awaitable[None]]) -> None:
        """Prepare; `complete` raises `Unavailable` while the warehouse lacks a part of the log."""
        self._warehouse = warehouse
        self._complete = complete

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """See `SignalSource`."""
        await self._complete()
        rows = await self._warehouse.rows(BILLS, {"days": str(_DAYS)})
        return [_signal(vendor, [*them], now) for vendor, them in groupby(rows, lambda it: str(it["vendor"]))]


def _signal(vendor: str, bills: Sequence[Mapping[str, Any]], now: datetime) -> Signal:
    labels = {"alertname": "BillDiffers", "severity": "ticket", "owner": "billing", "vendor": vendor}
    differing = [it for it in bills if int(it["cases"])]
    if not differing:
        return Signal(labels, {}, firing=False, at=now)
    newest = differing[-1]
    cases, kinds = int(newest["cases"]), ", ".join(newest["kinds"])
    summary = (
        f"{vendor}: {cases:,} lines or charges of the bill {newest['statement']} differ by more than rounding: {kinds}"
    )
    return Signal(
        labels,
        {"summary": summary},
        firing=True,
        at=now,
        evidence=Evidence(
            events=tuple(str(it["event"]) for it in differing[-20:]),
            since=datetime.fromtimestamp(int(differing[0]["imported_at"]), UTC),
        ),
        values={"cases": str(cases), "statement": str(newest["statement"])},
    )
