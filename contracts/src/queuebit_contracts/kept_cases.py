"""The table `kept_cases`: the cases of indicators that need many events, as their views had them when last asked.

Of most of them all cases are kept. A case of `telemetry-completeness` or of `preemption` is a job, and nearly all are
good: only the others are kept, and `case_sums` has the number of all. A job is good until it is found that it is not.
Cases of `plan-accuracy` and `calibration-freshness` are jobs, too, and `case_sums` does not have their number: what is
kept of them is how many there were in each hour, and in each day before the last three. Of `queue-wait`, the jobs
without an end are kept, each with its wait until then; `case_sums` has those that ended.
"""

from __future__ import annotations

from typing import Final

from queuebit_contracts.case_sums import SUMMED_THROUGH

__all__ = [
    "DROP_KEPT",
    "KEPT",
    "KEPT_BAD",
    "KEPT_CASES",
    "KEPT_HOURS",
    "KEPT_OPEN",
    "KEPT_VIEWS",
    "KEPT_WHOLE",
    "OUTDATED",
    "keep_cases",
    "kept_at",
    "newest",
]

KEPT_WHOLE: Final = ("variance", "drift", "fairness", "noisy-neighbour")
"""Indicators of which all cases are kept: their cases are days and calibrations."""

KEPT_BAD: Final = ("telemetry-completeness", "preemption")
"""Indicators of which the cases are kept that are not good: their cases are the jobs that completed or failed."""

KEPT_HOURS: Final = ("plan-accuracy", "calibration-freshness")
"""Indicators of which cases are kept added up, as `kept_at` says."""

KEPT_OPEN: Final = ("queue-wait",)
"""Indicators of which the jobs without an end are kept: their cases may change while the log does not."""

KEPT_VIEWS: Final = (*KEPT_WHOLE, *KEPT_HOURS, *KEPT_BAD)
"""Indicators whose cases are those of their views."""

KEPT: Final = (*KEPT_OPEN, *KEPT_VIEWS)

_DIMENSIONS: Final = "tenant, project, workload_class, backend, vendor"
_FIELDS: Final = f"{_DIMENSIONS}, at, good, total"


_OPENED_SINCE: Final = f"""
            SELECT toDateTime64(ifNull(minOrNull(opened_hour), now()), 6, 'UTC') - INTERVAL 1 HOUR
            FROM (
                SELECT opened_hour, tenant, sum(number) AS open
                FROM (
                    SELECT *, max(upto) OVER () AS summed
                    FROM (
                        SELECT start AS opened_hour, tenant, sum(opens) AS number, max(through) AS upto,
                            toUInt64(0) AS seq
                        FROM case_sums
                        WHERE span IN ('mark', 'open')
                        GROUP BY start, tenant
                        UNION ALL
                        SELECT opened_hour, tenant, toInt64(opens), toUInt64(0), seq
                        FROM events
                        WHERE seq > {SUMMED_THROUGH} AND opened_hour > toDateTime(0, 'UTC')
                        LIMIT 1 BY seq
                    )
                )
                WHERE opened_hour > toDateTime(0, 'UTC') AND (seq = 0 OR seq > summed)
                GROUP BY opened_hour, tenant
                HAVING open != 0
            )"""  # noqa: S608 - of constants
"""From an hour before the first hour of which a job is open: its acceptance may be stored earlier than its own time."""

