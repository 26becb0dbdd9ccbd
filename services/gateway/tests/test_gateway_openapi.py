"""The OpenAPI document: it is fresh, names each address, and says what is answered."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from starlette.types import ASGIApp

from queuebit_gateway.guard import Guard
from queuebit_gateway.login_limit import LoginLimit
from queuebit_gateway.openapi import DOCUMENT, document, text
from queuebit_gateway.operations import OPERATIONS
from queuebit_gateway.webhooks.routes import WebhookRoutes
from queuebit_testing.build import submitted
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus


def test_the_committed_document_is_fresh() -> None:
    assert DOCUMENT.read_text() == text(), "run `make generate`"


def test_it_has_each_address_and_no_other(app: ASGIApp) -> None:
    assert isinstance(app, Guard)
    assert isinstance(app._app, LoginLimit)
    router: Any = app._app._app
    nothing: Any = None  # nothing is asked
    webhooks: list[Any] = [*WebhookRoutes(nothing, nothing, nothing).routes()]
    served = {
        (method, route.path)
        for route in (*router.routes, *webhooks)
        if route.path.startswith("/v1/")
        for method in route.methods - {"HEAD"}
    }
    assert {(it.method, it.path) for it in OPERATIONS} == served
    assert len({it.name for it in OPERATIONS}) == len(OPERATIONS)


def test_every_reference_leads_somewhere() -> None:
    found = document()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                target: Any = found
                for part in value["$ref"].removeprefix("#/").split("/"):
                    target = target[part]
            for it in value.values():
                walk(it)
        elif isinstance(value, list):
            for it in value:
                walk(it)

    walk(found)


def answered(path: str, method: str, status: int) -> dict[str, Any]:
    """The schema of an answer, with all definitions."""
    whole = document()
    response = whole["paths"][path][method]["responses"][str(status)]
    if "$ref" in response:
        response = whole["components"]["responses"][str(status)]
    (content,) = response["content"].values()
    return {**content["schema"], "components": whole["components"]}


async def test_answers_are_as_it_says(app: ASGIApp, bus: Bus, log: MemoryLog) -> None:
    event = submitted("k1")
    await log.append(event)
    row = {"job": "j1", "state": "completed", "sequence": 3, "charge": "0.01", "currency": "USD"}
    bus.answers["qb.query.acme.jobs"] = lambda _: {"rows": [row], "sequence": 9}
    bus.answers["qb.query.acme.admission"] = lambda _: {"rows": []}
    for path, real in (("/v1/jobs", "/v1/jobs"), ("/v1/jobs/{job}", f"/v1/jobs/{event.data.job}")):
        answer = await send(app, "GET", real)
        assert answer.status == 200
        jsonschema.validate(answer.json(), answered(path, "get", 200))


@pytest.mark.parametrize("path", ["/v1/jobs/jnone", "/v1/jobs/jnone/result", "/v1/jobs?limit=0"])
async def test_problems_are_as_it_says(app: ASGIApp, path: str) -> None:
    answer = await send(app, "GET", path)
    jsonschema.validate(answer.json(), answered("/v1/jobs/{job}", "get", 422 if "?" in path else 404))


def test_each_event_that_a_webhook_sends_has_its_schema() -> None:
    whole = document()
    assert {"job.submitted", "job.completed", "job.sealed", "account.settled"} <= whole["webhooks"].keys()
    assert not any(it.startswith("tenant.") for it in whole["webhooks"])
    event = submitted("k1")
    (content,) = whole["webhooks"]["job.submitted"]["post"]["requestBody"]["content"].values()
    schema = {**content["schema"], "components": whole["components"]}
    jsonschema.validate(json.loads(event.to_bytes()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": "qb.job.submitted.v1"}, schema)


async def test_it_is_served_with_a_page(app: ASGIApp) -> None:
    assert (await send(app, "GET", "/openapi.json")).json() == json.loads(text())
    page = await send(app, "GET", "/docs")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"/v1/jobs:status" in page.body
    assert b"<script" not in page.body
