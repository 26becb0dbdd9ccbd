"""The gateway as a process on a real server, with real receivers: crashes, failures, redirects and ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook as Verifier

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.tenant import TenantDefined, TenantDefinition, UserDefined, UserDefinition
from queuebit_runtime.bus import Bus
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.log import JetStreamLog
from queuebit_testing.build import accepted
from queuebit_testing.server import NatsServer, free_port
from queuebit_testing.signed_requests import signed_headers

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

SEED = new_seed()
Headers = dict[str, str]


class Gateway:
    """The process, and its addresses for an admin of acme."""

    def __init__(self, server: NatsServer, lease_s: float = 10) -> None:
        self._server = server
        self._lease_s = lease_s
        self._port = free_port()
        self._process: Process | None = None

    async def start(self) -> None:
        environment = {
            **os.environ,
            "QUEUEBIT_BUS_URL": self._server.url,
            "QUEUEBIT_BUS_SEED_FILE": str(self._server.seed_file("gateway")),
            "QUEUEBIT_GATEWAY_PORT": str(self._port),
            "QUEUEBIT_GATEWAY_WEBHOOK_PRIVATE_HOSTS": '["127.0.0.1"]',
            "QUEUEBIT_GATEWAY_WEBHOOK_LEASE_S": str(self._lease_s),
        }
        self._process = await asyncio.create_subprocess_exec(sys.executable, "-m", "queuebit_gateway", env=environment)
        async with asyncio.timeout(20):
            while True:
                try:
                    if (await self.ask("GET", "/v1/me"))[0] == 200:
                        return
                except OSError:
                    await asyncio.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def ended(self) -> None:
        assert self._process is not None
        await self._process.wait()

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{self._port}{path}"
        content = b"" if body is None else json.dumps(body).encode()
        headers = {**signed_headers(SEED, method, url, content), "content-type": "application/json"}
        request = urllib.request.Request(url, content or None, headers, method=method)  # loopback

        def answer() -> tuple[int, Any]:
            try:
                with urllib.request.urlopen(request, timeout=15) as done:  # loopback
                    return done.status, json.loads(done.read() or b"{}")
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, json.loads(error.read())

        return await asyncio.to_thread(answer)

    async def deliveries(self, webhook: str, done: Callable[[list[Any]], bool]) -> list[Any]:
        """The log of deliveries, as soon as it is as wanted."""
        async with asyncio.timeout(15):
            while True:
                found: list[Any] = (await self.ask("GET", f"/v1/webhooks/{webhook}/deliveries"))[1]["data"]
                if done(found):
                    return found
                await asyncio.sleep(0.02)


class Receiver:
    """An HTTP server; `answers` gives the head of the answer by path, or None to hang."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Headers, bytes]] = []
        self.answers: dict[str, Callable[[], str | None]] = {}
        self.changed = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (it.partition(": ") for it in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        path = first.split(" ")[1]
        self.taken.append((path, headers, body))
        self.changed.set()
        answer = self.answers.get(path, lambda: "204 No Content")()
        if answer is None:
            await reader.read()
        else:
            writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    def of(self, path: str) -> list[tuple[Headers, bytes]]:
        return [(headers, body) for at, headers, body in self.taken if at == path]

    async def until(self, path: str, number: int) -> list[tuple[Headers, bytes]]:
        """The requests to a path, when there are as many of different events."""
        async with asyncio.timeout(15):
            while len({headers["webhook-id"] for headers, _ in self.of(path)}) < number:
                self.changed.clear()
                await self.changed.wait()
        return self.of(path)


async def store(server: NatsServer, *events: AnyEvent) -> None:
    bus = Bus("broker", server.url, server.seeds["broker"])
    await bus.connect()
    for event in events:
        await JetStreamLog(bus).append(event)
    await bus.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("webhooks"))
    await server.start()
    limits = TenantDefinition(tenant="acme", max_shots=1000, max_active_jobs=10, by="test")
    ann = UserDefinition(tenant="acme", user="ann", role="admin", keys=(public_key(SEED),), by="test")
    await store(server, TenantDefined(source="qb/broker", data=limits), UserDefined(source="qb/broker", data=ann))
    yield server
    server.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(server: NatsServer) -> AsyncIterator[Gateway]:
    gateway = Gateway(server)
    await gateway.start()
    yield gateway
    gateway.kill()
    await gateway.ended()


