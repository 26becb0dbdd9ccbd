-- From the cause of an incident to its first alert, of incidents whose cause is known, at their opening.
--
-- The cause is what the last note with a time says, or else the earliest case that an alert of the incident is about.
-- `queuebit_incidents.state` has the same rules; every aggregate ignores repeated rows.
CREATE OR REPLACE VIEW sli_time_to_detect AS
WITH
    JSONExtractArrayRaw(data, 'alerts') AS alerts,
    arrayMap(it -> parseDateTime64BestEffortOrZero(JSONExtractString(it, 'fired_at'), 6, 'UTC'), alerts) AS firings,
    arrayMap(it -> parseDateTime64BestEffortOrZero(JSONExtractString(it, 'cause_at'), 6, 'UTC'), alerts) AS cases,
    parseDateTime64BestEffortOrZero(JSONExtractString(data, 'cause_at'), 6, 'UTC') AS stated,
    histories AS (
        SELECT
            JSONExtractString(data, 'incident') AS incident,
            argMinIf(data, seq, type = 'qb.incident.opened.v1') AS opening,
            minIf(least(event_time, stored_at), type = 'qb.incident.opened.v1') AS opened_at,
            minArray(arrayFilter(it -> toUnixTimestamp64Micro(it) > 0, firings)) AS fired_at,
            minArray(arrayFilter(it -> toUnixTimestamp64Micro(it) > 0, cases)) AS first_case,
            argMaxIf(stated, seq, type = 'qb.incident.noted.v1' AND toUnixTimestamp64Micro(stated) > 0) AS last_stated,
            if(toUnixTimestamp64Micro(last_stated) > 0, last_stated, first_case) AS cause_at
        FROM events
        WHERE type IN (
            'qb.incident.opened.v1', 'qb.incident.joined.v1', 'qb.incident.reopened.v1', 'qb.incident.noted.v1')
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
    toUInt64(greatest(dateDiff('millisecond', cause_at, fired_at), 0)) AS value_ms,
    incident
FROM histories
LEFT ANY JOIN backend_vendors AS whose ON whose.backend = JSONExtractString(opening, 'labels', 'backend')
WHERE toUnixTimestamp64Micro(cause_at) > 0
