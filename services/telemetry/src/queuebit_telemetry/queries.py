"""All queries to the warehouse. Values are parameters; the tenant is always one of them."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BILLED",
    "BILLED_BESIDE",
    "BILLS",
    "CHARGES",
    "DROP",
    "FACTS",
    "FIDELITIES",
    "FORGET",
    "INVENTORY",
    "JOBS",
    "NEWEST",
    "POSITION",
    "REFILLED",
    "SET_ASIDE",
    "SUMMED",
]

POSITION: Final = """
SELECT
    comment,
    (SELECT max(seq) FROM events) AS seq,
    (
        SELECT count()
        FROM system.detached_parts
        WHERE database = currentDatabase() AND table = 'events' AND (reason = '' OR startsWith(reason, 'broken'))
    ) AS lost
FROM system.tables
WHERE database = currentDatabase() AND name = 'events'
"""
"""Parts that are detached were damaged: the warehouse set them aside, and their rows are missing."""

_DROP_SUMS: Final = ("DROP TABLE IF EXISTS case_sums SYNC", "DROP TABLE IF EXISTS kept_cases SYNC")

DROP: Final = (*_DROP_SUMS, "DROP TABLE IF EXISTS events SYNC")
"""Forgets the events and what is summed of them, and keeps the table that was set aside."""

SET_ASIDE: Final = (
    "DROP TABLE IF EXISTS events_set_aside SYNC",
    *_DROP_SUMS,
    "RENAME TABLE events TO events_set_aside",
)

REFILLED: Final = """
SELECT now.last >= before.last AND now.number >= before.number AS refilled
FROM (SELECT max(seq) AS last, count() AS number FROM events) AS now
CROSS JOIN (SELECT max(seq) AS last, count() AS number FROM events_set_aside) AS before
"""
"""Whether the new table has all that was set aside: the log may have lost what the former table still holds."""

SUMMED: Final = """
SELECT
    (SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = 'events') AS of_events,
    (SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = 'case_sums') AS of_sums,
    (SELECT max(seq) FROM events) AS last,
    (SELECT max(through) FROM case_sums WHERE span = 'mark') AS through,
    (
        SELECT count()
        FROM system.detached_parts
        WHERE database = currentDatabase() AND table = 'case_sums' AND (reason = '' OR startsWith(reason, 'broken'))
    ) AS lost
"""
"""The position of the sums beside that of the events that they are made of."""

FORGET: Final = (*DROP, "DROP TABLE IF EXISTS events_set_aside SYNC")

NEWEST: Final = """
SELECT job, seq
FROM events
WHERE tenant = {tenant:String} AND type = 'qb.job.submitted.v1'
    AND ({before:UInt64} = 0 OR seq < {before:UInt64})
    AND ({project:String} = '' OR project = {project:String})
    AND ({job:String} = '' OR job = {job:String})
    AND startsWith(label, {label:String})
    AND ({tag:String} = '' OR has(tags, {tag:String}))
    AND ({session:String} = '' OR session = {session:String})
    AND stored_at >= toDateTime64({since:Float64}, 6, 'UTC')
    AND ({until:Float64} = 0 OR stored_at < toDateTime64({until:Float64}, 6, 'UTC'))
    AND ({user:String} = '' OR job IN (
        SELECT job FROM events WHERE tenant = {tenant:String} AND job != '' AND events.user = {user:String}))
    AND ({backend:String} = '' OR job IN (
        SELECT job FROM events
        WHERE tenant = {tenant:String} AND backend = {backend:String} AND job != ''))
    AND (empty({types:Array(String)}) OR job IN (
        SELECT job FROM events WHERE tenant = {tenant:String} AND type IN {types:Array(String)}))
    AND ({waiting:UInt8} = 0 OR job NOT IN (
        SELECT job FROM events
        WHERE tenant = {tenant:String} AND type IN (
            'qb.job.rejected.v1', 'qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.cancelled.v1',
            'qb.job.expired.v1')))
ORDER BY seq DESC
LIMIT 1 BY job
LIMIT {limit:UInt32}
"""
"""The newest jobs that may fit: each has been on the backend and in one of the states, at least before."""

JOBS: Final = """
SELECT * EXCEPT (tenant)
FROM jobs
WHERE tenant = {tenant:String} AND job IN {jobs:Array(String)}
"""
"""Jobs by their ids."""

FIDELITIES: Final = """
SELECT backend, count() AS jobs, sum(intDiv(measured * 1000000, assumeNotNull(esp_ppm))) AS ratios_ppm
FROM (
    SELECT
        backend,
        JSONExtract(data, 'compilation', 'esp_ppm', 'Nullable(UInt32)') AS esp_ppm,
        JSONExtract(data, 'quality', 'checks', 'Array(Tuple(name String, value Int64))') AS checks,
        arrayFirst(it -> it.name = 'fidelity', checks).value AS measured
    FROM events
    WHERE tenant = {tenant:String} AND type = 'qb.job.completed.v1'
    ORDER BY seq DESC
    LIMIT 1 BY seq
    LIMIT {limit:UInt32}
)
WHERE esp_ppm > 0 AND arrayExists(it -> it.name = 'fidelity', checks)
GROUP BY backend
ORDER BY backend
"""
"""The measured fidelity of a tenant's newest completed jobs beside their success probabilities, by backend."""

