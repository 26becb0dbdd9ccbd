"""Groups of jobs over HTTP: their sums, and one receipt for all of their jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from queuebit_contracts.job import JobSealed, Seal
from queuebit_gateway.groups import MOST_RECEIPTS
from queuebit_proof import verify_group
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryLog
from queuebit_testing.receipts import issued, new_ring

from .asgi import send
from .conftest import Bus

DIGEST = "sha256:" + "0" * 64
ROW = {
    "kind": "tag",
    "name": "h2",
    "jobs": 2,
    "states": {"completed": 1, "started": 1},
    "sealed": 1,
    "charged": {"USD": "0.30"},
    "held": {},
    "first_at": "2026-11-29T00:00:00.000000Z",
    "last_at": "2026-11-29T00:01:00.000000Z",
}
SHOWN = {**ROW, "charged": [{"amount": "0.30", "currency": "USD"}], "held": []}


async def test_groups_are_listed_with_amounts_of_money(app: ASGIApp, bus: Bus) -> None:
    bus.answers["qb.query.acme.groups"] = lambda _: {"rows": [ROW], "sequence": 9}
    answer = (await send(app, "GET", "/v1/groups?tag=h2&days=7&limit=5")).json()
    assert bus.asked == [("qb.query.acme.groups", {"days": 7, "tag": "h2", "limit": 5})]
    assert answer == {"data": [SHOWN], "next": None, "as_of_seq": 9}


@pytest.mark.parametrize(("kind", "asked"), [("tag", "tag"), ("workflow", "tag"), ("session", "session")])
async def test_a_group_is_asked_by_its_kind(app: ASGIApp, bus: Bus, kind: str, asked: str) -> None:
    bus.answers["qb.query.acme.groups"] = lambda _: {"rows": [ROW], "sequence": 9}
    answer = (await send(app, "GET", f"/v1/groups/{kind}/h2")).json()
    assert bus.asked == [("qb.query.acme.groups", {"days": 30, asked: "h2"})]
    assert answer == {**SHOWN, "kind": kind, "as_of_seq": 9}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/groups?days=0", 422, "bad_days"),
        ("/v1/groups?tag=A%20B", 422, "bad_name"),
        ("/v1/groups/tag/none", 404, "unknown_group"),
        ("/v1/groups/tag/none/receipt", 404, "unknown_group"),
        ("/v1/groups/colour/h2", 404, "unknown_group"),
        ("/v1/groups/tag/%3E", 404, "unknown_group"),
    ],
)
async def test_what_is_no_group_is_refused(app: ASGIApp, bus: Bus, path: str, status: int, code: str) -> None:
    bus.answers |= dict.fromkeys(("qb.query.acme.groups", "qb.query.acme.jobs"), lambda _: {"rows": []})
    answer = await send(app, "GET", path)
    assert (answer.status, answer.json()["code"]) == (status, code)


async def test_a_group_has_one_receipt_that_verifies_offline(
    app: ASGIApp, bus: Bus, log: MemoryLog, tmp_path: Path
) -> None:
    ring = new_ring(tmp_path)
    mine = submitted("k1")
    job = mine.data.job
    receipt = issued(ring, job, amount="0.30")[job]
    data = Seal(tenant="acme", job=job, statement=DIGEST, leaf_index=0, tree_size=1, text="{}")
    await log.append(mine)
    await log.append(JobSealed(source="qb/test", data=data))
    rows = [{"job": job, "state": "completed"}, {"job": "j2", "state": "started"}]
    bus.answers["qb.query.acme.jobs"] = lambda _: {"rows": rows, "sequence": 9}
    bus.answers["qb.query.acme.receipt"] = lambda _: {"rows": [{"receipt": receipt.decode()}]}
    answer = await send(app, "GET", "/v1/groups/tag/h2/receipt")
    assert answer.status == 200
    assert bus.asked[0] == ("qb.query.acme.jobs", {"limit": MOST_RECEIPTS + 1, "tag": "h2"})
    found = verify_group(answer.body.removesuffix(b"\n"), ring.trust)
    assert (found.kind, found.name, found.without, found.charged) == ("tag", "h2", ("j2",), {"USD": "0.30"})


async def test_the_receipt_of_a_large_group_is_refused_with_the_command_that_makes_it(app: ASGIApp, bus: Bus) -> None:
    rows: list[dict[str, Any]] = [{"job": f"j{n}", "state": "started"} for n in range(MOST_RECEIPTS + 1)]
    bus.answers["qb.query.acme.jobs"] = lambda _: {"rows": rows}
    answer = await send(app, "GET", "/v1/groups/session/s1/receipt")
    assert (answer.status, answer.json()["code"]) == (422, "too_many_jobs")
    assert "qb receipt get --session s1" in answer.json()["next_step"]
