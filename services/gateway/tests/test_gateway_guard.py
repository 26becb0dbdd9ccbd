"""What every request passes: hosts, sizes, rates, and errors as problem documents."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from queuebit.transport import OnGap, OnMessage, Reply, Unsubscribe
from queuebit_contracts.directory import Directory
from queuebit_gateway.callers import Caller, Callers
from queuebit_gateway.guard import BODY_BYTES, Guard
from queuebit_gateway.limits import Limited
from queuebit_gateway.operations import OPERATIONS
from queuebit_gateway.problems import PROBLEM, Problem
from queuebit_gateway.server import Server
from queuebit_gateway.settings import Settings
from queuebit_kernel import SystemClock
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import ANN, Bus, app_for, platform


@pytest.mark.parametrize("host", ["localhost", "localhost:7440", "127.0.0.1:1", "[::1]:7440"])
async def test_names_of_loopback_are_served(app: ASGIApp, host: str) -> None:
    assert (await send(app, "GET", "/console/", host=host)).status == 200


@pytest.mark.parametrize("host", [None, "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "a b", ""])
async def test_any_other_host_is_refused(app: ASGIApp, host: str | None) -> None:
    answer = await send(app, "GET", "/console/", host=host)
    assert (answer.status, answer.json()["code"]) == (421, "unknown_host")


async def test_two_hosts_are_refused(app: ASGIApp) -> None:
    assert (await send(app, "GET", "/console/", headers=[("host", "localhost")])).status == 421


async def test_an_error_is_a_problem_document_with_the_request_id(app: ASGIApp) -> None:
    answer = await send(app, "GET", "/v1/nothing", headers=[("x-request-id", "abc-1")])
    found = answer.json()
    assert answer.headers["content-type"] == PROBLEM
    assert (answer.status, found["status"], found["code"]) == (404, 404, "no_such_address")
    assert found["request_id"] == answer.headers["x-request-id"] == "abc-1"
    assert found["reasons"] == [{"code": "no_such_address", "text": found["detail"]}]


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/v1/job/j123/result", "/v1/jobs/j123/result"),
        ("/jobs", "/v1/jobs"),
        ("/v1/jobs/", "/v1/jobs"),
        ("/x", "/docs"),
    ],
)
async def test_an_address_that_there_is_not_says_which_there_is(app: ASGIApp, path: str, near: str) -> None:
    found = (await send(app, "GET", path)).json()
    assert (found["status"], found["detail"]) == (404, f"there is no address {path}")
    assert near in found["next_step"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_parameter_that_there_is_not_is_refused_with_those_that_there_are(app: ASGIApp, method: str) -> None:
    answer = await send(app, method, "/v1/jobs?stat=failed&limit=3")
    assert answer.status == 422
    found = (await send(app, "GET", "/v1/jobs?stat=failed&limit=3")).json()
    assert (found["code"], found["next_step"]) == ("unknown_parameter", "did you mean state?")
    assert all(it in found["detail"] for it in ("stat:", "state", "project", "limit", "after"))


async def test_every_address_refuses_what_it_does_not_know(app: ASGIApp) -> None:
    for it in OPERATIONS:
        if "webhooks" not in it.path:  # this application has none
            answer = await send(app, it.method, f"{re.sub('{.*?}', 'x', it.path)}?no_such=1")
            assert (answer.status, answer.json()["code"]) == (422, "unknown_parameter"), it.path


async def test_a_request_id_that_could_break_a_log_is_replaced(app: ASGIApp) -> None:
    assert "\n" not in (await send(app, "GET", "/", headers=[("x-request-id", "a\nb")])).headers["x-request-id"]


async def test_another_method_is_named(app: ASGIApp) -> None:
    answer = await send(app, "DELETE", "/v1/backends")
    assert (answer.status, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert "GET, HEAD" in answer.json()["next_step"]


async def test_every_method_of_an_address_is_named(app: ASGIApp) -> None:
    answer = await send(app, "DELETE", "/v1/jobs")
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/v1/me", "/v1/nothing", "/openapi.json", "/.well-known/oauth-protected-resource"])
async def test_json_ends_with_a_line_end(app: ASGIApp, path: str) -> None:
    assert (await send(app, "GET", path)).body.endswith(b"}\n")


@pytest.mark.parametrize(("proxies", "scheme"), [((), "http"), (("127.0.0.0/8",), "https"), (("10.0.0.1",), "http")])
async def test_only_a_proxy_that_is_named_says_how_a_client_came(proxies: tuple[str, ...], scheme: str) -> None:
    seen: list[str] = []

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["scheme"])
        await PlainTextResponse("")(scope, receive, send)

    with socket.socket() as listening:
        config = Server(echo, Settings(proxies=proxies), listening).config
        config.load()
        await send(config.loaded_app, "GET", "/", headers=[("x-forwarded-proto", "https")])
    assert seen == [scheme]


@pytest.mark.parametrize("length", [[("content-length", str(BODY_BYTES + 1))], []])
async def test_a_body_that_is_too_large_is_refused_with_the_limit(app: ASGIApp, length: list[tuple[str, str]]) -> None:
    body = [b"x" * (BODY_BYTES // 2)] * 3
    answer = await send(app, "POST", "/v1/plans", headers=length, body=body)
    assert (answer.status, answer.json()["code"]) == (413, "body_too_large")
    assert f"{BODY_BYTES:,}" in answer.json()["detail"]


async def test_an_unexpected_error_tells_nothing(app: ASGIApp, bus: Bus) -> None:
    bus.answers["qb.query.acme.backends"] = lambda _: {"rows": 1 / 0}
    answer = await send(app, "GET", "/v1/backends")
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")
    assert b"ZeroDivision" not in answer.body


class Silent(Bus):
    """A bus on which no service answers."""

    async def request(self, *args: object, **kwargs: object) -> Reply:
        from queuebit.errors import Unreachable

        raise Unreachable("nats: no responders on qb.query.acme.backends")

    async def follow(self, subjects: object, on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        raise AssertionError


async def test_nothing_of_nats_reaches_a_user() -> None:
    answer = await send(app_for(platform(MemoryLog(), Silent()), ANN), "GET", "/v1/backends")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["retryable"] is True
    assert b"nats" not in answer.body
    assert b"qb." not in answer.body


async def test_a_request_without_a_caller_says_how_to_be_one() -> None:
    callers = Callers(Directory(), SystemClock(), lambda _: None)
    for headers in ([], [(b"authorization", b"Bearer qbt_x")], [(b"signature-input", b"x")]):
        with pytest.raises(Problem) as caught:
            await callers(
                Request({"type": "http", "headers": headers, "method": "GET", "path": "/", "query_string": b""}, _no)
            )
        assert caught.value.status == 401
        assert "qb token" in caught.value.next_step


async def _no() -> dict[str, object]:
    return {"type": "http.request", "body": b""}


async def test_a_tenant_that_asks_too_often_waits_alone() -> None:
    names = iter(["acme"] * 9 + ["other"])

    async def next_caller(_: Request) -> Caller:
        return Caller(next(names), "ann", "admin")

    limited, request = Limited(next_caller, 4, 100), Request({"type": "http"})
    for _ in range(8):
        await limited(request)
    with pytest.raises(Problem) as caught:
        await limited(request)
    assert caught.value.status == 429
    assert caught.value.retry_after_s is not None
    assert (await limited(request)).tenant == "other"


async def test_a_tenant_with_too_many_open_streams_or_waits_is_refused_alone() -> None:
    let_go = asyncio.Event()

    async def named(request: Request) -> Caller:
        return Caller(request.headers["tenant"], "ann", "admin")

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        await limited(Request(scope))
        await let_go.wait()

    def begin(tenant: str) -> asyncio.Future[None]:
        return asyncio.ensure_future(app({"type": "http", "headers": [(b"tenant", tenant.encode())]}, _no, ignore))

    async def ignore(_: Message) -> None: ...

    limited = Limited(named, 100, 2)
    app = limited.counted(waits)
    held = [begin("acme"), begin("acme")]
    await asyncio.sleep(0)
    with pytest.raises(Problem, match="too_many_open"):
        await begin("acme")
    held.append(begin("other"))
    let_go.set()
    await asyncio.gather(*held, begin("acme"))


async def test_a_body_that_drips_ends_with_its_connection() -> None:
    """Each piece comes in time, and the body never ends."""

    async def read(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    sent: list[Message] = []

    async def drip() -> Message:
        await asyncio.sleep(0.005)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def take(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"localhost")]}
    async with asyncio.timeout(10):
        await Guard(read, hosts=(), body_s=0.05)(scope, drip, take)
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"connection"]) == (400, b"close")
