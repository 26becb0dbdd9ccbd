"""Named circuits over HTTP: versions by name, as the broker has them, with their sources."""

from __future__ import annotations

import pytest
from starlette.types import ASGIApp

from queuebit_gateway.callers import Caller
from queuebit_gateway.platform import Platform
from queuebit_kernel import digest
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, app_for, platform

SOURCE = b"OPENQASM 3.0; qubit q; bit c; c = measure q;"


def version(number: int, state: str) -> dict[str, object]:
    size = {"digest": digest(SOURCE), "size": len(SOURCE), "media_type": "text/x-openqasm"}
    return {"circuit": "bell", "version": number, "state": state, "owner": "ann", "parameters": [], **size}


@pytest.fixture
def app(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> ASGIApp:
    async def content(_: object, tenant: str, payload: object) -> bytes:
        assert tenant == "acme"
        return SOURCE

    monkeypatch.setattr(Platform, "content", content)
    rows = [version(3, "draft"), version(2, "canary"), version(1, "released"), version(4, "withdrawn")]
    bus.answers["qb.query.acme.circuits"] = lambda _: {"rows": rows}
    return app_for(platform(MemoryLog(), bus), Caller("acme", "ann", "viewer"))


async def test_all_versions_are_listed(app: ASGIApp, bus: Bus) -> None:
    answer = await send(app, "GET", "/v1/circuits?limit=10")
    assert (answer.status, [it["version"] for it in answer.json()["data"]]) == (200, [3, 2, 1, 4])
    assert bus.asked[-1][1]["limit"] == 10


@pytest.mark.parametrize(("name", "number"), [("bell", 1), ("bell@canary", 2), ("bell@3", 3), ("bell@released", 1)])
async def test_a_version_is_found_by_its_name(app: ASGIApp, name: str, number: int) -> None:
    answer = await send(app, "GET", f"/v1/circuits/{name}")
    assert (answer.status, answer.json()["version"]) == (200, number)
    source = await send(app, "GET", f"/v1/circuits/{name}/source")
    assert (source.status, source.body, source.headers["content-type"].split(";")[0]) == (
        200, SOURCE, "text/x-openqasm",
    )  # fmt: skip
    assert source.headers["etag"] == f'"{digest(SOURCE)}"'


@pytest.mark.parametrize(("name", "status"), [("ghz", 404), ("bell@9", 404), ("bell@4", 404), ("bell@x", 422)])
async def test_what_names_no_version_is_refused(app: ASGIApp, name: str, status: int) -> None:
    for what in ("", "/source"):
        assert (await send(app, "GET", f"/v1/circuits/{name}{what}")).status == status
