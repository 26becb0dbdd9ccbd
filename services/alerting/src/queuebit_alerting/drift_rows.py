"""What drift is looked for in: queries of the warehouse over a step of ten minutes, an hour or a day, and their rows.

A step holds what the log stored within it, so that a row that arrives late is in a later step, and none is in two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import log
from types import MappingProxyType
from typing import Any, Final

from queuebit_contracts.backend import Calibration
from queuebit_drift import CalibrationRow, Sample, Stream, Watch, calibrations, spend

__all__ = [
    "CALIBRATED",
    "ENDED",
    "FIRST",
    "RAN",
    "SHORTEST",
    "SPENT",
    "STEP_KINDS",
    "Samples",
    "StepKind",
    "calibrated",
    "ended",
    "kinds_of_steps",
    "ran",
    "spent",
]

FIRST: Final = """
SELECT toUnixTimestamp(stored_at) AS at
FROM events
WHERE type IN {types:Array(String)} AND stored_at >= fromUnixTimestamp({since:UInt32})
ORDER BY seq
LIMIT 1
"""
"""When the log stored the next fact of some types: steps without any are passed over."""

RAN: Final = """
WITH
    devices AS (
        SELECT backend
        FROM (
            SELECT backend, argMax(JSONExtractString(data, 'kind'), seq) AS kind
            FROM events
            WHERE type = 'qb.backend.registered.v1'
            GROUP BY backend
        )
        WHERE kind != 'simulator'
    ),
    runs AS (
        SELECT
            tenant, job, backend, stored_at,
            JSONExtractString(data, 'calibration') AS calibration,
            parseDateTime64BestEffortOrZero(JSONExtractString(data, 'placed_at'), 6, 'UTC') AS placed_at,
            parseDateTime64BestEffortOrZero(JSONExtractString(data, 'submitted_at'), 6, 'UTC') AS submitted_at,
            JSONExtract(JSONExtractString(data, 'result', 'inline'), 'Map(String, UInt64)') AS counts
        FROM events
        WHERE type = 'qb.job.completed.v1'
            AND stored_at >= fromUnixTimestamp({since:UInt32}) AND stored_at < fromUnixTimestamp({until:UInt32})
            AND backend IN (SELECT backend FROM devices)
            AND JSONExtractString(data, 'result', 'media_type') = 'application/json'
            AND notEmpty(counts)
        ORDER BY seq
        LIMIT 1 BY seq
        LIMIT 2000
    ),
    circuits AS (
        SELECT tenant, job, argMax(JSONExtractString(data, 'circuit'), seq) AS circuit
        FROM events
        WHERE type = 'qb.job.placed.v1'
            AND stored_at >= (SELECT min(placed_at) - INTERVAL 1 MINUTE FROM runs)
            AND stored_at < fromUnixTimestamp({until:UInt32})
            AND (tenant, job) IN (SELECT tenant, job FROM runs)
        GROUP BY tenant, job
    ),
    seeded AS (
        SELECT tenant, job
        FROM events
        WHERE type = 'qb.job.submitted.v1'
            AND stored_at >= (SELECT min(submitted_at) - INTERVAL 1 MINUTE FROM runs)
            AND stored_at < fromUnixTimestamp({until:UInt32})
            AND (tenant, job) IN (SELECT tenant, job FROM runs)
            AND JSONExtractRaw(data, 'seed') NOT IN ('', 'null')
    )
SELECT
    backend, circuit, calibration,
    toUnixTimestamp64Micro(min(runs.stored_at)) AS at_us,
    sumMap(runs.counts) AS counts,
    groupArray(100)(job) AS jobs
FROM runs
INNER JOIN circuits ON circuits.tenant = runs.tenant AND circuits.job = runs.job
WHERE circuit != '' AND (runs.tenant, runs.job) NOT IN (SELECT tenant, job FROM seeded)
GROUP BY backend, circuit, calibration
ORDER BY at_us
LIMIT 1000
"""
"""The counts of each circuit on each device and calibration, added up, of at most 2,000 jobs: the first of the step.

Jobs with a seed of their own are left out: who chooses the seeds of an emulated device chooses its results.
"""

ENDED: Final = """
SELECT
    backend,
    countIf(type = 'qb.job.completed.v1') AS completed,
    count() AS total,
    ifNull(quantileExactIf(0.5)(waited_ms, waited_ms IS NOT NULL), 0) AS median_ms,
    countIf(waited_ms IS NOT NULL) AS started,
    anyIf(job, type = 'qb.job.failed.v1') AS failed
