"""The table `case_sums`: what it sums of each event, and the statement that adds the next part of the log to it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from queuebit_contracts.tables import statements

__all__ = ["ADD_CASES", "BUCKETS_MS", "CASE_COLUMNS", "RENEW_CASE_SUMS", "SUMMED_THROUGH"]

BUCKETS_MS: Final = (
    10, 20, 50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10000, 15000, 30000, 60000, 120000,
    300000, 600000, 1800000, 3600000,
)  # fmt: skip
"""Thresholds that durations may have, in milliseconds. `case_sums` counts each of them, and exported histograms have
them as upper bounds of buckets."""

_RAN: Final = "type IN ('qb.job.completed.v1', 'qb.job.failed.v1')"
_CHARGED: Final = "charge IS NOT NULL"

CASE_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "completed": "type = 'qb.job.completed.v1'",
        "ran": _RAN,
        "ended": "type IN ('qb.job.rejected.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', "
        "'qb.job.expired.v1')",
        "usable": "usable",
        "quality_ppm": "quality_ppm",
        "retried": "attempt > 1",
        "fell_back": "fell_back",
        "vendor_failed": "vendor_failed",
        "planned": "latency_percent IS NOT NULL",
        "in_plan": "ifNull(latency_percent < 200, 0)",
        "bills": "type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')",
        "right_bills": "bill_adds_up",
        "proven": "proven = 3",
        "proven_calibrated": "proven = 4",
        "waits": "waited_ms IS NOT NULL",
        **{f"waits_{it}": f"ifNull(waited_ms <= {it}, 0)" for it in BUCKETS_MS},
        "latencies": "latency_ms IS NOT NULL",
        **{f"latencies_{it}": f"ifNull(latency_ms <= {it}, 0)" for it in BUCKETS_MS},
        "billed": f"type = 'qb.job.metered.v1' AND {_CHARGED}",
        "charges": _CHARGED,
    }
)
"""What an event adds to the columns of its hour and its day: 0 or 1, or a number, in columns of `events`."""

RENEW_CASE_SUMS: Final = (
    "DROP TABLE IF EXISTS case_sums SYNC",
    next(it for it in statements("{generation}") if "TABLE IF NOT EXISTS case_sums\n" in it),
)
"""The statements that replace the table by an empty one; `{generation}` stands for the generation of its events."""

SUMMED_THROUGH: Final = "(SELECT max(through) FROM case_sums WHERE span = 'mark')"
"""A subquery: the last sequence of the log that is in the sums."""

_SUMS = ",\n    ".join(f"sumIf(toUInt64({it}), span != 'open')" for it in CASE_COLUMNS.values())

ADD_CASES: Final = f"""
INSERT INTO case_sums (
    span, start, tenant, project, workload_class, backend, currency, generation, through,
    {", ".join(CASE_COLUMNS)}, charge, opens)
SELECT
    place.1 AS span, place.2 AS start, tenant,
    if(span = 'open', '', case_project) AS its_project,
    if(span = 'open', '', workload_class) AS its_class,
    if(span = 'open', '', case_backend) AS its_backend,
    if(span = 'open', '', currency) AS its_currency,
    any(generation), toUInt64(0),
    {_SUMS},
    sumIf(ifNull(charge, 0), span != 'open'),
    sumIf(toInt64(opens), span = 'open')
FROM events FINAL
ARRAY JOIN arrayFilter(
    it -> it.2 > toDateTime(0, 'UTC'),
    [('day', toStartOfDay(case_hour)), ('hour', case_hour), ('open', opened_hour)]) AS place
WHERE seq > {{after:UInt64}} AND seq <= {{through:UInt64}} AND {{after:UInt64}} = {SUMMED_THROUGH}
GROUP BY span, start, tenant, its_project, its_class, its_backend, its_currency
UNION ALL
SELECT
    'mark', toDateTime(0, 'UTC'), '', '', '', '', '', generation, {{through:UInt64}},
    {", ".join("0" for _ in CASE_COLUMNS)}, toDecimal128(0, 18), toInt64(0)
FROM (SELECT generation FROM events LIMIT 1)
WHERE {{after:UInt64}} = {SUMMED_THROUGH}
"""  # noqa: S608 - of constants
"""Adds the events after one sequence and up to another. `FINAL`: a row that is stored twice is counted once.

Nothing is added unless the sums end at that sequence: another process may have replaced the table meanwhile. The mark
has the generation of the table, which all of its rows have: a log that lost a part has sequences without rows.
"""
