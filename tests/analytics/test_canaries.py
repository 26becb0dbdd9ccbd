"""The arms of a canary as the warehouse counts them: by tag, by hash, and values by device and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from queuebit_alerting.canary_book import Canary
from queuebit_alerting.canary_counts import CanaryCounts, Measured
from queuebit_contracts.canaries import Draft
from queuebit_experiments import BASELINE, CANDIDATE, Design, Metric, arm_of, arm_tag

from .warehouse import Warehouse, event

pytestmark = [pytest.mark.server]

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
METRICS = tuple(Metric(it, 1.1) for it in ("latency", "wait", "cost", "esp", "gates"))


class _Rows:
    """The warehouse, as the service asks it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.asked = 0

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        self.asked += 1
        return self._warehouse.ask(sql, parameters)


def _canary(name: str, tenant: str, **plan: Any) -> Canary:
    given = {"subject": "compiler", "flag": "level", "baseline": 1, "candidate": 3, "by": "eve", "tenant": tenant}
    return Canary(Draft.model_validate({"canary": name, **given, **plan}), NOON, "running", NOON)


def _job(tenant: str, job: str, tags: list[str], end: str = "completed", esp: int = 900_000, **said: Any) -> list[Any]:
    """A job of one second, with its bill."""
    at, subject = NOON, f"qb.job.{tenant}.{job}"
    times = {it: at.isoformat() for it in ("submitted_at", "accepted_at", "placed_at", "started_at")}
    found = [event(f"{subject}.submitted", "qb.job.submitted.v1", at, tenant=tenant, job=job, tags=tags, label="bell")]
    if end:
        compiled = {"compilation": {"esp_ppm": esp, "two_qubit_gates": 7}} if end == "completed" else {}
        data = {"tenant": tenant, "job": job, **times, "backend": "torino", "calibration": "c1", **compiled, **said}
        found.append(event(f"{subject}.{end}", f"qb.job.{end}.v1", at + timedelta(seconds=1), **data))
        charge = {"amount": "0.3", "currency": "USD", "jbu": "0", "lines": []}
        found.append(event(f"{subject}.metered", "qb.job.metered.v1", at, charge=charge))
    return found


async def _counted(warehouse: Warehouse, canary: Canary, cases: int = 10**6) -> Measured:
    return await CanaryCounts(_Rows(warehouse)).counts(canary, Design(0.5, cases, metrics=METRICS))


async def test_each_job_counts_once_in_the_arm_of_its_id(warehouse: Warehouse) -> None:
    tenant, ends = "canary-a", ["completed"] * 6 + ["failed", "rejected", "cancelled", ""]
    jobs = {f"j{it}": arm_of("level3", f"j{it}", 30) for it in range(200)}
    lives = [
        _job(tenant, job, ["team-a", arm_tag("level3", arm)], ends[number % 10])
        for number, (job, arm) in enumerate(jobs.items())
    ]
    warehouse.fill(chain.from_iterable(lives), twice=True)
    found = await _counted(warehouse, _canary("level3", tenant, share_percent=30))
    assert found.misassigned == 0, "ClickHouse and Python have the same hash"
    for arm, counts in ((BASELINE, found.baseline), (CANDIDATE, found.candidate)):
        mine = [ends[number % 10] for number, it in enumerate(jobs.values()) if it == arm]
        assert counts.assigned == len(mine)
        assert counts.cases == sum(it not in {"cancelled", ""} for it in mine)
        assert counts.failures == sum(it in {"failed", "rejected"} for it in mine)


async def test_a_canary_that_is_open_has_the_counts_of_each_tenant(warehouse: Warehouse) -> None:
    jobs = {f"j{it}": arm_of("open", f"j{it}", 50) for it in range(12)}
    for tenant, end in (("canary-x", "completed"), ("canary-y", "failed")):
        warehouse.fill(it for job, arm in jobs.items() for it in _job(tenant, job, [arm_tag("open", arm)], end))
    mine = sum(it == CANDIDATE for it in jobs.values())
    canary = _canary("open", "canary-x")
    found = await _counted(warehouse, replace(canary, plan=canary.plan.model_copy(update={"tenant": None})))
    assert found.candidate.tenants == {"canary-x": (mine, mine, 0), "canary-y": (mine, mine, mine)}
    assert (found.candidate.cases, found.candidate.failures) == (2 * mine, mine)
    assert (await _counted(warehouse, canary)).candidate.tenants == {}


async def test_a_job_that_chose_its_arm_itself_is_left_out(warehouse: Warehouse) -> None:
    tenant = "canary-b"
    jobs = [f"j{it}" for it in range(50)]
    warehouse.fill(it for job in jobs for it in _job(tenant, job, [arm_tag("level3", CANDIDATE)]))
    found = await _counted(warehouse, _canary("level3", tenant))
    due = sum(arm_of("level3", it, 50) == CANDIDATE for it in jobs)
    assert (found.candidate.assigned, found.baseline.assigned, found.misassigned) == (due, 0, 50 - due)


async def test_a_result_that_failed_its_quality_check_is_a_failure(warehouse: Warehouse) -> None:
    tenant, job = "canary-c", next(it for it in map(str, range(99)) if arm_of("x", it, 50) == BASELINE)
    warehouse.fill(_job(tenant, job, [arm_tag("x", BASELINE)], quality={"passed": False, "checks": []}))
    found = await _counted(warehouse, _canary("x", tenant))
    assert (found.baseline.cases, found.baseline.failures) == (1, 1)


async def test_values_are_those_of_jobs_on_the_same_device(warehouse: Warehouse) -> None:
    tenant, lives = "canary-d", []
    for number in range(40):
        job = f"j{number}"
        device = {"backend": "torino" if number % 2 else "kyoto"}
        lives += _job(tenant, job, [arm_tag("x", arm_of("x", job, 50))], esp=900_000 + number, **device)
    warehouse.fill(lives)
    found = await _counted(warehouse, _canary("x", tenant), cases=5)
    for arm in (found.baseline, found.candidate):
        assert set(arm.values["latency"]) == set(arm.values["cost"]) == {"torino", "kyoto"}
        assert set(arm.values["esp"]) == {"torino bell c1", "kyoto bell c1"}
        assert {it for values in arm.values["latency"].values() for it in values} == {1000.0}
        assert {it for values in arm.values["wait"].values() for it in values} == {0.0}
        assert {it for values in arm.values["cost"].values() for it in values} == {0.3}
        assert {it for values in arm.values["gates"].values() for it in values} == {7.0}
        assert sum(map(len, arm.values["esp"].values())) == arm.cases
    everywhere = await _counted(warehouse, _canary("x", tenant, subject="backend"), cases=5)
    assert set(everywhere.baseline.values["latency"]) == {""}, (
        "arms that differ in the backend are compared across them"
    )


async def test_tenants_are_assigned_as_a_whole_and_values_wait_for_enough_jobs(warehouse: Warehouse) -> None:
    tenant = "canary-e"
    arm = arm_of("whole", tenant, 50)
    warehouse.fill(it for number in range(5) for it in _job(tenant, f"j{number}", [arm_tag("whole", arm)]))
    rows = _Rows(warehouse)
    found = await CanaryCounts(rows).counts(_canary("whole", tenant, unit="tenant"), Design(0.5, 20, metrics=METRICS))
    assert (found.baseline.cases + found.candidate.cases, found.misassigned, rows.asked) == (5, 0, 1)
