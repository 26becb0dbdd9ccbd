"""Listing, replaying and dropping dead letters, on a real nats-server."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from queuebit.dead_letters import dead_letters, drop, replay
from queuebit.nats_transport import NatsTransport
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path).running() as it:
        yield it


@pytest.fixture
async def operator(server: NatsServer) -> AsyncIterator[NatsTransport]:
    transport = NatsTransport(server.url, server.seeds["operator"], "_INBOX.operator")
    yield transport
    await transport.close()


@pytest.fixture
async def broker(server: NatsServer) -> AsyncIterator[Client]:
    client = await server.connect("broker")
    yield client
    await client.close()


async def store_dead_letter(broker: Client, owner: str, body: bytes, sequence: int) -> None:
    headers = {
        "Qb-Fault": "malformed",
        "Qb-Reason": "not an event",
        "Qb-Subject": "qb.job.acme.j1.submitted",
        "Qb-Sequence": str(sequence),
    }
    await broker.jetstream(timeout=20).publish(f"qb.dead.{owner}.{sequence}", body, headers=headers, stream="DEAD")


async def test_letters_are_listed_with_their_reason(broker: Client, operator: NatsTransport) -> None:
    await store_dead_letter(broker, "broker-submitted", b"garbage", 7)
    await store_dead_letter(broker, "broker-commands", b"\xff", 8)
    first, second = [letter.document() async for letter in dead_letters(operator)]
    assert first == {
        "id": 1,
        "owner": "broker-submitted",
        "fault": "malformed",
        "reason": "not an event",
        "subject": "qb.job.acme.j1.submitted",
        "sequence": 7,
        "bytes": 7,
    }
    assert second["owner"] == "broker-commands"


@pytest.mark.parametrize("settled", [True, False])
async def test_a_letter_goes_once_its_service_settled_it(
    broker: Client, operator: NatsTransport, settled: bool
) -> None:
    seen: list[Msg] = []

    async def handle(message: Msg) -> None:
        seen.append(message)
        verdict = {"settled": True} if settled else {"settled": False, "code": "malformed", "text": "still no event"}
        await message.respond(json.dumps(verdict).encode())

    await broker.subscribe("qb.replay.broker-submitted", cb=handle)
    await broker.flush()
    await store_dead_letter(broker, "broker-submitted", b"body", 7)
    (letter,) = [it async for it in dead_letters(operator)]
    assert await replay(operator, letter) == ((True, "settled") if settled else (False, "malformed: still no event"))
    assert seen[0].data == b"body"
    assert (seen[0].headers or {})["Qb-Sequence"] == "7"
    assert len([it async for it in dead_letters(operator)]) == (0 if settled else 1)


async def test_what_a_view_could_not_read_can_be_dropped_but_not_replayed(
    broker: Client, operator: NatsTransport
) -> None:
    await store_dead_letter(broker, "broker-view", b"body", 7)
    (letter,) = [it async for it in dead_letters(operator)]
    settled, words = await replay(operator, letter)
    assert not settled
    assert "--drop" in words
    assert await drop(operator, letter) == (True, "dropped")
    assert [it async for it in dead_letters(operator)] == []
