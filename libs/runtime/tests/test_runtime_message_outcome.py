"""What becomes of a message: on a real server, because the in-memory broker knows none of this."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from faststream.nats import NatsRouter
from nats.aio.client import Client

from queuebit_contracts.job import JobSubmitted
from queuebit_kernel import Malformed, Superseded, Unavailable
from queuebit_runtime.bus import Bus
from queuebit_runtime.consumers import LogSequence, Redelivered, subscribes
from queuebit_testing.build import submitted
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

Handler = Callable[[str, int, bool], Awaitable[None]]


class Desk:
    """A broker whose handler is the test's; remembers every delivery."""

    def __init__(self, server: NatsServer) -> None:
        self.bus = Bus("broker", server.url, server.seeds["broker"])
        self.deliveries: list[tuple[str, int, bool]] = []
        self.answer: dict[str, BaseException | float] = {}
        self._moved = asyncio.Event()

    async def open(self) -> None:
        router = NatsRouter()

        @subscribes(router, "broker-submitted", workers=4)
        async def on_submitted(event: JobSubmitted, sequence: LogSequence, redelivered: Redelivered) -> None:
            self.deliveries.append((event.data.key, sequence, redelivered))
            self._moved.set()
            answer = self.answer.get(event.data.key)
            if isinstance(answer, BaseException):
                raise answer
            if answer is not None:
                await asyncio.sleep(answer)

        await self.bus.connect()
        self.bus.broker.include_router(router)
        await self.bus.start()

    async def seen(self, key: str, times: int = 1) -> None:
        async with asyncio.timeout(20):
            while sum(1 for it in self.deliveries if it[0] == key) < times:
                self._moved.clear()
                await self._moved.wait()


@pytest.fixture
async def desk(fresh_server: NatsServer):  # type: ignore[no-untyped-def]  # an async generator fixture
    desk = Desk(fresh_server)
    yield desk
    await desk.bus.close()


async def ann(server: NatsServer) -> Client:
    """Writes without an intake, which would keep all of this out."""
    return await server.connect("broker")


async def submit(client: Client, key: str, body: bytes | None = None) -> int:
    event = submitted(key)
    subject = f"qb.job.acme.{event.data.job}.submitted"
    return (await client.jetstream().publish(subject, body or event.to_bytes(), stream="LOG")).seq


async def dead(server: NatsServer) -> list[dict[str, str]]:
    operator = await server.connect("operator")
    js = operator.jetstream()
    count = (await js.stream_info("DEAD")).state.messages
    letters = [(await js.get_msg("DEAD", number, direct=True)).headers or {} for number in range(1, count + 1)]
    await operator.close()
    return letters


async def test_poison_becomes_a_dead_letter_with_its_reason_and_the_next_message_is_handled(
    desk: Desk, fresh_server: NatsServer
) -> None:
    client = await ann(fresh_server)
    desk.answer["wrong"] = Malformed("the circuit has no name")
    for number, body in enumerate([b"\x00\xff", b"{", b"[]", b'{"type":"qb.job.submitted.v1"}']):
        await submit(client, f"poison{number}", body)
    await submit(client, "wrong")
    await submit(client, "later", b'{"type": "qb.job.submitted.v9", "data": {}}')
    await submit(client, "good")
    await desk.open()
    await desk.seen("good")
    async with asyncio.timeout(20):
        while len(letters := await dead(fresh_server)) < 5:
            await asyncio.sleep(0.02)
    assert {it["Qb-Sequence"] for it in letters} == {"1", "2", "3", "4", "5"}
    reasons = {it["Qb-Sequence"]: (it["Qb-Fault"], it["Qb-Reason"]) for it in letters}
    assert reasons["5"] == ("malformed", "the circuit has no name")
    async with asyncio.timeout(20):  # a type that is not known is passed over: nothing is left to deliver
        while (await client.jetstream().consumer_info("LOG", "broker-submitted")).num_ack_pending:
            await asyncio.sleep(0.02)
    assert len(await dead(fresh_server)) == 5
    await client.close()


HEADERS = [b"(x): v\r\n", b"X: " + 60_000 * b"\xff" + b"\r\n", b"traceparent: \xff\r\n", b"Nats-Msg-Id: \r\n"]