FROM events
WHERE type IN ('qb.job.completed.v1', 'qb.job.failed.v1')
    AND stored_at >= fromUnixTimestamp({since:UInt32}) AND stored_at < fromUnixTimestamp({until:UInt32})
    AND backend != ''
GROUP BY backend
ORDER BY backend
LIMIT 1000
"""
"""For each backend, the jobs that ended, how many of them completed, and their median wait."""

SPENT: Final = """
SELECT tenant, currency, toFloat64(sum(charge)) AS amount
FROM events FINAL
WHERE type IN ('qb.job.metered.v1', 'qb.job.corrected.v1')
    AND stored_at >= fromUnixTimestamp({since:UInt32}) AND stored_at < fromUnixTimestamp({until:UInt32})
GROUP BY tenant, currency
HAVING amount > 0
ORDER BY tenant, currency
LIMIT 5000
"""
"""The charges of each tenant, by currency."""

CALIBRATED: Final = """
SELECT event_id, data
FROM events
WHERE type = 'qb.backend.calibrated.v1'
    AND stored_at >= fromUnixTimestamp({since:UInt32}) AND stored_at < fromUnixTimestamp({until:UInt32})
ORDER BY seq
LIMIT 1 BY seq
LIMIT 200
"""
"""The calibrations of the step."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """What is asked for in steps of one length."""

    every: timedelta
    sql: str
    types: tuple[str, ...]
    """The facts without which a step is empty."""


SHORTEST: Final = timedelta(minutes=10)
"""The length of the steps of results and calibrations."""

STEP_KINDS: Final[Mapping[str, StepKind]] = MappingProxyType({
    "ran": StepKind(SHORTEST, RAN, ("qb.job.completed.v1",)),
    "calibrated": StepKind(SHORTEST, CALIBRATED, ("qb.backend.calibrated.v1",)),
    "ended": StepKind(timedelta(hours=1), ENDED, ("qb.job.completed.v1", "qb.job.failed.v1")),
    "spent": StepKind(timedelta(days=1), SPENT, ("qb.job.metered.v1", "qb.job.corrected.v1")),
})  # fmt: skip
"""All that is asked for, each in steps of its own."""

Samples = Iterator[tuple[Stream, Sample]]


def kinds_of_steps(shortest: timedelta) -> Mapping[str, StepKind]:
    """`STEP_KINDS`, with another length of the shortest ones."""
    return {name: replace(it, every=shortest) if it.every == SHORTEST else it for name, it in STEP_KINDS.items()}


def ran(watch: Watch, rows: Sequence[Mapping[str, Any]]) -> None:
    """Take the rows of `RAN`."""
    for it in rows:
        at = datetime.fromtimestamp(int(it["at_us"]) / 1e6, UTC)
        counts = {str(outcome): int(count) for outcome, count in it["counts"].items()}
        watch.ran(it["backend"], it["circuit"], counts, at, it["calibration"], it["jobs"])


def ended(rows: Sequence[Mapping[str, Any]], since: datetime) -> Samples:
    """The samples of the rows of `ENDED`."""
    for it in rows:
        total, started = int(it["total"]), int(it["started"])
        yield (
            Stream("success", it["backend"]),
            Sample(since, int(it["completed"]) / total, total, evidence=it["failed"]),
        )
        if started:
            yield Stream("wait", it["backend"]), Sample(since, log(1 + int(it["median_ms"]) / 1000))


def spent(rows: Sequence[Mapping[str, Any]], day: date) -> Samples:
    """The samples of the rows of `SPENT`; a tenant that pays in two currencies has two streams."""
    for currency in sorted({str(it["currency"]) for it in rows}):
        mine = [(str(it["tenant"]), day, float(it["amount"])) for it in rows if it["currency"] == currency]
        for stream, samples in spend(mine).items():
            yield from ((Stream("spend", tenant=stream.tenant, part=currency), it) for it in samples)


def calibrated(event: str, it: Calibration, snapshot: Mapping[str, object] | None) -> Samples:
    """The samples of a calibration: of each qubit and coupler, or of the device's medians where these are not known."""
    parts = calibrations([CalibrationRow(it.backend, it.calibrated_at, snapshot, event)]) if snapshot else {}
    for stream, samples in parts.items():
        yield from ((stream, one) for one in samples)
    medians = {"two_qubit_error": it.median_two_qubit_error_ppm, "readout_error": it.median_readout_error_ppm}
    for measure, ppm in medians.items() if not parts else ():
        if ppm:
            yield Stream(measure, it.backend, part="median"), Sample(it.calibrated_at, log(ppm / 1e6), evidence=event)
