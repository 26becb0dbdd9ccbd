"""The laws of a transport, for the fake one and the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queuebit.errors import Unreachable
from queuebit.nats_transport import NatsTransport
from queuebit.transport import Message, Reply, Transport
from queuebit_contracts import subjects
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.subjects import origin
from queuebit_contracts.topology import LOG, inbox_of
from queuebit_testing.build import submitted
from queuebit_testing.server import NatsServer

from .fake_bus import FakeBus


class TransportLaws:
    """Asks for the fixture `transport`, a member's of the tenant `acme`."""

    async def test_what_is_stored_once_is_read_back_and_stored_no_second_time(self, transport: Transport) -> None:
        event = submitted("law-once")
        subject, guard = subjects.subject_of(event), subjects.job("acme", event.data.job).everything
        headers = {
            "Nats-Expected-Last-Subject-Sequence": "0",
            "Nats-Expected-Last-Subject-Sequence-Subject": guard,
            "Nats-Expected-Stream": LOG,
        }
        nothing = await transport.request(f"$JS.API.DIRECT.GET.{LOG}.{subject}")
        assert nothing.headers.get("Status") == "404"
        assert b'"seq"' in (await transport.request(subject, event.to_bytes(), headers)).body
        assert b"10071" in (await transport.request(subject, event.to_bytes(), headers)).body
        found = await transport.request(f"$JS.API.DIRECT.GET.{LOG}.{subject}")
        assert found.headers.get("Status") is None
        assert found.body == event.to_bytes()
        assert int(found.headers["Nats-Sequence"]) > 0

    async def test_what_is_followed_is_received_once_when_it_is_stored_until_it_is_no_more(
        self, transport: Transport
    ) -> None:
        received: asyncio.Queue[Message] = asyncio.Queue()

        async def write(event: JobSubmitted) -> Reply:
            guard = subjects.job("acme", event.data.job).everything
            headers = {
                "Nats-Expected-Last-Subject-Sequence": "0",
                "Nats-Expected-Last-Subject-Sequence-Subject": guard,
                "Nats-Expected-Stream": LOG,
            }
            return await transport.request(subjects.subject_of(event), event.to_bytes(), headers)

        first, second, third, last = (submitted(f"law-{number}") for number in range(4))
        followed = [subjects.stored(subjects.job("acme", it.data.job).everything) for it in (second, third)]
        stop = await transport.follow(followed, received.put_nowait, pytest.fail)
        await write(first)
        answer = await write(second)
        assert b"10071" in (await write(second)).body
        await write(third)
        messages = [await asyncio.wait_for(received.get(), 20) for _ in range(2)]
        await stop()
        await write(last)
        assert [origin(it.subject) for it in messages] == [subjects.subject_of(second), subjects.subject_of(third)]
        assert [it.body for it in messages] == [second.to_bytes(), third.to_bytes()]
        assert messages[0].headers["Nats-Sequence"] == str(json.loads(answer.body)["seq"])
        assert received.empty()

    async def test_a_question_without_an_answer_is_unreachable(self, transport: Transport) -> None:
        with pytest.raises(Unreachable):
            await transport.request(subjects.query("waiting", "acme"), b"{}", timeout=1)


class TestFakeBus(TransportLaws):
    @pytest.fixture
    def transport(self) -> Transport:
        return FakeBus()


@pytest.mark.server
class TestNatsTransport(TransportLaws):
    @pytest.fixture
    async def transport(self, tmp_path: Path) -> AsyncIterator[Transport]:
        server = NatsServer(tmp_path, clients=(("acme", "ann", "submitter"),))
        async with server.running(), server.intake():
            transport = NatsTransport(server.url, server.seeds["acme/ann"], inbox_of("ann", "acme"))
            yield transport
            await transport.close()
