"""What the console reads beside jobs and backends: who asks, the tenant, sums over jobs, explanations, public keys."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from queuebit_contracts.roles import Role
from queuebit_contracts.tenants import Project, Tenant, User
from queuebit_gateway.callers import Caller
from queuebit_gateway.settings import Settings
from queuebit_runtime.keys import new_seed, public_key
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, app_for, platform

KEY = public_key(new_seed())
ACME = Tenant(project={"main": Project()}, user={"ann": User(role="admin", keys=(KEY,)), "eve": User(role="viewer")})


def seen_by(role: Role, settings: Settings | None = None) -> ASGIApp:
    of = platform(MemoryLog(), Bus())
    return app_for(of, Caller("acme", "ann", role), tenants={"acme": ACME, "evil": Tenant()}, settings=settings)


@pytest.mark.parametrize("role", ["viewer", "submitter", "admin"])
async def test_users_and_keys_are_shown_to_admins_only(role: Role) -> None:
    app = seen_by(role)
    assert (await send(app, "GET", "/v1/me")).json() == {
        "tenant": "acme",
        "user": "ann",
        "role": role,
        "project": "main",
        "expires_at": None,
        "delegation": None,
        "as_of_seq": None,
    }
    tenant = (await send(app, "GET", "/v1/tenant")).json()
    assert [it["project"] for it in tenant["projects"]] == ["main"]
    users = [
        {"user": "ann", "role": "admin", "keys": [KEY]},
        {"user": "eve", "role": "viewer", "keys": []},
    ]
    assert tenant["users"] == (users if role == "admin" else None)


async def test_the_end_of_a_delegated_key_is_shown() -> None:
    caller = Caller("acme", "ann", "viewer", expires_at=datetime(2026, 11, 29, 20, tzinfo=UTC))
    answer = await send(app_for(platform(MemoryLog(), Bus()), caller), "GET", "/v1/me")
    assert answer.json()["expires_at"] == "2026-11-29T20:00:00.000000Z"


async def test_activity_asks_for_groups_and_shows_money(app: ASGIApp, bus: Bus) -> None:
    row = {"day": "2026-11-29T00:00:00.000000Z", "backend": "aer", "jobs": 2, "charged": "0.5", "currency": "USD"}
    bus.answers["qb.query.acme.activity"] = lambda _: {"rows": [row, {**row, "charged": None}], "sequence": 9}
    answer = (await send(app, "GET", "/v1/activity?by=day,backend&days=7")).json()
    assert bus.asked == [("qb.query.acme.activity", {"by": ["day", "backend"], "days": 7})]
    assert [it["charge"] for it in answer["data"]] == [{"amount": "0.5", "currency": "USD"}, None]
    assert "charged" not in answer["data"][0]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("by=week", "bad_group"),
        ("by=", "bad_group"),
        ("by=day,day", "bad_group"),
        ("by=day,user,tag", "bad_group"),
        ("days=0", "bad_days"),
        ("days=367", "bad_days"),
        ("days=-1", "bad_days"),
    ],
)
async def test_other_groups_are_refused_with_those_that_exist(app: ASGIApp, query: str, code: str) -> None:
    answer = await send(app, "GET", f"/v1/activity?{query}")
    assert (answer.status, answer.json()["code"]) == (422, code)


async def test_a_placement_is_explained_to_its_own_tenant(app: ASGIApp, bus: Bus, log: MemoryLog) -> None:
    mine, theirs = submitted("k1"), submitted("k1", tenant="evil", job="jevil")
    await log.append(mine)
    await log.append(theirs)
    bus.answers["qb.query.acme.explain"] = lambda it: {"rows": [{"job": it["job"], "decided": "it was free"}]}
    found = (await send(app, "GET", f"/v1/jobs/{mine.data.job}/explain")).json()
    assert found["data"] == [{"job": mine.data.job, "decided": "it was free"}]
    assert (await send(app, "GET", "/v1/jobs/jevil/explain")).status == 404


async def test_public_keys_are_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    app = seen_by("viewer", Settings(trust_file=file))
    missing = await send(app, "GET", "/v1/trust")
    assert (missing.status, missing.json()["code"]) == (404, "no_trust_document")
    file.write_bytes(b'{"type":"t"}\n')
    assert (await send(app, "GET", "/v1/trust")).body == b'{"type":"t"}\n'
    assert (await send(seen_by("viewer"), "GET", "/v1/trust")).status == 404
