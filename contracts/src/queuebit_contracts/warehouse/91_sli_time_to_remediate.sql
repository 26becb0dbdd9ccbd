-- From the first alert of an incident to its end, at its opening; one that is not over counts with its age.
--
-- It ended when the last of its alerts was resolved, or when a person said so; the last episode counts.
CREATE OR REPLACE VIEW sli_time_to_remediate AS
WITH
    arrayMap(
        it -> parseDateTime64BestEffortOrZero(JSONExtractString(it, 'fired_at'), 6, 'UTC'),
        JSONExtractArrayRaw(data, 'alerts')) AS firings,
    histories AS (
        SELECT
            JSONExtractString(data, 'incident') AS incident,
            argMinIf(data, seq, type = 'qb.incident.opened.v1') AS opening,
            minIf(least(event_time, stored_at), type = 'qb.incident.opened.v1') AS opened_at,
            minArray(arrayFilter(it -> toUnixTimestamp64Micro(it) > 0, firings)) AS fired_at,
            argMaxIf(type, seq, type IN ('qb.incident.resolved.v1', 'qb.incident.reopened.v1')) AS last_turn,
            argMaxIf(
                parseDateTime64BestEffortOrZero(JSONExtractString(data, 'ended_at'), 6, 'UTC'),
                seq, type = 'qb.incident.resolved.v1') AS last_end,
            if(last_turn = 'qb.incident.resolved.v1', last_end, now64(6, 'UTC')) AS ended_at
        FROM events
        WHERE type IN (
            'qb.incident.opened.v1', 'qb.incident.joined.v1', 'qb.incident.reopened.v1', 'qb.incident.resolved.v1')
        GROUP BY incident
        HAVING opening != ''
    )
SELECT
    JSONExtractString(opening, 'labels', 'tenant') AS tenant,
    '' AS project,
    JSONExtractString(JSONExtractArrayRaw(opening, 'alerts')[1], 'labels', 'workload_class') AS workload_class,
    JSONExtractString(opening, 'labels', 'backend') AS backend,
    whose.vendor AS vendor,
    opened_at AS at,
    toUInt64(1) AS good,
    toUInt64(1) AS total,
    toUInt64(greatest(dateDiff('millisecond', fired_at, ended_at), 0)) AS value_ms,
    incident
FROM histories
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = JSONExtractString(opening, 'labels', 'backend')