async def test_receivers_that_fail_hang_redirect_or_end_hold_up_no_other(server: NatsServer, gateway: Gateway) -> None:
    receiver = Receiver()
    receiver.answers = {
        "/fails": lambda: "503 Busy\r\nRetry-After: 600",
        "/hangs": lambda: None,
        "/redirects": lambda: f"307 Elsewhere\r\nLocation: {receiver.url}/inside",
        "/gone": lambda: "410 Gone",
    }
    async with receiver.listening():
        made = {}
        for path in ("/well", *receiver.answers):
            wanted = {"url": receiver.url + path, "types": ["job.accepted"]}
            made[path] = (await gateway.ask("POST", "/v1/webhooks", wanted))[1]
        await store(server, *(accepted(f"j{it}") for it in range(3)))
        for headers, body in await receiver.until("/well", 3):
            Verifier(made["/well"]["secret"]).verify(body, headers)
            assert json.loads(body)["type"] == "qb.job.accepted.v1"
        assert [json.loads(body)["data"]["job"] for _, body in receiver.of("/well")] == ["j0", "j1", "j2"]

        failed = await gateway.deliveries(made["/fails"]["id"], lambda found: len(found) == 3)
        assert {(it["state"], it["status"], it["tries"]) for it in failed} == {("retrying", 503, 1)}
        assert all(it["next_try_at"] > it["tried_at"] for it in failed)
        redirected = await gateway.deliveries(made["/redirects"]["id"], lambda found: len(found) == 3)
        assert {(it["status"], it["error"]) for it in redirected} == {(307, "redirects are not followed")}
        assert receiver.of("/inside") == []
        (gone,) = await gateway.deliveries(made["/gone"]["id"], bool)
        assert (gone["state"], gone["status"]) == ("failed", 410)
        shown = (await gateway.ask("GET", f"/v1/webhooks/{made['/gone']['id']}"))[1]
        assert shown["disabled"] == "the receiver answered 410 Gone"

        del receiver.answers["/fails"]
        again = failed[0]["n"]
        assert (await gateway.ask("POST", f"/v1/webhooks/{made['/fails']['id']}/deliveries/{again}:replay"))[0] == 202
        await gateway.deliveries(made["/fails"]["id"], lambda found: found[0]["state"] == "delivered")
        assert len(receiver.of("/hangs")) == 1, "it still waits for its first answer"


async def test_an_address_inside_is_refused(gateway: Gateway) -> None:
    status, refused = await gateway.ask("POST", "/v1/webhooks", {"url": "https://localhost/"})
    assert (status, refused["code"]) == (422, "bad_url")
    assert "loopback" in refused["detail"]


async def test_deliveries_survive_a_kill(server: NatsServer, gateway: Gateway) -> None:
    receiver = Receiver()

    def dies_at_the_third() -> str | None:
        if len(receiver.taken) == 3:
            gateway.kill()
            return None
        return "204 No Content"

    receiver.answers["/"] = dies_at_the_third
    async with receiver.listening():
        made = (await gateway.ask("POST", "/v1/webhooks", {"url": f"{receiver.url}/"}))[1]
        await store(server, *(accepted(f"k{it}") for it in range(6)))
        await gateway.ended()
        await store(server, accepted("while-it-is-down"))
        await gateway.start()
        taken = await receiver.until("/", 7)
        assert (await gateway.ask("GET", f"/v1/webhooks/{made['id']}"))[0] == 200
    bodies = {headers["webhook-id"]: body for headers, body in taken}
    assert len({*bodies.values()}) == 7, "each event has one id, also when it is sent twice"
    assert len(taken) > 7, "the delivery without an answer is repeated"
    for headers, body in taken:
        assert bodies[headers["webhook-id"]] == body
        Verifier(made["secret"]).verify(body, headers)


async def test_another_gateway_goes_on_for_one_that_is_killed(server: NatsServer, gateway: Gateway) -> None:
    receiver, other = Receiver(), Gateway(server, lease_s=1)
    await other.start()

    def dies_at_the_third() -> str | None:
        if len(receiver.taken) == 3:
            other.kill()
            return None
        return "204 No Content"

    receiver.answers["/"] = dies_at_the_third
    async with receiver.listening():
        made = (await other.ask("POST", "/v1/webhooks", {"url": f"{receiver.url}/"}))[1]
        assert (await gateway.ask("GET", f"/v1/webhooks/{made['id']}"))[1]["url"] == made["url"]
        turned = (await gateway.ask("POST", f"/v1/webhooks/{made['id']}:rotate"))[1]
        await store(server, *(accepted(f"m{it}") for it in range(6)))
        await other.ended()
        killed = time.monotonic()
        await receiver.until("/", 6)
        assert time.monotonic() - killed < 10, "a lease of a second, and a look every two seconds"
        await store(server, accepted("afterwards"))
        taken = await receiver.until("/", 7)
    bodies = {headers["webhook-id"]: body for headers, body in taken}
    assert len({*bodies.values()}) == 7, "nothing is lost, and each event has one id"
    assert len(taken) <= 7 + 3, "only what was not stored yet is repeated"
    for headers, body in taken:
        Verifier(made["secret"]).verify(body, headers)
    Verifier(turned["secret"]).verify(taken[-1][1], taken[-1][0])
