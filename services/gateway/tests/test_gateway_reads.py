"""Reading over HTTP: lists, jobs, backends, and the files of the console."""

from __future__ import annotations

import json

import pytest
from starlette.types import ASGIApp

from queuebit_contracts.catalog import decode
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
    row = {
        "sequence": 8,
        "job": "j1",
        "state": "completed",
        "charge": "0.01",
        "currency": "USD",
        "sealed": 1,
        "provisional": 0,
    }
    bus.answers["qb.query.acme.jobs"] = lambda _: {"rows": [row], "sequence": 9}
    answer = await send(app, "GET", "/v1/jobs?limit=7")
    assert bus.asked[0][1]["limit"] == 7
    assert answer.json() == {
        "data": [
            {
                "sequence": 8,
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


async def test_filters_and_cursors_become_a_question(app: ASGIApp, bus: Bus) -> None:
    rows = [{"job": "j1", "sequence": 70}, {"job": "j2", "sequence": 69}]
    bus.answers["qb.query.acme.jobs"] = lambda _: {"rows": rows}
    path = "/v1/jobs?state=failed,completed&state=placed&backend=aer&user=ann&tag=ci&label=be&limit=2"
    path += "&from=2026-11-01T00:00:00Z"
    page = await send(app, "GET", path)
    asked = bus.asked[0][1]
    assert asked == {
        "states": ["failed", "completed", "placed"],
        "backend": "aer",
        "user": "ann",
        "tag": "ci",
        "label": "be",
        "limit": 2,
        "since": "2026-11-01T00:00:00.000000Z",
    }
    assert f"after={page.json()['next']}" in page.headers["link"]
    await send(app, "GET", f"{path}&after={page.json()['next']}")
    assert bus.asked[1][1] == {**asked, "before": 69}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=unheard", "bad_state"),
        ("after=%00", "bad_cursor"),
        ("after=AAAA", "bad_cursor"),
        ("from=yesterday", "bad_time"),
        ("to=2026-11-01T00:00:00", "bad_time"),
        ("backend=A*", "bad_name"),
        ("label=" + "x" * 201, "bad_label"),
    ],
)
async def test_a_bad_filter_is_named(app: ASGIApp, query: str, code: str) -> None:
    answer = await send(app, "GET", f"/v1/jobs?{query}")
    assert (answer.status, answer.json()["code"]) == (422, code)


async def test_states_of_many_jobs_are_one_request(app: ASGIApp, log: MemoryLog) -> None:
    events = [submitted(f"k{number}") for number in range(120)]
    for event in events:
        await log.append(event)
    await log.append(submitted("k1", tenant="evil", job="jother"))
    asked = json.dumps({"jobs": [*(it.data.job for it in events), "jother"]}).encode()
    answer = await send(app, "POST", "/v1/jobs:status", headers=[("content-type", "application/json")], body=asked)
    assert {it["state"] for it in answer.json()["data"]} == {"submitted"}
    assert (len(answer.json()["data"]), answer.json()["missing"]) == (120, ["jother"])


@pytest.mark.parametrize("what", ["result", "receipt", "charge"])
async def test_what_a_job_does_not_have_yet_can_be_asked_again(app: ASGIApp, log: MemoryLog, what: str) -> None:
    event = submitted("k1")
    await log.append(event)
    answer = await send(app, "GET", f"/v1/jobs/{event.data.job}/{what}")
    assert (answer.status, answer.json()["retryable"], answer.headers["retry-after"]) == (409, True, "1")


async def test_a_history_has_the_events_as_they_are(app: ASGIApp, log: MemoryLog) -> None:
    event = submitted("k1")
    places = [await log.append(event), await log.append(accepted(event.data.job))]
    found = (await send(app, "GET", f"/v1/jobs/{event.data.job}/history")).json()
    assert ([it["sequence"] for it in found["data"]], found["as_of_seq"]) == (places, places[-1])
    assert decode(json.dumps(found["data"][0]["event"]).encode()) == event
    assert (await send(app, "GET", "/v1/jobs/jabsent/history")).status == 404


async def test_reasons_of_waits_are_those_of_the_states_asked_for(app: ASGIApp, bus: Bus) -> None:
    bus.answers["qb.query.acme.waiting"] = lambda _: {"rows": [{"job": "j1", "reason": "job j1 waits for a slot"}]}
    found = (await send(app, "GET", "/v1/jobs:waiting?state=accepted,placed&job=j1")).json()
    assert found["data"] == [{"job": "j1", "reason": "waits for a slot"}]
    assert [(subject, it["job"]) for subject, it in bus.asked] == [("qb.query.acme.waiting", "j1")]
    assert (await send(app, "GET", "/v1/jobs:waiting?state=gone")).json()["code"] == "bad_state"


@pytest.mark.parametrize(
    ("path", "code"),
    [("sha256:x?size=1", "bad_digest"), (f"sha256:{'0' * 64}", "bad_size"), (f"sha256:{'0' * 64}?size=-1", "bad_size")],
)
async def test_a_payload_is_asked_for_by_its_whole_reference(app: ASGIApp, path: str, code: str) -> None:
    answer = await send(app, "GET", f"/v1/payloads/{path}")
    assert (answer.status, answer.json()["code"]) == (422, code)


async def test_an_export_asks_for_the_callers_bills_alone_page_by_page(app: ASGIApp, bus: Bus) -> None:
    data = {"tenant": "acme", "project": "main", "job": "j1", "price_book": "sha256:0"}
    charge = {"amount": "0.30", "currency": "USD", "jbu": "1", "lines": []}
    bill = {
        "sequence": 7,
        "at": "2026-11-01T00:00:00Z",
        "type": "qb.job.metered.v1",
        "data": {**data, "charge": charge},
    }
    bus.answers["qb.query.acme.bills"] = lambda it: {"rows": [] if "before" in it else [bill]}
    answer = await send(app, "GET", "/v1/exports/charges?format=jsonl&project=main&from=2026-11-01T00:00:00Z")
    assert answer.headers["content-disposition"] == 'attachment; filename="charges.jsonl"'
    assert json.loads(answer.body)["amount"] == "0.30"
    assert [it.get("before") for _, it in bus.asked] == [None, 7]
    assert {(it["project"], it["since"]) for _, it in bus.asked} == {("main", "2026-11-01T00:00:00.000000Z")}


async def test_an_export_that_cannot_begin_is_a_problem(app: ASGIApp, bus: Bus) -> None:
    bus.answers["qb.query.acme.bills"] = lambda _: {"error": {"code": "busy", "text": "later"}}
    assert (await send(app, "GET", "/v1/exports/charges")).status == 429
    assert (await send(app, "GET", "/v1/exports/charges?format=xlsx")).json()["code"] == "bad_format"
