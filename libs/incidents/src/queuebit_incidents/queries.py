"""Queries of the warehouse about an incident; placeholders are those of `Scope.parameters`.

Jobs are found by tenant and backend of the alerts, and by name where an alert names them as its evidence. All that has
many rows has a count beside a bounded list.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CALIBRATIONS",
    "CHANGES",
    "CHARGES",
    "FACTS",
    "JOBS",
    "LIFECYCLES",
    "MOST_JOBS",
    "MOST_ROWS",
    "PLACEMENTS",
    "RESPONSE",
    "TENANTS",
]

MOST_JOBS: Final = 10_000
"""The most jobs that the evidence lists one by one."""

MOST_ROWS: Final = 10_000
"""The most rows of each other list."""

FACTS: Final = """
SELECT type, event_id AS id, event_time AS at, seq, subject, source, data
FROM events FINAL
PREWHERE type IN (
    'qb.incident.opened.v1', 'qb.incident.joined.v1', 'qb.incident.acknowledged.v1', 'qb.incident.noted.v1',
    'qb.incident.resolved.v1', 'qb.incident.reopened.v1')
WHERE {incident:String} IN ('', JSONExtractString(data, 'incident'))
ORDER BY seq
"""
"""All facts about incidents, or about one."""

_IN_SCOPE: Final = """
    arrayExists(
        (its_tenant, its_backend) -> its_tenant IN ('', events.tenant) AND its_backend IN ('', events.backend),
        {tenants:Array(String)}, {backends:Array(String)})
"""
_PERIOD: Final = "stored_at >= {since:DateTime64(6, 'UTC')} AND stored_at < {until:DateTime64(6, 'UTC')}"

_NAMED: Final = f"""
    SELECT DISTINCT arrayJoin(JSONExtract(data, 'evidence', 'jobs', 'Array(String)'))
    FROM events
    PREWHERE type = 'qb.slo.fired.v1'
    WHERE {_PERIOD} AND JSONExtractString(data, 'alert') IN {{alerts:Array(String)}}
"""  # noqa: S608  # of constants

_HIT: Final = f"""
    SELECT
        events.tenant AS tenant,
        events.job AS job,
        argMax(events.backend, seq) AS backend,
        argMax(splitByChar('.', type)[3], seq) AS state,
        max(event_time) AS at,
        arraySort(groupUniqArrayArray(reasons)) AS reasons,
        max(events.provenanceid) AS provenanceid,
        max(events.job IN ({_NAMED})) AS named
    FROM events
    PREWHERE type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.rejected.v1', 'qb.job.cancelled.v1')
    WHERE {_PERIOD} AND (
        job IN ({_NAMED})
        OR {_IN_SCOPE} AND (
            type = 'qb.job.failed.v1'
            OR type = 'qb.job.completed.v1' AND JSONHas(data, 'quality')
                AND NOT JSONExtractBool(data, 'quality', 'passed')))
    GROUP BY tenant, job
"""  # noqa: S608
"""Jobs that were hit: those that failed within the scope, that passed no check of quality, or that an alert names."""

JOBS: Final = f"""
SELECT tenant, job, backend, state, at, reasons, provenanceid, named
FROM ({_HIT})
ORDER BY at, tenant, job
LIMIT {MOST_JOBS}
"""  # noqa: S608

TENANTS: Final = f"""
SELECT
    tenant,
    count() AS jobs,
    countIf(state = 'failed') AS failed,
    countIf(state != 'failed') AS others,
    arraySort(groupUniqArray(backend)) AS backends,
    arraySort(groupUniqArrayArray(reasons)) AS reasons,
    min(at) AS first_at,
    max(at) AS last_at
FROM ({_HIT})
GROUP BY tenant
ORDER BY jobs DESC, tenant
LIMIT {MOST_ROWS}
"""  # noqa: S608

PLACEMENTS: Final = f"""
SELECT
    backend,
    JSONExtractString(data, 'policy') AS policy,
    count() AS placed,
    uniqExact(job) AS jobs,
    min(event_time) AS first_at,
    max(event_time) AS last_at,
    arraySlice(arraySort(groupUniqArray(5)(JSONExtractString(data, 'snapshot'))), 1, 5) AS snapshots
FROM events FINAL
PREWHERE type = 'qb.job.placed.v1'
WHERE job IN (SELECT job FROM ({_HIT}))
GROUP BY backend, policy
ORDER BY placed DESC, backend, policy
LIMIT {MOST_ROWS}
"""  # noqa: S608
"""Decisions of the scheduler about the jobs that were hit; a snapshot names all inputs of a decision."""

CHARGES: Final = f"""
SELECT tenant, currency, sum(assumeNotNull(charge)) AS charged
FROM events FINAL
PREWHERE type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')
WHERE charge IS NOT NULL AND job IN (SELECT job FROM ({_HIT}))
GROUP BY tenant, currency
ORDER BY tenant, currency
"""  # noqa: S608
"""What the jobs that were hit were charged."""

LIFECYCLES: Final = f"""
SELECT provenanceid, tenant, job, seq, event_time AS at, type, source, backend, event_id AS id
FROM events FINAL
WHERE provenanceid != '' AND provenanceid IN {{provenance:Array(String)}}
    AND stored_at >= {{since:DateTime64(6, 'UTC')}} - INTERVAL 1 DAY
ORDER BY provenanceid, seq
LIMIT {MOST_ROWS}
"""  # noqa: S608
"""All that happened under some provenance ids."""

CALIBRATIONS: Final = f"""
SELECT backend, splitByChar('.', type)[3] AS event, event_time AS at, seq, event_id AS id, data
FROM events FINAL
PREWHERE type IN ('qb.backend.calibrated.v1', 'qb.backend.calibration_failed.v1')
WHERE backend IN {{devices:Array(String)}} AND stored_at < {{until:DateTime64(6, 'UTC')}}
    AND stored_at >= {{since:DateTime64(6, 'UTC')}} - INTERVAL 1 DAY
ORDER BY seq DESC
LIMIT {MOST_ROWS}
"""  # noqa: S608
"""Calibrations of some backends, from a day before the incident; the newest first."""

CHANGES: Final = f"""
SELECT type, event_time AS at, seq, event_id AS id, tenant, data
FROM events FINAL
PREWHERE type IN (
    'qb.config.applied.v1', 'qb.tenant.defined.v1', 'qb.tenant.removed.v1', 'qb.tenant.project_defined.v1',
    'qb.tenant.project_removed.v1', 'qb.backend.registered.v1')
WHERE {_PERIOD}
ORDER BY seq
LIMIT {MOST_ROWS}
"""  # noqa: S608
"""What was put in force, and which backends were registered again."""

RESPONSE: Final = f"""
SELECT type, event_time AS at, seq, event_id AS id, data
FROM events FINAL
PREWHERE type IN (
    'qb.slo.fired.v1', 'qb.slo.resolved.v1', 'qb.slo.notified.v1', 'qb.slo.delivered.v1', 'qb.slo.acknowledged.v1',
    'qb.silence.created.v1', 'qb.silence.ended.v1')
WHERE {_PERIOD} AND (
    startsWith(type, 'qb.silence.')
    OR JSONExtractString(data, 'alert') IN {{alerts:Array(String)}}
    OR JSONExtractString(data, 'group') = {{group:String}})
ORDER BY seq
LIMIT {MOST_ROWS}
"""  # noqa: S608
"""Firings of the alerts, notifications, acknowledgements, and silences."""
