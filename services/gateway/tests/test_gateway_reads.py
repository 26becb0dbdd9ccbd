"""Reading over HTTP: lists, jobs, backends, and the files of the console."""

from __future__ import annotations

import pytest
from starlette.types import ASGIApp

from queuebit_testing.build import accepted, submitted
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus


async def test_a_job_is_what_its_events_say(app: ASGIApp, bus: Bus, log: MemoryLog) -> None:
    event = submitted("k1")
    await log.append(event)
    last = await log.append(accepted(event.data.job))
    bus.answers["qb.query.acme.waiting"] = lambda it: {"rows": [{"job": it["job"], "reason": "all slots are taken"}]}
    found = (await send(app, "GET", f"/v1/jobs/{event.data.job}")).json()
    assert (found["job"], found["state"], found["as_of_seq"]) == (event.data.job, "accepted", last)
    assert [it["event"] for it in found["steps"]] == ["submitted", "accepted"]
    assert found["waiting"] == "all slots are taken"


@pytest.mark.parametrize("job", ["jabc", "x.y", "*", "%3E", "A" * 300])
async def test_a_job_of_another_tenant_is_one_that_does_not_exist(app: ASGIApp, log: MemoryLog, job: str) -> None:
    await log.append(submitted("k1", tenant="evil", job="jabc"))
    answer = await send(app, "GET", f"/v1/jobs/{job}")
    assert (answer.status, answer.json()["code"]) == (404, "unknown_job")


async def test_a_list_says_its_page_and_its_sequence(app: ASGIApp, bus: Bus) -> None:
    row = {"job": "j1", "state": "completed", "charge": "0.01", "currency": "USD", "sealed": 1, "provisional": 0}
    bus.answers["qb.query.acme.jobs"] = lambda _: {"rows": [row], "sequence": 9}
    answer = await send(app, "GET", "/v1/jobs?limit=7")
    assert bus.asked[0][1]["limit"] == 7
    assert answer.json() == {
        "data": [
            {
                "job": "j1",
                "state": "completed",
                "charge": {"amount": "0.01", "currency": "USD"},
                "sealed": True,
                "provisional": False,
            }
        ],
        "next": None,
        "as_of_seq": 9,
    }


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "x", "٣", "1" * 5_000])
async def test_a_limit_out_of_range_is_refused_with_the_range(app: ASGIApp, limit: str) -> None:
    from urllib.parse import quote

    answer = await send(app, "GET", f"/v1/jobs?limit={quote(limit)}")
    assert (answer.status, answer.json()["code"]) == (422, "bad_limit")
    assert "1,000" in answer.json()["detail"]


async def test_a_refusal_of_a_service_keeps_its_reason(app: ASGIApp, bus: Bus) -> None:
    bus.answers["qb.query.acme.backends"] = lambda _: {"error": {"code": "unknown_project", "text": "no project x"}}
    answer = await send(app, "GET", "/v1/backends?project=x")
    assert (answer.status, answer.json()["detail"]) == (422, "no project x")


async def test_pages_of_the_console_are_all_the_same_file(app: ASGIApp) -> None:
    page = await send(app, "GET", "/console/jobs/jabc")
    assert page.headers["content-security-policy"].startswith("default-src 'self';")
    assert (page.status, page.body) == (200, (await send(app, "GET", "/console/")).body)
    again = await send(app, "GET", "/console/", headers=[("if-none-match", page.headers["etag"])])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/console/../settings.py", "/console/%2e%2e/app.py", "/console/absent.js"])
async def test_no_other_file_can_be_reached(app: ASGIApp, path: str) -> None:
    assert (await send(app, "GET", path)).status == 404
