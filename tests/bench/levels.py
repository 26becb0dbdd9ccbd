"""The time to evaluate the service levels of a tenant over ten million events, with the engine of the warehouse."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta

from tests.bench.report import Report, percentile

from queuebit_contracts.tables import statements
from queuebit_slo import of_tenant, query, shipped
from queuebit_warehouse.engine import connect

__all__ = ["measure_levels"]

BEGAN = datetime(2026, 6, 1, tzinfo=UTC)
TENANTS = 10
BATCH = 1_000_000

LIVES = """
INSERT INTO events
    (seq, stored_at, event_time, event_id, type, source, subject, tenant, job, project, backend, data, generation)
SELECT
    number + 1 AS seq,
    toDateTime64({began:UInt32}, 6, 'UTC') + toIntervalMillisecond(number * 250) AS at,
    at,
    toString(seq),
    ['qb.job.submitted.v1', 'qb.account.held.v1', 'qb.job.accepted.v1', 'qb.job.placed.v1', 'qb.job.started.v1',
     'qb.job.completed.v1', 'qb.job.metered.v1', 'qb.job.sealed.v2'][1 + number % 8] AS type,
    'qb/bench',
    concat('qb.job.', tenant, '.', job),
    concat('t', toString(intDiv(number, 8) % {tenants:UInt32})) AS tenant,
    concat('j', toString(intDiv(number, 8))) AS job,
    'main',
    concat('backend-', toString(intDiv(number, 8) % 5)),
    if(type = 'qb.job.completed.v1', concat(
        '{"submitted_at":"', toString(at - toIntervalSecond(2)),
        '","accepted_at":"', toString(at - toIntervalMillisecond(1900)),
        '","started_at":"', toString(at - toIntervalMillisecond(seq % 1800)), '"}'), '{}'),
    'bench'
FROM numbers({first:UInt64}, {batch:UInt64})
"""
"""Lives of jobs of eight events each, four events a second: ten million are 29 days."""


def measure_levels(report: Report, events: int) -> None:
    """Fill the table `events`, then run the queries of `qb slo`."""
    with tempfile.TemporaryDirectory(prefix="queuebit-bench-") as folder:
        engine = connect(f"{folder}/warehouse")
        began = str(int(BEGAN.timestamp()))
        for statement in statements("bench"):
            engine.query(statement, "Null")
        for first in range(0, events, BATCH):
            values = {"began": began, "tenants": str(TENANTS), "first": str(first), "batch": str(BATCH)}
            engine.query(LIVES, "Null", params=values)
        now, took = BEGAN + timedelta(days=29), []
        for _ in range(30):
            asked = time.perf_counter()
            for objective in shipped():
                own = of_tenant(objective, "t3")
                assert own is not None
                counting = query(own, now, [own.window])
                engine.query(counting.sql, "JSONEachRow", params={**counting.parameters})
            took.append((time.perf_counter() - asked) * 1000)
        engine.close()
    report.add(
        f"service levels of one tenant over {events / 1e6:g} million events",
        f"p50 {percentile(took, 0.5):.1f} ms, worst {max(took):.1f} ms",
        "floor: 20 ms",
    )
