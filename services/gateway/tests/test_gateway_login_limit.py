"""Too many failed logins of one address are refused unread, with the time to wait; users who are known there go on."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from queuebit_gateway.access import Counting, note_caller
from queuebit_gateway.guard import Guard
from queuebit_gateway.login_limit import LoginLimit
from queuebit_gateway.problems import Problem
from queuebit_runtime.access_counter import Who

from .asgi import Answer, send

MOST = 3
EVIL, OTHER = "192.0.2.1", "192.0.2.2"


@dataclass
class World:
    """A gateway with one address, for which `Bearer good` is valid."""

    now: float = 1_000.0
    reached: int = 0
    codes: list[str] = field(default_factory=list)

    def app(self) -> ASGIApp:
        async def jobs(request: Request) -> Response:
            self.reached += 1
            if request.headers.get("authorization") != "Bearer good":
                raise Problem(401, "bad_token", "no")
            note_caller(request.scope, Who("acme", "ann"))
            return PlainTextResponse("jobs")

        async def token(request: Request) -> Response:
            del request
            self.reached += 1
            return PlainTextResponse("{}", 400)

        routes = [Route("/v1/jobs", jobs), Route("/oauth/token", token, methods=["POST"])]
        limit = LoginLimit(Router(routes), MOST, lambda: self.now)
        return Counting(Guard(limit, hosts=(), body_s=10), self)

    def read(self, door: str, kind: str, named: str, who: Who) -> None: ...

    def refused(self, door: str, kind: str, named: str, who: Who, code: str) -> None:
        assert (door, kind, who) == ("gateway", "request", Who())
        self.codes.append(code)


@pytest.fixture
def world() -> World:
    return World()


async def login(app: ASGIApp, token: str | None, address: str = EVIL) -> Answer:
    headers = [] if token is None else [("authorization", f"Bearer {token}")]
    return await send(app, "GET", "/v1/jobs", headers=headers, client=address)


async def test_after_the_last_failure_a_login_is_refused_unread_and_says_when_to_come_again(world: World) -> None:
    app = world.app()
    assert [(await login(app, f"guess {it}")).status for it in range(MOST)] == [401] * MOST
    world.now += 15.5
    answer = await login(app, "guess")
    assert (answer.status, answer.json()["code"], answer.json()["retryable"]) == (429, "too_many_failed_logins", True)
    assert answer.headers["retry-after"] == "45"
    assert world.reached == MOST
    world.now += 45
    assert (await login(app, "good")).status == 200


async def test_one_address_stops_no_other_one(world: World) -> None:
    app = world.app()
    for it in range(MOST):
        await login(app, f"guess {it}")
    assert (await login(app, "good", OTHER)).status == 200


async def test_a_user_who_is_known_behind_the_address_goes_on(world: World) -> None:
    app = world.app()
    assert (await login(app, "good")).status == 200
    for it in range(MOST + 1):
        await login(app, f"guess {it}")
    assert (await login(app, "good")).status == 200
    assert (await login(app, "guess")).status == 429


async def test_a_request_without_a_credential_is_no_failed_login(world: World) -> None:
    app = world.app()
    assert [(await login(app, None)).status for _ in range(2 * MOST)] == [401] * (2 * MOST)


async def test_refused_exchanges_count_and_wait_too(world: World) -> None:
    app = world.app()
    answers = [await send(app, "POST", "/oauth/token", client=EVIL) for _ in range(MOST + 1)]
    assert [it.status for it in answers] == [400] * MOST + [429]
    assert (await login(app, "guess")).status == 429


async def test_clients_behind_a_known_proxy_are_counted_apart(world: World) -> None:
    app = ProxyHeadersMiddleware(world.app(), trusted_hosts=["10.0.0.1"])  # type: ignore[arg-type]  # its own types

    async def through_proxy(client: str, token: str) -> int:
        headers = [("authorization", f"Bearer {token}"), ("x-forwarded-for", client)]
        return (await send(app, "GET", "/v1/jobs", headers=headers, client="10.0.0.1")).status  # type: ignore[arg-type]

    assert [await through_proxy(EVIL, f"guess {it}") for it in range(MOST + 1)] == [401] * MOST + [429]
    assert await through_proxy(OTHER, "good") == 200


async def test_a_client_that_claims_other_addresses_counts_as_one(world: World) -> None:
    app = ProxyHeadersMiddleware(world.app(), trusted_hosts=["10.0.0.1"])  # type: ignore[arg-type]  # its own types

    async def claiming(number: int) -> int:
        headers = [("authorization", f"Bearer guess {number}"), ("x-forwarded-for", f"192.0.2.{number}")]
        return (await send(app, "GET", "/v1/jobs", headers=headers, client=EVIL)).status  # type: ignore[arg-type]

    assert [await claiming(it) for it in range(MOST + 1)] == [401] * MOST + [429]


async def test_the_flood_has_a_code_of_its_own_in_the_audit_trail(world: World) -> None:
    app = world.app()
    for it in range(MOST + 5):
        await login(app, f"guess {it}")
    assert world.codes == ["bad_token"] * MOST + ["too_many_failed_logins"] * 5