_OPEN_JOBS: Final = f"""
    SELECT
        tenant,
        argMaxIf(events.project, seq, type = 'qb.job.accepted.v1') AS project,
        argMaxIf(events.workload_class, seq, type = 'qb.job.accepted.v1') AS workload_class,
        argMaxIf(
            if(type = 'qb.job.withdrawn.v1', '', toString(events.backend)),
            seq, type IN ('qb.job.placed.v1', 'qb.job.withdrawn.v1', 'qb.job.started.v1')) AS backend,
        '' AS vendor,
        ifNull(maxOrNullIf(case_at, type = 'qb.job.started.v1'), now64(6, 'UTC')) AS at,
        toUInt64(1) AS good,
        toUInt64(1) AS total,
        toUInt64(greatest(0, dateDiff('millisecond', minIf(
            least(case_at, ifNull(
                parseDateTime64BestEffortOrNull(JSONExtractString(data, 'submitted_at'), 6, 'UTC'), case_at)),
            type = 'qb.job.accepted.v1'), at))) AS value_ms
    FROM events
    WHERE type IN (
            'qb.job.accepted.v1', 'qb.job.placed.v1', 'qb.job.withdrawn.v1', 'qb.job.started.v1',
            'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1')
        AND stored_at >= greatest(now64(6, 'UTC') - INTERVAL 30 DAY, ({_OPENED_SINCE}))
    GROUP BY tenant, job
    HAVING countIf(type IN (
            'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1', 'qb.job.expired.v1')) = 0
        AND countIf(type = 'qb.job.accepted.v1') > 0"""  # noqa: S608 - of constants
"""Jobs without an end: those that run, at their start, and those that wait, now, with their age.

They are sought in the log from the first hour of which a job is open, at most 30 days back.
"""


def keep_cases(indicator: str) -> str:
    """The statement that asks for the cases of an indicator and keeps them, as `keeping`."""
    return f"""
INSERT INTO kept_cases (indicator, keeping, {_FIELDS}, value_ms)
SELECT '{indicator}', {{keeping:UInt64}}, {_FIELDS}, value_ms FROM ({_cases(indicator)})
UNION ALL
SELECT '{indicator}', {{keeping:UInt64}}, '', '', '', '', '', toDateTime64(0, 6, 'UTC'), toUInt64(0), toUInt64(0),
    toUInt64(0)
"""  # noqa: S608 - names of this module


def _cases(indicator: str) -> str:
    if indicator in KEPT_OPEN:
        return _OPEN_JOBS
    view = "sli_" + indicator.replace("-", "_")
    if indicator in KEPT_HOURS:
        return f"""
    SELECT {_DIMENSIONS}, {kept_at("found.at")} AS at, sum(found.good) AS good, sum(found.total) AS total,
        toUInt64(0) AS value_ms
    FROM {view} AS found
    GROUP BY {_DIMENSIONS}, {kept_at("found.at")}"""  # noqa: S608 - as above
    bad = " WHERE found.good < found.total" if indicator in KEPT_BAD else ""
    return f"SELECT *, toUInt64(0) AS value_ms FROM (SELECT {_FIELDS} FROM {view} AS found{bad})"  # noqa: S608 - as above


def kept_at(at: str) -> str:
    """When a case of `KEPT_HOURS` counts: at the beginning of its hour, or of its day before the last three."""
    span = (
        f"if({at} >= toStartOfDay(now('UTC')) - INTERVAL 3 DAY, toStartOfHour({at}), toDateTime(toDate({at}), 'UTC'))"
    )
    return f"toDateTime64({span}, 6, 'UTC')"


def newest(indicator: str) -> str:
    """A condition on `kept_cases`: the rows of an indicator that it had when it was asked last."""
    own = f"indicator = '{indicator}'"
    return f"{own} AND keeping = (SELECT max(keeping) FROM kept_cases WHERE {own})"  # noqa: S608 - as above


OUTDATED: Final = """
SELECT DISTINCT partition_id
FROM system.parts
WHERE database = currentDatabase() AND table = 'kept_cases' AND active
    AND partition LIKE concat('(\\'', {indicator:String}, '\\',%')
    AND toUInt64OrZero(extract(partition, '(\\\\d+)\\\\)$')) < {keeping:UInt64}
"""
"""The partitions of an indicator that were kept before a keeping."""

DROP_KEPT: Final = "ALTER TABLE kept_cases DROP PARTITION ID {partition:String}"
"""Deletes a partition of `OUTDATED`."""

KEPT_CASES: Final = """
SELECT sum(total) AS cases FROM kept_cases WHERE indicator = {indicator:String} AND keeping = {keeping:UInt64}
"""
"""How many cases a keeping has."""
