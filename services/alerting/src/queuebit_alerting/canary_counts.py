"""Counts the jobs of a canary's arms in the warehouse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from queuebit_alerting.canary_book import Canary
from queuebit_alerting.ports import Rows
from queuebit_experiments import BASELINE, CANDIDATE, Arm, BadDesign, Design, arm_tag

__all__ = ["CanaryCounts", "CountsJobs", "Measured"]

_ARMS: Final = """
    assigned AS (
        SELECT
            tenant,
            job,
            has(argMin(tags, seq), {candidate_tag:String}) AS is_candidate,
            reinterpretAsUInt64(reverse(substring(SHA256(concat(
                {canary:String}, '\\n', if({unit:String} = 'tenant', toString(tenant), job))), 1, 8))) % 100
                < {share:UInt8} AS due,
            argMin(label, seq) AS name
        FROM events
        WHERE type = 'qb.job.submitted.v1' AND seq > {since:UInt64}
            AND hasAny(tags, [{baseline_tag:String}, {candidate_tag:String}])
            AND ({tenant:String} = '' OR tenant = {tenant:String})
        GROUP BY tenant, job
    ),
    ended AS (
        SELECT
            tenant, job, toUInt8(1) AS is_case, max(usable) AS good,
            max(latency_ms) AS latency, max(waited_ms) AS wait, max(backend) AS device,
            max(JSONExtractString(data, 'calibration')) AS calibration,
            any(JSONExtract(data, 'compilation', 'Tuple(esp_ppm Nullable(UInt32), two_qubit_gates Nullable(UInt32))'))
                AS compiled
        FROM events
        WHERE type IN ('qb.job.completed.v1', 'qb.job.failed.v1', 'qb.job.rejected.v1') AND seq > {since:UInt64}
            AND (tenant, job) IN (SELECT tenant, job FROM assigned)
        GROUP BY tenant, job
    )
"""
"""A job counts with the tags of its first submission. It is due to the arm that the hash of its id has."""

_COUNTS: Final = """
WITH {arms}
SELECT
    toUInt8(is_candidate) AS candidate,
    toString(tenant) AS whose,
    countIf(is_candidate = due) AS assigned,
    countIf(is_candidate = due AND is_case) AS cases,
    countIf(is_candidate = due AND is_case AND NOT good) AS failures,
    countIf(is_candidate != due) AS misassigned
FROM assigned LEFT ANY JOIN ended USING (tenant, job)
GROUP BY candidate, whose
"""

_VALUES: Final = """
WITH {arms},
    costs AS (
        SELECT tenant, job, toFloat64(sum(amount)) AS cost
        FROM (
            SELECT tenant, job, seq, any(charge) AS amount FROM events
            WHERE type IN ('qb.job.metered.v1', 'qb.job.corrected.v1') AND seq > {{since:UInt64}}
                AND (tenant, job) IN (SELECT tenant, job FROM assigned)
            GROUP BY tenant, job, seq
        )
        GROUP BY tenant, job
    )
SELECT
    toUInt8(is_candidate) AS candidate,
    {stratum} AS stratum,
    groupArray({most})(assumeNotNull({value})) AS found
FROM assigned INNER ANY JOIN ended USING (tenant, job) LEFT ANY JOIN costs USING (tenant, job)
WHERE is_candidate = due AND good AND ({value}) IS NOT NULL
GROUP BY candidate, stratum
"""

_VALUE: Final[Mapping[str, str]] = {
    "latency": "toFloat64(latency)",
    "wait": "toFloat64(wait)",
    "cost": "cost",
    "esp": "toFloat64(compiled.esp_ppm)",
    "gates": "toFloat64(compiled.two_qubit_gates)",
}
"""By metric: its value of a job with a usable result, in the columns of the query; NULL where a job has none."""

_COMPILED: Final = ("esp", "gates")
"""Metrics of the compiled circuit: only jobs of one circuit, by its label, and of one calibration are compared."""

_MOST: Final = 20_000
"""Values of one arm and stratum: no more are read."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the warehouse has of a canary now."""

    baseline: Arm
    candidate: Arm
    misassigned: int


class CountsJobs(Protocol):
    """Counts the arms of a canary."""

    async def counts(self, canary: Canary, design: Design) -> Measured:
        """The counts; with the values of all metrics once each arm has enough jobs. Raises `Unavailable`, or
        `BadDesign` for a metric of another version."""
        ...


class CanaryCounts:
    """Counts in the warehouse, as the analyst."""

    def __init__(self, warehouse: Rows, complete: Callable[[], Awaitable[None]] | None = None) -> None:
        """Prepare; `complete` raises `Unavailable` while the warehouse lacks a part of the log."""
        self._warehouse = warehouse
        self._complete = complete

    async def counts(self, canary: Canary, design: Design) -> Measured:
        """Count: one query, and one for each metric when it is judged. One that passed is only watched for failures."""
        if self._complete is not None:
            await self._complete()
        parameters = _parameters(canary)
        rows = await self._warehouse.rows(_COUNTS.format(arms=_ARMS), parameters)
        is_open = canary.plan.tenant is None and canary.plan.unit == "job"
        arms = [_arm([it for it in rows if int(it["candidate"]) == arm], is_open=is_open) for arm in (0, 1)]
        misassigned = sum(int(it["misassigned"]) for it in rows)
        needed = design.cases * (2 if canary.extended else 1)
        if canary.state == "running" and min(it.cases for it in arms) >= needed:
            for metric in design.metrics:
                arms = await self._with_values(arms, metric.name, canary, parameters)
        return Measured(arms[0], arms[1], misassigned)

    async def _with_values(
        self, arms: list[Arm], metric: str, canary: Canary, parameters: Mapping[str, str]
    ) -> list[Arm]:
        if metric not in _VALUE:
            raise BadDesign(f"this version does not know the metric {metric}")
        device = "''" if canary.plan.subject == "backend" else "device"
        stratum = f"concat({device}, ' ', name, ' ', calibration)" if metric in _COMPILED else device
        sql = _VALUES.format(arms=_ARMS, stratum=stratum, value=_VALUE[metric], most=_MOST)
        found: list[dict[str, list[float]]] = [{}, {}]
        for row in await self._warehouse.rows(sql, parameters):
            found[int(row["candidate"])][str(row["stratum"])] = [float(it) for it in row["found"]]
        return [replace(arm, values={**arm.values, metric: values}) for arm, values in zip(arms, found, strict=True)]


def _arm(rows: Sequence[Mapping[str, Any]], *, is_open: bool) -> Arm:  # values as JSON
    """One arm, from a row of each tenant; of a canary that is open to all, with the counts of each."""
    tenants = {str(it["whose"]): (int(it["assigned"]), int(it["cases"]), int(it["failures"])) for it in rows}
    assigned, cases, failures = (sum(it[place] for it in tenants.values()) for place in range(3))
    return Arm(assigned, cases, failures, tenants=tenants if is_open else {})


def _parameters(canary: Canary) -> Mapping[str, str]:
    plan = canary.plan
    return {
        "canary": plan.canary,
        "unit": plan.unit,
        "share": str(plan.share_percent),
        "since": str(canary.since),
        "tenant": plan.tenant or "",
        "baseline_tag": arm_tag(plan.canary, BASELINE),
        "candidate_tag": arm_tag(plan.canary, CANDIDATE),
    }
