"""How a durable is consumed in rounds: what is asked of the server, and what happens when it is silent or refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from queuebit_contracts.topology import topology
from queuebit_runtime import rounds
from queuebit_runtime.connection import Client, Msg
from queuebit_runtime.rounds import InRounds, Rounds

DURABLE = topology().durable["metering-ended"]


class Server:
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[int] = asyncio.Queue()
        self.subscribed = True
        self.beaten_at_the_end = asyncio.Event()
        self.reply = ""
        self._pending_queue: Any = None

    def new_inbox(self) -> str:
        return "_INBOX.x"

    async def subscribe(self, subject: str, queue: str) -> Server:
        assert (subject, queue) == ("_INBOX.x.*", "")
        return self

    async def unsubscribe(self) -> None:
        self.subscribed = False

    async def publish(self, subject: str, body: bytes, reply: str) -> None:
        assert subject == "$JS.API.CONSUMER.MSG.NEXT.LOG.metering-ended"
        self.reply = reply
        self.asked.put_nowait(json.loads(body)["batch"])

    async def send(self, number: int = 0, headers: dict[str, str] | None = None, reply: str = "") -> None:
        """Send a message of the durable, or a status, which is for the newest request unless `reply` names another."""
        subject = reply or self.reply if headers else "qb.job.t.j.ended"
        status = headers and headers["Status"]
        self._pending_queue.on_message(
            SimpleNamespace(
                subject=subject, data=b"%d" % number, headers=headers, status=status, in_progress=self._beaten
            )
        )

    async def _beaten(self) -> None:
        if not self.subscribed:
            self.beaten_at_the_end.set()


class Work:
    """Handlers that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self.ended = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()

    async def __call__(self, message: Msg) -> None:
        self.begun.append(message.data)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.ended += 1


@pytest.fixture
async def taking(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Server, Work, Rounds]]:
    monkeypatch.setattr(rounds, "_SILENCE_S", 0.05)
    monkeypatch.setattr(rounds, "_AGAIN_S", 0.01)
    server, work = Server(), Work()

    async def call(_: Any) -> None:
        raise AssertionError("the bus decides what handles a message")

    it = Rounds(cast("Client", server), InRounds("metering-ended", DURABLE, call, workers=8), work)
    it._beat_s = 0.01
    await it.start()
    yield server, work, it
    work.may_end.set()
    await it.stop()


async def test_one_request_serves_half_of_the_workers(taking: tuple[Server, Work, Rounds]) -> None:
    server, work, _ = taking
    assert await server.asked.get() == 8
    for number in range(8):
        await server.send(number)
        await asyncio.sleep(0)
    assert work.begun == [b"%d" % number for number in range(8)]  # at once, side by side
    assert server.asked.empty()  # no worker is free
    work.may_end.set()
    asked = 0
    async with asyncio.timeout(5):
        while 2 * asked < 8:
            asked += await server.asked.get()


async def test_a_request_that_expires_or_is_lost_is_made_again(taking: tuple[Server, Work, Rounds]) -> None:
    server, _, _ = taking
    async with asyncio.timeout(5):
        assert await server.asked.get() == 8
        await server.send(headers={"Status": "408", "Nats-Pending-Messages": "8"})
        assert await server.asked.get() == 8
        assert await server.asked.get() == 8  # silence: the server was restarted
        await server.send(headers={"Status": "409", "Description": "Leadership Change"})
        assert await server.asked.get() == 8


async def test_a_request_that_was_not_lost_after_all_does_not_add_to_later_ones(
    taking: tuple[Server, Work, Rounds], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, work, _ = taking
    async with asyncio.timeout(5):
        assert await server.asked.get() == 8
        first = server.reply
        assert await server.asked.get() == 8  # silence, because this process was paused: the server has both
        monkeypatch.setattr(rounds, "_SILENCE_S", 60.0)
        await server.send(headers={"Status": "408", "Nats-Pending-Messages": "8"}, reply=first)
        await asyncio.sleep(0)
        assert server.asked.empty()  # the second is open
        for number in range(16):
            await server.send(number)
        work.may_end.set()
        asked = 0
        while asked < 8:
            asked += await server.asked.get()
        while work.ended < 16:
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # the last request, if there is one too many
        assert (asked, server.asked.empty()) == (8, True)


async def test_heartbeats_keep_a_request_open(
    taking: tuple[Server, Work, Rounds], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _, _ = taking
    monkeypatch.setattr(rounds, "_SILENCE_S", 60.0)
    await server.asked.get()
    await server.send(headers={"Status": "100"})
    await asyncio.sleep(0)
    assert server.asked.empty()


async def test_messages_in_hand_are_finished_at_the_end(taking: tuple[Server, Work, Rounds]) -> None:
    server, work, it = taking
    await server.send()
    await asyncio.sleep(0)
    ending = asyncio.ensure_future(it.stop())
    await asyncio.sleep(0)
    assert not ending.done()
    assert not server.subscribed
    work.may_end.set()
    await ending
    assert work.cancelled == 0


async def test_messages_in_hand_keep_their_lease_until_the_end(taking: tuple[Server, Work, Rounds]) -> None:
    server, work, it = taking
    await server.send()
    ending = asyncio.ensure_future(it.stop())
    async with asyncio.timeout(5):
        await server.beaten_at_the_end.wait()
    work.may_end.set()
    await ending


async def test_messages_in_hand_are_cancelled_when_the_time_is_over(taking: tuple[Server, Work, Rounds]) -> None:
    server, work, it = taking
    await server.send()
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(it.stop(), 0.01)
    async with asyncio.timeout(5):
        while work.cancelled == 0:
            await asyncio.sleep(0)
