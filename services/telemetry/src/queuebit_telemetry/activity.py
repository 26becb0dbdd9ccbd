"""What a tenant's jobs did and cost: sums by time, project, user, backend or tag. The tenant is always a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["MOST_ROWS", "activity"]

MOST_ROWS: Final = 10_000

_KEYS: Final[dict[str, str]] = {
    "hour": "toStartOfHour(submitted_at)",
    "day": "toStartOfDay(submitted_at)",
    "project": "project",
    "user": "user",
    "backend": "backend",
    "tag": "tag",
}

_TAGS: Final = """
INNER JOIN (
    SELECT job AS tagged, arrayJoin(if(empty(tags), [''], tags)) AS tag
    FROM (
        SELECT job, argMax(events.tags, seq) AS tags
        FROM events
        WHERE tenant = {tenant:String} AND type = 'qb.job.submitted.v1'
        GROUP BY job)
) AS tags ON job = tagged
"""
"""A job with several tags counts under each; one without counts under the empty tag."""

_ACTIVITY: Final = """
SELECT
    %(keys)s,
    paid_in AS currency,
    count() AS jobs,
    countIf(state = 'completed') AS completed,
    countIf(state = 'failed') AS failed,
    countIf(state = 'rejected') AS rejected,
    countIf(state = 'cancelled') AS cancelled,
    countIf(state = 'expired') AS expired,
    sum(charge) AS charged,
    toUInt64(quantileIf(0.5)(queue_wait_ms, queue_wait_ms IS NOT NULL)) AS wait_p50_ms,
    toUInt64(quantileIf(0.95)(queue_wait_ms, queue_wait_ms IS NOT NULL)) AS wait_p95_ms
FROM (
    SELECT *, max(jobs.currency) OVER (PARTITION BY project) AS paid_in
    FROM jobs
    WHERE tenant = {tenant:String} AND job IN (
        SELECT job
        FROM events
        WHERE tenant = {tenant:String} AND type = 'qb.job.submitted.v1'
            AND stored_at >= toDateTime({since:UInt32}, 'UTC'))
) AS submitted
%(tags)s
GROUP BY ALL
ORDER BY ALL
LIMIT {limit:UInt32}
"""
"""A project pays in one currency: a job that is not billed yet belongs to the sums in it."""


def activity(by: Sequence[str]) -> str:
    """The query of these sums by fields of `Question.by`, with the parameters `tenant`, `since` and `limit`."""
    keys = ", ".join(f"{_KEYS[it]} AS {it}" if _KEYS[it] != it else it for it in by)
    return _ACTIVITY % {"keys": keys, "tags": _TAGS if "tag" in by else ""}
