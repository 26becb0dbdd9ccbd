"""The public keys of issuers are fetched from a real server: not often, and only from permitted addresses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from queuebit_broker.key_sets import FetchedKeySets
from queuebit_broker.settings import Settings
from queuebit_kernel import Unavailable
from queuebit_testing.issuer import TestIssuer

OLD, NEW = TestIssuer("old"), TestIssuer("new")


class Server:
    """A server of keys on this machine that answers what a test sets."""

    def __init__(self) -> None:
        self.answer = _json(OLD.jwks("ES256"))
        self.requests: list[bytes] = []
        self.url = ""
        self.released = asyncio.Event()
        self.goes_on: Callable[[Server, asyncio.StreamWriter], Awaitable[None]] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if self.goes_on is not None:
            await self.goes_on(self, writer)
        elif not self.answer:
            await self.released.wait()
        writer.close()


def _json(document: object, status: str = "200 OK") -> bytes:
    body = json.dumps(document).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/jwks?v=1"
        yield server
        server.released.set()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sets(clock: Clock) -> FetchedKeySets:
    return FetchedKeySets((), clock)


async def test_keys_are_fetched_once_an_hour_by_all_together(sets: FetchedKeySets, clock: Clock) -> None:
    async with serving() as server:
        found = await asyncio.gather(*(sets.keys(server.url, OLD.key_id("ES256")) for _ in range(9)))
        assert all([*it] == OLD.jwks("ES256")["keys"] for it in found)
        assert len(server.requests) == 1
        assert server.requests[0].startswith(b"GET /jwks?v=1 HTTP/1.1\r\nHost: 127.0.0.1:")
        clock.now += 3601
        await sets.keys(server.url, OLD.key_id("ES256"))
        assert len(server.requests) == 2


async def test_an_unknown_key_id_is_asked_for_and_not_in_a_row(sets: FetchedKeySets, clock: Clock) -> None:
    async with serving() as server:
        await sets.keys(server.url, OLD.key_id("ES256"))
        server.answer = _json(NEW.jwks("ES256"))
        clock.now += 31
        assert [*await sets.keys(server.url, NEW.key_id("ES256"))] == NEW.jwks("ES256")["keys"]
        for number in range(20):
            await sets.keys(server.url, f"invented-{number}")
        assert len(server.requests) == 2


async def test_a_known_key_waits_for_no_request_that_an_invented_id_caused(clock: Clock) -> None:
    async with serving() as server:
        sets = FetchedKeySets((), clock, timeout_s=2)
        await sets.keys(server.url, OLD.key_id("ES256"))
        server.answer = b""
        clock.now += 31
        invented = asyncio.ensure_future(sets.keys(server.url, "invented"))
        while len(server.requests) < 2:
            await asyncio.sleep(0)
        async with asyncio.timeout(0.5):
            assert [*await sets.keys(server.url, OLD.key_id("ES256"))] == OLD.jwks("ES256")["keys"]
        assert not invented.done()
        server.released.set()
        await invented


async def test_known_keys_are_used_for_a_day_without_the_issuer(sets: FetchedKeySets, clock: Clock) -> None:
    async with serving() as server:
        await sets.keys(server.url, None)
        server.answer = _json({}, "503 Unavailable")
        clock.now += 80_000
        assert [*await sets.keys(server.url, None)] == OLD.jwks("ES256")["keys"]
        clock.now += 7_000
        with pytest.raises(Unavailable, match="try again in a minute"):
            await sets.keys(server.url, None)


@pytest.mark.parametrize(
    "answer",
    [
        _json({"keys": 7}),
        _json([]),
        _json({}),
        _json({"keys": []}, "302 Found").replace(b"\r\n\r\n", b"\r\nLocation: http://127.0.0.1:1/\r\n\r\n", 1),
        b"HTTP/1.1 200 OK\r\n\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 300_000,
    ],
)
async def test_what_is_no_key_set_is_not_used(sets: FetchedKeySets, answer: bytes) -> None:
    async with serving() as server:
        server.answer = answer
        with pytest.raises(Unavailable):
            await sets.keys(server.url, None)
        assert len(server.requests) == 1


async def test_a_chunked_answer_is_read(sets: FetchedKeySets) -> None:
    async with serving() as server:
        body = json.dumps(OLD.jwks("ES256")).encode()
        server.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (
            len(body),
            body,
        )
        assert [*await sets.keys(server.url, None)] == OLD.jwks("ES256")["keys"]


async def slow(server: Server, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: each is in time, and the whole is not."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
    while not server.released.is_set():
        writer.write(b" ")
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("drips", [False, True])
async def test_a_silent_or_slow_server_is_given_up(clock: Clock, drips: bool) -> None:
    async with serving() as server:
        server.answer = b""
        server.goes_on = slow if drips else None
        with pytest.raises(Unavailable):
            await FetchedKeySets((), clock, timeout_s=0.2).keys(server.url, None)


@pytest.mark.parametrize(("number", "taken"), [(64, True), (65, False), (10_000, False)])
async def test_a_set_of_very_many_keys_is_not_used(clock: Clock, number: int, taken: bool) -> None:
    async with serving() as server:
        server.answer = _json({"keys": [{"kid": str(it)} for it in range(number)]})
        sets = FetchedKeySets((), clock)
        if taken:
            assert len(await sets.keys(server.url, None)) == number
        else:
            with pytest.raises(Unavailable):
                await sets.keys(server.url, None)


async def test_an_issuer_without_keys_any_more_has_none(sets: FetchedKeySets, clock: Clock) -> None:
    async with serving() as server:
        await sets.keys(server.url, None)
        server.answer = _json({"keys": []})
        clock.now += 3601
        assert [*await sets.keys(server.url, None)] == []


@pytest.mark.parametrize("allowed", [False, True])
async def test_a_host_with_a_private_address_is_asked_only_if_it_is_named(
    clock: Clock, allowed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    asked = list[str]()

    async def here(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["93.184.215.14", "10.255.255.1"]

    sets = FetchedKeySets(["login.corp.example"] if allowed else ["other.example"], clock, here, timeout_s=0.05)
    with pytest.raises(Unavailable):
        await sets.keys("https://login.corp.example/jwks", None)
    assert asked == ["login.corp.example"]
    assert ("QUEUEBIT_BROKER_PRIVATE_ISSUER_HOSTS" in caplog.text) is not allowed


async def test_a_name_of_this_machine_leads_nowhere_else(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    async def elsewhere(_: str, __: int) -> list[str]:
        return ["93.184.215.14"]

    with pytest.raises(Unavailable):
        await FetchedKeySets((), clock, elsewhere).keys("http://localhost/jwks", None)
    assert "not of this machine" in caplog.text


def test_hosts_are_named_in_the_environment(monkeypatch: pytest.MonkeyPatch, build: Callable[[], Settings]) -> None:
    monkeypatch.setenv("QUEUEBIT_BROKER_PRIVATE_ISSUER_HOSTS", "a.example, b.example")
    assert build().private_issuer_hosts == ("a.example", "b.example")


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Settings]:
    monkeypatch.setenv("QUEUEBIT_BROKER_PRICE_BOOK", "prices.toml")
    return Settings
