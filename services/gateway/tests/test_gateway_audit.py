"""Who changed what and what went wrong over HTTP: who may see it, and of whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import ASGIApp

from queuebit_contracts.backend import BackendRegistered, Registration
from queuebit_contracts.delegation import RevokeRequest
from queuebit_contracts.job import Signature
from queuebit_contracts.roles import Role
from queuebit_gateway.calibrations import drift
from queuebit_gateway.callers import Caller
from queuebit_gateway.dead_letters import DeadLetter
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.payloads import describe
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, app_for, platform

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def letter(number: int, subject: str) -> DeadLetter:
    return DeadLetter(number, NOON, "broker-submitted", "malformed", "it cannot be read", subject)


LETTERS = (
    letter(9, "qb.job.acme.j1.submitted"),
    letter(8, "qb.job.evil.j2.submitted"),
    letter(7, "qb.backend.acme.registered"),
    letter(6, "qb.trace.acme"),
    letter(5, "qb.command.acme.j3.cancel"),
    letter(4, "qb.job.acme-2.j4.submitted"),
    letter(3, ""),
)


def seen_by(role: Role, bus: Bus, *, user: str = "ann", signs: bool = False) -> ASGIApp:
    signature = Signature(key=public_key(new_seed()), signature="s", delegation="d9")
    caller = Caller("acme", user, role, (lambda _: signature) if signs else None)
    return app_for(platform(MemoryLog(), bus, LETTERS), caller)


async def test_an_admin_sees_the_dead_letters_of_the_own_tenant_only(bus: Bus) -> None:
    found = (await send(seen_by("admin", bus), "GET", "/v1/dead-letters")).json()["data"]
    assert [(it["id"], it["job"]) for it in found] == [(9, "j1"), (5, "j3")]
    assert found[0]["reason"] == "it cannot be read"


@pytest.mark.parametrize("path", ["/v1/dead-letters", "/v1/audit"])
@pytest.mark.parametrize("role", ["viewer", "submitter"])
async def test_others_are_refused(bus: Bus, role: Role, path: str) -> None:
    answer = await send(seen_by(role, bus), "GET", path)
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")
    assert bus.asked == []


async def test_an_audit_is_asked_of_the_own_tenant_and_goes_on_after_its_last_row(bus: Bus) -> None:
    bus.answers["qb.query.acme.audit"] = lambda _: {"rows": [{"sequence": 7}, {"sequence": 5}], "sequence": 9}
    app = seen_by("admin", bus)
    first = (await send(app, "GET", "/v1/audit?action=user&actor=ada%20l&from=2026-11-01T00:00:00Z&limit=2")).json()
    assert (first["as_of_seq"], bus.asked[0][1]["action"], bus.asked[0][1]["actor"]) == (9, "user", "ada l")
    await send(app, "GET", f"/v1/audit?limit=2&after={first['next']}")
    assert bus.asked[1][1] == {"limit": 2, "before": 5}
    for query, code in (
        ("action=nothing", "bad_action"), (f"actor={'a' * 201}", "bad_actor"), ("from=now", "bad_time"),
        ("limit=201", "bad_limit"),
    ):  # fmt: skip
        answer = await send(app, "GET", f"/v1/audit?{query}")
        assert (answer.status, answer.json()["code"]) == (422, code)


async def test_the_inventory_is_of_the_own_tenant_and_not_for_finance(bus: Bus) -> None:
    bus.answers["qb.query.acme.inventory"] = lambda _: {"rows": [{"tenant": "acme", "project": "main"}], "sequence": 9}
    found = (await send(seen_by("viewer", bus), "GET", "/v1/inventory")).json()
    assert (found["data"], found["as_of_seq"]) == ([{"tenant": "acme", "project": "main"}], 9)
    answer = await send(seen_by("finance", bus), "GET", "/v1/inventory")
    assert (answer.status, answer.json()["code"], len(bus.asked)) == (403, "forbidden", 1)


async def test_incidents_are_shown_to_everyone_of_the_tenant(bus: Bus) -> None:
    bus.answers["qb.query.acme.incidents"] = lambda _: {"rows": [{"sequence": 7, "event": "job.failed"}]}
    assert (await send(seen_by("viewer", bus), "GET", "/v1/incidents")).json()["data"][0]["event"] == "job.failed"


def snapshot(error: float, t1: float) -> dict[str, Any]:
    return {
        "qubits": [{"t1_s": t1, "t2_s": 1e-4, "readout_error": 0.01}, {"t1_s": None, "t2_s": 2e-4}],
        "couplers": [{"qubits": [0, 1], "gate": "cz", "error": error}],
        "medians": {"t1_s": t1, "two_qubit_error": error},
    }


def test_drift_is_what_changed_most_in_proportion() -> None:
    assert drift(snapshot(0.01, 1e-4), snapshot(0.01, 1e-4)) == []
    assert [it["what"] for it in drift(snapshot(0.01, 1e-4), snapshot(0.02, 0.3e-4))] == ["t1_s", "cz"]
    assert drift(snapshot(0.01, 1e-4), snapshot(0.02, 1e-4)) == [
        {"what": "cz", "on": "0-1", "before": 0.01, "after": 0.02}
    ]
    assert drift({}, snapshot(0.01, 1e-4)) == drift(snapshot(0.0, 1e-4), snapshot(0.01, 1e-4)) == []


async def test_each_calibration_has_its_medians_and_the_drift_since_the_one_before(bus: Bus) -> None:
    log = MemoryLog()
    offer = Registration(backend="qpu", stack="s", vendor="v", kind="qpu", qubits=2, max_shots=9)
    await log.append(BackendRegistered(source="qb/executor-s", data=offer))
    rows = [
        {
            "sequence": number,
            "calibrated_at": "2026-11-29T12:00:00Z",
            "digest": f"sha256:{number:064}",
            "snapshot": describe(json.dumps(snapshot(error, 1e-4)).encode(), "application/json").model_dump(),
        }
        for number, error in ((9, 0.03), (7, 0.02), (5, 0.01))
    ]
    bus.answers["qb.query.acme.backends"] = lambda _: {"rows": [{"backend": "qpu"}]}
    bus.answers["qb.query.acme.calibrations"] = lambda it: {"rows": rows[: it["limit"]]}
    app = app_for(platform(log, bus), Caller("acme", "ann", "viewer"))
    page = (await send(app, "GET", "/v1/backends/qpu/calibrations?limit=2")).json()
    assert [it["medians"]["two_qubit_error"] for it in page["data"]] == [0.03, 0.02]
    assert [it["drift"][0]["before"] for it in page["data"]] == [0.02, 0.01]
    assert page["next"] is not None
    whole = (await send(app, "GET", "/v1/backends/qpu/calibrations")).json()
    assert (whole["data"][2]["drift"], whole["next"]) == ([], None)
    assert (await send(app, "GET", "/v1/backends/qpu/calibrations?limit=101")).status == 422
    assert (await send(app, "GET", "/v1/backends/none/calibrations")).status == 404


async def test_users_see_their_own_delegated_keys_and_admins_all(bus: Bus) -> None:
    keys = [{"delegation": "d1", "user": "ann"}, {"delegation": "d2", "user": "ci"}]
    bus.answers["qb.query.acme.delegations"] = lambda _: {"rows": keys}
    expected: dict[Role, list[str]] = {"viewer": ["d1"], "submitter": ["d1"], "admin": ["d1", "d2"]}
    for role, seen in expected.items():
        found = (await send(seen_by(role, bus), "GET", "/v1/delegations")).json()["data"]
        assert [it["delegation"] for it in found] == seen


GRANTED = {
    "tenant": "acme", "delegation": "d1", "key": public_key(new_seed()), "user": "ci", "scope": "submit",
    "subject": "ci", "proof": f"sha256:{'0' * 64}", "granted_at": "2026-11-29T12:00:00Z",
    "expires_at": "2026-11-29T13:00:00Z",
}  # fmt: skip


async def test_the_end_of_a_key_is_signed_by_its_caller_and_decided_by_the_broker(bus: Bus) -> None:
    bus.answers["qb.identity.acme.revoke"] = lambda _: {"delegation": GRANTED}
    done = await send(seen_by("admin", bus, signs=True), "POST", "/v1/delegations/d1:revoke")
    assert (done.status, done.json()["ended"]) == (200, "ann revoked it")
    asked = RevokeRequest.model_validate(bus.asked[0][1])
    assert (asked.tenant, asked.delegation, asked.proof.delegation) == ("acme", "d1", "d9")
    unsigned = await send(seen_by("admin", bus), "POST", "/v1/delegations/d1:revoke")
    assert (unsigned.status, unsigned.json()["code"]) == (422, "unsigned")
    assert (await send(seen_by("admin", bus, signs=True), "POST", "/v1/delegations/a.b:revoke")).status == 404
    assert len(bus.asked) == 1


@pytest.mark.parametrize(
    ("code", "status"), [("role_forbids", 403), ("unknown_delegation", 404), ("bad_proof", 422), ("unavailable", 503)]
)
async def test_a_refusal_of_the_broker_has_its_status(bus: Bus, code: str, status: int) -> None:
    bus.answers["qb.identity.acme.revoke"] = lambda _: {"errors": [{"code": code, "text": "no"}]}
    answer = await send(seen_by("submitter", bus, signs=True), "POST", "/v1/delegations/d1:revoke")
    assert (answer.status, answer.json()["code"]) == (status, code)
