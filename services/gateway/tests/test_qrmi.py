"""What the addresses of QRMI refuse before anything is asked or written."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from starlette.types import ASGIApp

from queuebit_gateway.callers import Caller
from queuebit_gateway.problems import Problem
from queuebit_gateway.qrmi_payloads import program_of
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import ANN, Bus

JSON = ("content-type", "application/json")
FORM = ("content-type", "application/x-www-form-urlencoded")
GRANT = "urn:ibm:params:oauth:grant-type:apikey"
JOB = {"program_id": "sampler", "backend": "aer", "params": {"pubs": ["OPENQASM 3.0; qubit q; bit c; c = measure q;"]}}
OPEN = {"mode": "dedicated", "max_ttl": 60, "backend": "aer"}


@pytest.mark.parametrize(
    ("method", "path", "body", "crn", "status", "code"),
    [
        ("POST", "/jobs", {**JOB, "program_id": "estimator"}, "queuebit", 422, "unknown_program"),
        ("POST", "/jobs", {**JOB, "backend": "not a name"}, "queuebit", 422, "invalid_body"),
        ("POST", "/jobs", JOB, "crn:v1:bluemix", 422, "bad_crn"),
        ("POST", "/jobs", JOB, "queuebit", 422, "unsigned"),
        ("POST", "/sessions", OPEN, "crn:v1:bluemix", 422, "bad_crn"),
        ("POST", "/sessions", OPEN, "queuebit:no name", 422, "invalid_body"),
        ("POST", "/sessions", {**OPEN, "mode": "batch"}, "queuebit", 422, "bad_mode"),
        ("GET", "/sessions/no%20name", None, "queuebit", 404, "unknown_session"),
        ("DELETE", "/sessions/a.b/close", None, "queuebit", 404, "unknown_session"),
        ("GET", "/jobs", None, "queuebit", 422, "bad_list"),
        ("GET", "/jobs/j1/results", None, "queuebit", 404, "unknown_job"),
        ("GET", "/backends/aer/configuration", None, "queuebit", 404, "no_target"),
    ],
)
async def test_refusals_say_what_is_wrong(
    app: ASGIApp, bus: Bus, method: str, path: str, body: object, crn: str, status: int, code: str
) -> None:
    content = b"" if body is None else json.dumps(body).encode()
    headers = [JSON, ("service-crn", crn)]
    answer = await send(app, method, f"/qrmi{path.replace('%20', ' ')}", headers=headers, body=content)
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert bus.asked == []


async def test_a_job_that_was_submitted_otherwise_has_no_result_here(app: ASGIApp, log: MemoryLog) -> None:
    event = submitted("k1")
    await log.append(event)
    shown = await send(app, "GET", f"/qrmi/jobs/{event.data.job}")
    assert (shown.status, shown.json()["status"], shown.json()["state"]) == (200, "Queued", {"status": "Queued"})
    answer = await send(app, "GET", f"/qrmi/jobs/{event.data.job}/results")
    assert (answer.status, answer.json()["code"]) == (409, "no_result")


@pytest.mark.parametrize("caller", [replace(ANN, role="viewer")])
async def test_a_viewer_submits_nothing_and_opens_nothing(app: ASGIApp, caller: Caller) -> None:
    del caller
    for path, body in (("/qrmi/jobs", JOB), ("/qrmi/sessions", OPEN)):
        answer = await send(app, "POST", path, headers=[JSON], body=json.dumps(body).encode())
        assert (answer.status, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("form", [{"grant_type": GRANT, "apikey": "ключ"}, {"grant_type": GRANT}])
async def test_an_api_key_that_is_no_token_is_refused(app: ASGIApp, form: dict[str, str]) -> None:
    answer = await send(app, "POST", "/qrmi/identity/token", headers=[FORM], body=urlencode(form).encode())
    assert (answer.status, answer.json()["code"]) == (401, "bad_token")
    other = await send(app, "POST", "/qrmi/identity/token", headers=[FORM], body=b"grant_type=password")
    assert (other.status, other.json()["code"]) == (422, "bad_grant")


@pytest.mark.parametrize(
    "part", ["bit[", "bit ", " ", "/*", "/**", "creg a[", "input float[", "input float ", "//", "*"]
)
def test_a_hostile_source_is_read_in_a_time_that_grows_with_its_length(part: str) -> None:
    with pytest.raises(Problem, match="classical registers"):  # minutes, if it grew with the square
        program_of({"pubs": ["OPENQASM 3.0; bit" + part * (200_000 // len(part))]})