async def test_poison_becomes_a_dead_letter_whatever_its_headers(desk: Desk, fresh_server: NatsServer) -> None:
    client = await ann(fresh_server)
    for number, header in enumerate(HEADERS):
        head, body = b"NATS/1.0\r\n" + header + b"\r\n", b'{"type":"\\ud800"}'
        line = b"HPUB qb.job.acme.j%d.submitted %d %d\r\n" % (number, len(head), len(head + body))
        await client._send_command(line + head + body + b"\r\n")
    await client.flush()
    await desk.open()
    async with asyncio.timeout(20):
        while len(letters := await dead(fresh_server)) < len(HEADERS):
            await asyncio.sleep(0.02)
    assert {it["Qb-Subject"] for it in letters} == {f"qb.job.acme.j{number}.submitted" for number in range(4)}
    assert all("traceparent" not in it for it in letters)
    await client.close()


async def test_a_dead_letter_can_be_replayed_and_keeps_its_place(desk: Desk, fresh_server: NatsServer) -> None:
    client, operator = await ann(fresh_server), await fresh_server.connect("operator")
    desk.answer["k"] = Malformed("not yet")
    sequence = await submit(client, "k")
    await desk.open()
    await desk.seen("k")
    async with asyncio.timeout(20):
        while not await dead(fresh_server):
            await asyncio.sleep(0.02)
    letter = await operator.jetstream().get_msg("DEAD", 1, direct=True)
    refused = await operator.request(
        "qb.replay.broker-submitted", letter.data or b"", headers=letter.headers, timeout=20
    )
    assert b'"settled": false' in refused.data
    assert b"not yet" in refused.data
    del desk.answer["k"]
    settled = await operator.request(
        "qb.replay.broker-submitted", letter.data or b"", headers=letter.headers, timeout=20
    )
    assert settled.data == b'{"settled": true}'
    assert desk.deliveries[-1] == ("k", sequence, True)
    await client.close()
    await operator.close()


async def test_a_guarded_event_can_become_a_dead_letter_too(desk: Desk, fresh_server: NatsServer) -> None:
    client = await ann(fresh_server)
    desk.answer["k"] = Malformed("no")
    event = submitted("k")
    headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
    subject = f"qb.job.acme.{event.data.job}.submitted"
    await client.jetstream().publish(subject, event.to_bytes(), headers=headers, stream="LOG")
    await desk.open()
    await desk.seen("k")
    async with asyncio.timeout(20):
        while not (letters := await dead(fresh_server)):
            await asyncio.sleep(0.02)
    assert letters[0]["Qb-Subject"] == subject
    await client.close()


async def test_an_outage_is_tried_again_and_a_superseded_message_is_not(desk: Desk, fresh_server: NatsServer) -> None:
    client = await ann(fresh_server)
    desk.answer |= {"later": Unavailable("the store sleeps"), "done": Superseded("already there")}
    await submit(client, "later")
    await submit(client, "done")
    await desk.open()
    await desk.seen("later", times=2)
    assert [it[2] for it in desk.deliveries if it[0] == "later"][:2] == [False, True]
    assert sum(1 for it in desk.deliveries if it[0] == "done") == 1
    assert await dead(fresh_server) == []
    await client.close()


async def test_an_unforeseen_error_is_tried_a_few_times_and_then_a_dead_letter(
    desk: Desk, fresh_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit_runtime.message_outcome.DELAYS", (0.01,))
    client = await ann(fresh_server)
    desk.answer["bug"] = RuntimeError("unforeseen")
    await submit(client, "bug")
    await desk.open()
    await desk.seen("bug", times=5)
    async with asyncio.timeout(20):
        while not (letters := await dead(fresh_server)):
            await asyncio.sleep(0.02)
    assert (letters[0]["Qb-Fault"], letters[0]["Qb-Deliveries"]) == ("RuntimeError", "5")
    await client.close()


async def test_long_work_keeps_its_lease(desk: Desk, fresh_server: NatsServer) -> None:
    client = await ann(fresh_server)
    desk.answer["long"] = 7.5  # longer than the lease of 6 s
    await submit(client, "long")
    await desk.open()
    await desk.seen("long")
    operator = await fresh_server.connect("operator")
    async with asyncio.timeout(20):
        while (await operator.jetstream().consumer_info("LOG", "broker-submitted")).num_ack_pending:
            await asyncio.sleep(0.1)
    assert len(desk.deliveries) == 1
    await operator.close()
    await client.close()


async def test_work_goes_on_after_the_server_was_killed(desk: Desk, fresh_server: NatsServer) -> None:
    await desk.open()
    client = await ann(fresh_server)
    await submit(client, "before")
    await desk.seen("before")
    fresh_server.kill()
    await fresh_server.start()
    async with asyncio.timeout(20):
        while not client.is_connected:
            await asyncio.sleep(0.02)
    await submit(client, "after")
    await desk.seen("after")
    await client.close()
