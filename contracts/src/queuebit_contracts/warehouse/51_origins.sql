-- Who caused it: one row a job, hybrid job, session or reservation, with what its submission and the broker say of it.
--
-- Of several submissions of one job, that counts which was accepted, as in `jobs`. The user is the one that the broker
-- found: a submission cannot choose it.
CREATE OR REPLACE VIEW origins AS
WITH
    (seq, events.label, events.tags, events.session) AS content,
    arraySort(groupUniqArrayIf(content, type = 'qb.job.submitted.v1')) AS submissions,
    minOrNullIf(seq, type = 'qb.job.accepted.v1') AS accepted,
    if(accepted IS NULL, submissions[1], arrayLast(it -> it.1 < accepted, submissions)) AS submission
SELECT
    tenant,
    job AS id,
    max(events.user) AS user,
    submission.2 AS label,
    arrayMap(it -> toString(it), arraySort(arrayDistinct(submission.3))) AS tags,
    submission.4 AS session,
    '' AS session_backend
FROM events
WHERE type IN ('qb.job.submitted.v1', 'qb.job.accepted.v1', 'qb.job.rejected.v1')
GROUP BY tenant, job
UNION ALL
SELECT
    tenant,
    splitByChar('.', subject)[4] AS id,
    toLowCardinality(maxIf(JSONExtractString(data, 'user'), type != 'qb.hybrid.submitted.v1')) AS user,
    argMinIf(JSONExtractString(data, 'label'), seq, type != 'qb.hybrid.accepted.v1') AS label,
    arraySort(arrayDistinct(
        argMinIf(JSONExtract(data, 'tags', 'Array(String)'), seq, type = 'qb.hybrid.submitted.v1'))) AS tags,
    if(max(type = 'qb.session.opened.v1'), id, '') AS session,
    maxIf(JSONExtractString(data, 'backend'), type = 'qb.session.opened.v1') AS session_backend
FROM events
WHERE type IN ('qb.hybrid.submitted.v1', 'qb.hybrid.accepted.v1', 'qb.session.opened.v1', 'qb.reservation.booked.v1')
GROUP BY tenant, id
