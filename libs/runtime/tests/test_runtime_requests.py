"""Requests: replies, refusals, silence, and the loss of the connection."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from nats.errors import ConnectionClosedError

from queuebit_kernel import Unavailable
from queuebit_runtime.bus import Bus
from queuebit_runtime.connection import Client, Connected
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.received import Received
from queuebit_runtime.requests import NoService, Requests
from queuebit_testing.build import accepted
from queuebit_testing.server import NatsServer


class Wire:
    """A client whose other end is the test."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._pending_queue: Any = None

    def new_inbox(self) -> str:
        return "_INBOX.x"

    async def subscribe(self, subject: str, queue: str) -> Wire:
        assert (subject, queue, self._pending_queue) == ("_INBOX.x.*", "", None), "one subscription serves all"
        return self

    async def publish(self, subject: str, _: bytes, reply: str, headers: dict[str, str] | None) -> None:
        assert headers is None
        self.asked.put_nowait((subject, reply))

    def reply(self, inbox: str, data: bytes, block: bytes | None = None) -> None:
        self._pending_queue.on_message(Received(cast("Client", self), 1, inbox, "", data, block))


@pytest.fixture
def wire() -> Wire:
    return Wire()


def _requests(wire: Wire, timeout_s: float = 20) -> Requests:
    return Requests(Connected(cast("Client", wire)), timeout_s)


async def test_replies_find_their_requests_in_any_order(wire: Wire) -> None:
    requests = _requests(wire)
    asking = [asyncio.ensure_future(requests.ask(f"qb.{number}")) for number in range(3)]
    asked = [await wire.asked.get() for _ in asking]
    for subject, inbox in reversed(asked):
        wire.reply(inbox, subject.encode())
        wire.reply(inbox, b"again")
    assert [it.data for it in await asyncio.gather(*asking)] == [b"qb.0", b"qb.1", b"qb.2"]
    wire.reply(asked[0][1], b"late")


def _message(sequence: int, last: int) -> bytes:
    """The headers of a message in a batch that the server reads from a stream."""
    return (
        f"NATS/1.0\r\nNats-Stream: LOG\r\nNats-Sequence: {sequence}\r\nStatus: 204\r\n"
        f"Nats-Last-Sequence: {last}\r\n\r\n"
    ).encode()


def _end(last: int) -> bytes:
    return f"NATS/1.0 204 EOB\r\nNats-Last-Sequence: {last}\r\n\r\n".encode()


async def test_several_replies_end_with_the_servers_word(wire: Wire) -> None:
    asking = asyncio.ensure_future(_requests(wire).ask_all("qb.x", b""))
    _, inbox = await wire.asked.get()
    wire.reply(inbox, b"1", _message(4, 0))
    wire.reply(inbox, b"2", _message(9, 4))
    wire.reply(inbox, b"", _end(9))
    assert [it.data for it in await asking] == [b"1", b"2"]


@pytest.mark.parametrize(
    "arrived",
    [[_message(9, 4), _end(9)], [_message(4, 0), _message(12, 9)], [_message(4, 0), _end(9)], [_end(9)]],
    ids=["first", "middle", "last", "all"],
)
async def test_a_message_that_was_lost_among_several_is_noticed(wire: Wire, arrived: list[bytes]) -> None:
    asking = asyncio.ensure_future(_requests(wire).ask_all("qb.x", b""))
    _, inbox = await wire.asked.get()
    for block in arrived:
        wire.reply(inbox, b"", block)
    with pytest.raises(Unavailable, match=r"qb\.x: a message of the answer was lost"):
        await asking


@pytest.mark.parametrize(("status", "fault"), [(b"503", NoService), (b"408 Bad Request", Unavailable)])
async def test_a_refusal_is_raised(wire: Wire, status: bytes, fault: type[Unavailable]) -> None:
    asking = asyncio.ensure_future(_requests(wire).ask_all("qb.x", b""))
    wire.reply((await wire.asked.get())[1], b"", b"NATS/1.0 %b\r\n\r\n" % status)
    with pytest.raises(fault, match=r"qb\.x"):
        await asking


async def test_each_request_has_its_own_time(wire: Wire) -> None:
    requests, began = _requests(wire), asyncio.get_running_loop().time()
    patient = asyncio.ensure_future(requests.ask("qb.patient"))
    quick = [asyncio.ensure_future(requests.ask("qb.quick", timeout_s=limit)) for limit in (0.06, 0.02, 0.04)]
    for asking in quick:
        with pytest.raises(Unavailable, match=r"qb\.quick did not answer within 0\.0"):
            await asking
    assert 0.06 <= asyncio.get_running_loop().time() - began < 10
    wire.reply((await wire.asked.get())[1], b"at last")
    assert (await patient).data == b"at last"


async def test_a_cancelled_request_is_forgotten(wire: Wire) -> None:
    requests = _requests(wire)
    asking = asyncio.ensure_future(requests.ask("qb.x", timeout_s=0.02))
    _, inbox = await wire.asked.get()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    wire.reply(inbox, b"late")
    with pytest.raises(Unavailable):
        await requests.ask("qb.y", timeout_s=0.04)


async def test_a_closed_connection_is_reported_by_the_first_request_too(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def subscribe(subject: str, queue: str) -> Wire:
        raise ConnectionClosedError

    monkeypatch.setattr(wire, "subscribe", subscribe)
    with pytest.raises(Unavailable, match=r"qb\.x: ConnectionClosedError"):
        await _requests(wire).ask("qb.x")


async def test_open_requests_on_a_subject_can_be_refused(wire: Wire) -> None:
    requests = _requests(wire)
    refused, other = (asyncio.ensure_future(requests.ask(subject)) for subject in ("qb.X", "qb.y"))
    inboxes = [(await wire.asked.get())[1] for _ in range(2)]
    requests.refuse("qb.x", PermissionError)
    with pytest.raises(PermissionError, match=r"qb\.X"):
        await refused
    wire.reply(inboxes[1], b"yes")
    assert (await other).data == b"yes"


@pytest.mark.server
async def test_requests_of_a_lost_connection_end_and_later_ones_work(bus: Bus, fresh_server: NatsServer) -> None:
    requests, subject = Requests(bus, 0.5), "$JS.API.STREAM.INFO.LOG"
    assert (await requests.ask(subject)).data
    fresh_server.kill()
    with pytest.raises(Unavailable):
        await requests.ask(subject)
    await fresh_server.start()
    async with asyncio.timeout(20):
        while not bus.connected:
            await asyncio.sleep(0.02)
    assert (await requests.ask(subject, timeout_s=20)).data


@pytest.mark.server
async def test_the_server_says_what_it_sent_last(bus: Bus) -> None:
    log, requests = JetStreamLog(bus), Requests(bus, 20)
    for number in range(3):
        await log.append(accepted(f"j{number}"))
    for wanted in (
        {"multi_last": ["qb.job.>"], "batch": 2},
        {"multi_last": ["qb.job.>"], "batch": 10, "up_to_seq": 2},
        {"seq": 2, "next_by_subj": "qb.job.>", "batch": 10},
    ):
        assert len(await requests.ask_all("$JS.API.DIRECT.GET.LOG", json.dumps(wanted).encode())) == 2
