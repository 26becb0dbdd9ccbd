"""Audits, incidents and calibrations from a real warehouse: each tenant gets its own facts, and no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from queuebit_audit_trail import record_of
from queuebit_contracts.account import AccountFunded, Funding
from queuebit_contracts.backend import (
    BackendCalibrated,
    BackendCalibrationFailed,
    Calibration,
    CalibrationFailure,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.config import Application, AppliedChange, ConfigApplied
from queuebit_contracts.job import JobRejected, Rejection
from queuebit_contracts.query import Question
from queuebit_contracts.tenant import (
    BudgetTerms,
    TenantDefined,
    TenantDefinition,
    UserDefined,
    UserDefinition,
    UserRemoval,
    UserRemoved,
)
from queuebit_contracts.wire import Amount, Payload, Reason
from queuebit_telemetry.adapters import ClickHouse
from queuebit_telemetry.fact_lists import audit, listed

from .conftest import rows_of

pytestmark = pytest.mark.server

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64
SNAPSHOT = Payload(digest=DIGEST, size=2, media_type="application/json")


def user(tenant: str, name: str, by: str) -> UserDefined:
    return UserDefined(source="qb/broker", data=UserDefinition(tenant=tenant, user=name, keys=("U1",), by=by))


def applied() -> ConfigApplied:
    made = AppliedChange(action="change", kind="tenants", name="tenant.acme", fields={"share": (1, 2)})
    return ConfigApplied(source="qb/broker", data=Application(by="ada", plan=DIGEST, changes=(made,), omitted=4))


def failed(backend: str) -> BackendCalibrationFailed:
    reason = Reason(code="vendor_away", text="it does not answer")
    data = CalibrationFailure(backend=backend, attempted_at=NOON, reason=reason)
    return BackendCalibrationFailed(source="qb/executor-s", data=data)


def calibrated(backend: str) -> BackendCalibrated:
    data = Calibration(backend=backend, calibrated_at=NOON, snapshot=SNAPSHOT, digest=DIGEST)
    return BackendCalibrated(source="qb/executor-s", data=data)


def rejected(tenant: str, job: str) -> JobRejected:
    reasons = (Reason(code="bad_shots", text="too many"), Reason(code="no_budget", text="too expensive"))
    data = Rejection(tenant=tenant, job=job, project="main", submitted_at=NOON, reasons=reasons)
    return JobRejected(source="qb/broker", data=data)


EVENTS: list[AnyEvent] = [
    TenantDefined(
        source="qb/broker",
        data=TenantDefinition(
            tenant="acme", max_shots=9_000, max_active_jobs=5, by="ada",
            budgets={"tenant": BudgetTerms(amount="5", currency="USD")},
        ),
    ),
    user("acme", "ann", "ada"),
    user("evil", "eve", "ada"),
    applied(),
    applied(),
    UserRemoved(source="qb/broker", data=UserRemoval(tenant="acme", user="ann", by="grace")),
    AccountFunded(
        source="qb/broker",
        data=Funding(tenant="acme", account="main", amount=Amount(amount="7", currency="USD"), note="June"),
    ),
    rejected("acme", "j1"),
    rejected("evil", "j2"),
    failed("qpu"),
    calibrated("qpu"),
    calibrated("other"),
    calibrated("qpu"),
]  # fmt: skip


@pytest.fixture
async def facts(clickhouse: ClickHouse) -> ClickHouse:
    position = await clickhouse.position()
    await clickhouse.append(rows_of(EVENTS), position.generation, "LOG>0")
    return clickhouse


async def test_the_audit_has_the_records_of_its_tenant_and_nothing_of_others(facts: ClickHouse) -> None:
    rows = await audit(facts, "acme", Question())
    assert [(it["sequence"], it["action"], it["actor"], it["object"], it["outcome"]) for it in rows] == [
        (8, "job.admit", "broker", "job j1", "refused"),
        (7, "account.fund", "broker", "account main", "done"),
        (6, "user.remove", "grace", "user ann", "done"),
        (2, "user.define", "ada", "user ann", "done"),
        (1, "tenant.define", "ada", "tenant acme", "done"),
    ]
    assert [it.get("detail") for it in rows[3:]] == [
        "member with 1 key",
        "share 1, 9,000 shots a job, 5 jobs at once, budgets: tenant 5 USD",
    ]
    assert (rows[1]["amount"], rows[1]["reason"]) == ("7 USD", "June")
    assert "evil" not in str(rows)
    assert [it["sequence"] for it in await audit(facts, "evil", Question())] == [9, 3]
    assert await audit(facts, "nobody", Question()) == []


async def test_a_record_from_the_warehouse_is_the_one_that_follows_from_the_event(facts: ClickHouse) -> None:
    for row in await audit(facts, "acme", Question()):
        stored_at = datetime.fromisoformat(str(row["stored_at"]))
        again = record_of(EVENTS[int(str(row["sequence"])) - 1], int(str(row["sequence"])), stored_at)
        assert again is not None
        assert again.document() == row


async def test_the_audit_is_filtered_and_paged(facts: ClickHouse) -> None:
    async def sequences(**asked: object) -> list[object]:
        question = Question.model_validate(asked)
        return [it["sequence"] for it in await audit(facts, "acme", question)]

    assert await sequences(action="roles") == await sequences(action="user") == [6, 2]
    assert await sequences(action="user.define") == [2]
    assert await sequences(actor="grace") == [6]
    assert await sequences(actor="ada", action="user") == [2]
    assert await sequences(actor="broker") == [8, 7], "a service acts where its event names no person"
    assert await sequences(action="nothing") == []
    assert await sequences(limit=2) == [8, 7]
    assert await sequences(limit=1, actor="ada") == [2], "more are read where the first are others'"
    assert await sequences(limit=2, before=7) == [6, 2]
    assert await sequences(until=NOON) == []


async def test_incidents_are_ordered_by_their_own_time_and_name_the_reasons(facts: ClickHouse) -> None:
    calibration, job = await listed(facts, "incidents", "acme", Question())
    assert (calibration["event"], calibration["backend"], calibration["job"]) == (
        "backend.calibration_failed", "qpu", None,
    )  # fmt: skip
    assert (job["event"], job["job"], job["code"], job["text"]) == (
        "job.rejected",
        "j1",
        "bad_shots",
        "too many; too expensive",
    )


async def test_calibrations_are_of_one_backend(facts: ClickHouse) -> None:
    rows = await listed(facts, "calibrations", "acme", Question(backend="qpu"))
    assert [(it["sequence"], it["digest"]) for it in rows] == [(13, DIGEST), (11, DIGEST)]
