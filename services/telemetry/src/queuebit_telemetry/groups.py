"""Groups of jobs: what the jobs with one tag, or of one session, did and cost. The tenant is always a parameter."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import JsonValue

from queuebit_kernel import Money, rfc3339

__all__ = ["GROUPS", "MOST_GROUPS", "group_document"]

MOST_GROUPS: Final = 1_000

GROUPS: Final = """
WITH
    members AS (
        SELECT job, argMax(tags, seq) AS job_tags, argMax(session, seq) AS job_session, min(event_time) AS submitted
        FROM events
        WHERE tenant = {tenant:String} AND type = 'qb.job.submitted.v1'
            AND stored_at >= toDateTime({since:UInt32}, 'UTC')
            AND ({tag:String} = '' OR has(tags, {tag:String}))
            AND ({session:String} = '' OR session = {session:String})
            AND (notEmpty(tags) OR session != '')
            AND ({project:String} = '' OR project = {project:String})
        GROUP BY job
    ),
    holds AS (
        SELECT
            job,
            anyIf(toDecimal128OrNull(JSONExtractString(data, 'amount', 'amount'), 18), type = 'qb.account.held.v1')
                AS held,
            anyIf(JSONExtractString(data, 'amount', 'currency'), type = 'qb.account.held.v1') AS held_in
        FROM events
        WHERE tenant = {tenant:String} AND job IN (SELECT job FROM members)
            AND type IN ('qb.account.held.v1', 'qb.account.settled.v1', 'qb.account.released.v1')
        GROUP BY job
        HAVING countIf(type != 'qb.account.held.v1') = 0
    ),
    states AS (
        SELECT job, state, charge, currency, sealed, ended_at
        FROM jobs
        WHERE tenant = {tenant:String} AND job IN (SELECT job FROM members)
    )
SELECT
    of_group.1 AS kind,
    of_group.2 AS name,
    count() AS jobs,
    sumMap([state], [toUInt64(1)]) AS states,
    sumMap([currency], [ifNull(charge, 0)]) AS charged,
    sumMap([held_in], [ifNull(holds.held, 0)]) AS held,
    countIf(sealed) AS sealed,
    min(submitted) AS first_at,
    max(greatest(submitted, ifNull(ended_at, submitted))) AS last_at
FROM (
    SELECT
        job,
        submitted,
        arrayJoin(arrayConcat(
            arrayMap(it -> ('tag', it), arrayDistinct(job_tags)),
            if(job_session = '', [], [('session', job_session)]))) AS of_group
    FROM members
) AS grouped
INNER JOIN states ON states.job = grouped.job
LEFT JOIN holds ON holds.job = grouped.job
WHERE ({tag:String} = '' OR of_group = ('tag', {tag:String}))
    AND ({session:String} = '' OR of_group = ('session', {session:String}))
GROUP BY of_group
ORDER BY last_at DESC, kind, name
LIMIT {limit:UInt32}
"""
"""The groups with the newest submissions and ends first. Only jobs that were submitted since a time count: the query
reads small columns of their submissions, and of the events of the jobs that are in a group."""


def group_document(row: Mapping[str, Any]) -> dict[str, JsonValue]:  # columns of any type
    """A row as the answer has it: jobs by state, and amounts by currency."""
    return {
        "kind": row["kind"],
        "name": row["name"],
        "jobs": row["jobs"],
        "states": dict(zip(*row["states"], strict=True)),
        "sealed": row["sealed"],
        "charged": _amounts(row["charged"]),
        "held": _amounts(row["held"]),
        "first_at": rfc3339(row["first_at"]),
        "last_at": rfc3339(row["last_at"]),
    }


def _amounts(sums: tuple[list[str], list[Decimal]]) -> dict[str, JsonValue]:
    return {currency: Money(amount, currency).text() for currency, amount in zip(*sums, strict=True) if currency}