FACTS: Final = """
SELECT seq AS sequence, stored_at, event_time AS at, event_id AS event, type, source, traceparent, job, backend, data
FROM events
WHERE type IN {types:Array(String)}
    AND (tenant = {tenant:String} OR (tenant = '' AND type IN {shared:Array(String)}))
    AND ({before:UInt64} = 0 OR seq < {before:UInt64})
    AND stored_at >= toDateTime64({since:Float64}, 6, 'UTC')
    AND ({until:Float64} = 0 OR stored_at < toDateTime64({until:Float64}, 6, 'UTC'))
    AND ({backend:String} = '' OR backend = {backend:String})
    AND ({actor:String} IN ('', 'unknown') OR source = concat('qb/', {actor:String}) OR {actor:String} IN (
        JSONExtractString(data, 'by'), JSONExtractString(data, 'user'), JSONExtractString(data, 'author'),
        JSONExtractString(data, 'key'), JSONExtractString(data, 'proof', 'key')))
ORDER BY seq DESC
LIMIT 1 BY seq
LIMIT {limit:UInt32}
"""
"""Of an actor: the facts that may be by this one; their records say whether they are."""

INVENTORY: Final = """
SELECT
    project,
    currency,
    countIf(state = 'completed') AS jobs,
    maxOrNullIf(ended_at, state = 'completed') AS last_run,
    groupUniqArrayIf(backend, state = 'completed') AS backends,
    sum(coalesce(charge, 0)) AS charge,
    [] AS data_sets
FROM jobs
WHERE tenant = {tenant:String}
GROUP BY project, currency
UNION ALL
SELECT
    project,
    '' AS currency,
    toUInt64(0) AS jobs,
    NULL AS last_run,
    [] AS backends,
    0 AS charge,
    groupUniqArray(concat(used.name, '@', used.version)) AS data_sets
FROM events
ARRAY JOIN JSONExtract(data, 'inputs', 'Array(Tuple(name String, version String))') AS used
WHERE tenant = {tenant:String} AND type = 'qb.job.submitted.v1'
GROUP BY project
"""
"""What the jobs of each project amount to, by currency, and the data sets that their submissions name."""

CHARGES: Final = """
SELECT project, currency, sum(billed) AS jobs, sum(charge) AS amount, sum(jbu) AS jbu
FROM (
    SELECT project, currency, toUInt64(type = 'qb.job.metered.v1') AS billed, charge, jbu
    FROM events FINAL
    WHERE tenant = {tenant:String} AND type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')
    UNION ALL
    SELECT
        project,
        JSONExtractString(data, 'charge', 'currency') AS currency,
        toUInt64(0) AS billed,
        toDecimal128OrNull(JSONExtractString(data, 'charge', 'amount'), 18) AS charge,
        toDecimal128OrNull(JSONExtractString(data, 'charge', 'jbu'), 18) AS jbu
    FROM events FINAL
    WHERE tenant = {tenant:String}
        AND type IN ('qb.session.metered.v1', 'qb.hybrid.metered.v1', 'qb.reservation.metered.v1')
)
WHERE {project:String} = '' OR project = {project:String}
GROUP BY project, currency
ORDER BY project, currency
"""
"""Exact sums over the events themselves, with the idle time of sessions, the own time of hybrid jobs and reservations.

Money never comes from a derived table. `jobs` counts jobs alone.
"""

BILLS: Final = """
SELECT seq AS sequence, stored_at AS at, type, job, data
FROM events
WHERE tenant = {tenant:String}
    AND type IN ('qb.job.metered.v1', 'qb.job.corrected.v1', 'qb.session.metered.v1', 'qb.hybrid.metered.v1',
        'qb.reservation.metered.v1')
    AND ({project:String} = '' OR JSONExtractString(data, 'project') = {project:String})
    AND ({before:UInt64} = 0 OR seq < {before:UInt64})
    AND stored_at >= toDateTime64({since:Float64}, 6, 'UTC')
    AND ({until:Float64} = 0 OR stored_at < toDateTime64({until:Float64}, 6, 'UTC'))
ORDER BY seq DESC
LIMIT 1 BY seq
LIMIT {limit:UInt32}
"""
"""Everything that was charged, and every correction, newest first."""

BILLED: Final = """
SELECT
    job,
    max(user) AS user,
    argMinIf(label, seq, type = 'qb.job.submitted.v1') AS label,
    argMinIf(JSONExtract(data, 'tags', 'Array(String)'), seq, type = 'qb.job.submitted.v1') AS tags,
    arraySort(groupUniqArrayIf((seq, data), type IN ('qb.job.metered.v1', 'qb.job.corrected.v1'))) AS bills
FROM events
WHERE tenant = {tenant:String} AND job IN {jobs:Array(String)}
GROUP BY job
"""
"""What bills do not say of their jobs, and all bills of each, oldest first."""

BILLED_BESIDE: Final = """
SELECT
    splitByChar('.', subject)[4] AS id,
    maxIf(JSONExtractString(data, 'user'), type != 'qb.hybrid.submitted.v1') AS user,
    argMinIf(JSONExtractString(data, 'label'), seq, type != 'qb.hybrid.accepted.v1') AS label,
    argMinIf(JSONExtract(data, 'tags', 'Array(String)'), seq, type = 'qb.hybrid.submitted.v1') AS tags
FROM events
WHERE tenant = {tenant:String}
    AND type IN ('qb.hybrid.submitted.v1', 'qb.hybrid.accepted.v1', 'qb.session.opened.v1')
    AND id IN {ids:Array(String)}
GROUP BY id
"""
"""What bills do not say of their hybrid jobs and sessions.

The user is the one that the broker found: a submission may have a field of that name, which its sender chose.
"""
