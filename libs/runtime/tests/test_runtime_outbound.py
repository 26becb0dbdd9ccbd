"""Requests to hosts that a tenant chose: what they read, and where they stop. Real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from queuebit_runtime.addresses import BadTarget, Rules
from queuebit_runtime.outbound import Outbound, resolved

RULES = Rules("QUEUEBIT_ALLOW", ("here.test",), ("here.test",))


async def here(_: str, __: int) -> Sequence[str]:
    return ["127.0.0.1"]


@asynccontextmanager
async def server(answer: bytes, *, closes: bool = True) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers each request with these bytes: its address, and the heads it received."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            if not closes:
                await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://here.test:{listening.sockets[0].getsockname()[1]}/keys?v=1", heads
    finally:
        listening.close()


def outbound(whole_s: float = 5.0) -> Outbound:
    return Outbound(RULES, whole_s, here)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello and more",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 103 Early\r\nX-A: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello",
    ],
    ids=["length", "chunked", "interim", "until the end"],
)
async def test_a_body_is_read_as_far_as_it_says(answer: bytes) -> None:
    async with server(answer) as (url, heads):
        found = await outbound().send("GET", url, {"Accept": "application/json"}, most=9)
    assert (found.status, found.headers["x-a"], found.body[:5]) == (200, "1", b"hello")
    assert b"GET /keys?v=1 HTTP/1.1\r\nHost: here.test:" in heads[0]
    assert b"Accept: application/json" in heads[0]


async def test_a_body_that_nothing_wants_is_not_waited_for() -> None:
    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", closes=False) as (url, _):
        assert (await outbound().send("POST", url, {}, b"{}")).body == b""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b"x" * 99, "more than 9 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 99, "more than 9 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1;" + b"e" * 40_000 + b"\r\nx\r\n", "9 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell", "ended before"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", "ended before"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, "16,384 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "not HTTP"),
        (b"220 mail.example ESMTP\r\n", "not HTTP"),
    ],
    ids=["length", "endless", "chunk", "short", "cut", "interims", "two lengths", "mail"],
)
async def test_what_is_too_large_or_no_answer_is_an_error(answer: bytes, why: str) -> None:
    async with server(answer) as (url, _):
        with pytest.raises(OSError, match=why):
            await outbound().send("GET", url, {}, most=9)


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    async with server(b"", closes=False) as (url, _):
        with pytest.raises(TimeoutError, match=r"no answer within 0\.1 s"):
            await outbound(0.1).send("GET", url, {}, most=9)


async def test_a_redirect_is_an_answer_like_any_other() -> None:
    async with server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as (
        url,
        heads,
    ):
        assert (await outbound().send("GET", url, {}, most=9)).status == 302
    assert len(heads) == 1


async def test_a_number_that_names_this_machine_is_found_out() -> None:
    """The resolver reads such forms as addresses: what it says is what is checked."""
    for host in ("2130706433", "127.1", "0x7f000001", "0177.0.0.1"):
        with pytest.raises(BadTarget, match="loopback"):
            await Outbound(Rules("ALLOW", (), ()), 5.0).send("GET", f"https://{host}/", {}, most=9)
    assert await resolved("127.1", 80) == ["127.0.0.1"]


async def test_names_that_are_not_resolved_delay_their_owner_alone() -> None:
    """A look-up that goes on after its request still counts: its thread is not free."""
    answered, asked = asyncio.Event(), list[str]()

    async def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        if host == "slow.test":
            await answered.wait()
        return ["127.0.0.1"]

    async with server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, _):
        rules = Rules("QUEUEBIT_ALLOW", ("here.test", "slow.test"), ("here.test", "slow.test"))
        hasty = Outbound(rules, 0.2, resolve)
        tried = (hasty.send("GET", "http://slow.test/", {}, owner="evil") for _ in range(9))
        assert {type(it) for it in await asyncio.gather(*tried, return_exceptions=True)} == {TimeoutError}
        assert asked == ["slow.test"] * 4
        with pytest.raises(TimeoutError):
            await hasty.send("GET", url, {}, owner="evil")
        assert (await hasty.send("GET", url, {}, owner="acme")).status == 200
        answered.set()
        assert (await hasty.send("GET", url, {}, owner="evil")).status == 200
