"""What becomes of a request for a profile on its way in and out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from nats.errors import MaxPayloadError

from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_executor.policy import Allowance
from queuebit_executor.profiling import AnswerProfile
from queuebit_executor.routes import answer_profiles
from queuebit_kernel import FixedClock
from queuebit_runtime.payloads import describe
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.tracing import Tracing


@dataclass
class Message:
    """A request, and what was answered."""

    data: bytes
    subject: str = "qb.profile.aer"
    headers: dict[str, str] = field(default_factory=dict)
    too_large: bool = False
    answer: ProfileAnswer | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, data: bytes) -> None:
        self.answered.set()
        if self.too_large:
            raise MaxPayloadError
        self.answer = ProfileAnswer.model_validate_json(data)


class Client:
    async def subscribe(self, subject: str, queue: str, cb) -> None:
        self.ask = cb


@pytest.fixture
async def service(world):
    client, tasks = Client(), Tasks()
    tasks.failed = asyncio.get_running_loop().create_future()
    answer = AnswerProfile(world.payloads, world.circuits, (world.offer("aer"),), FixedClock(), Allowance(1536, 60))
    bus = SimpleNamespace(client=client, tracing=Tracing("executor-aer"))

    async def ask(message: Message) -> Message:
        await client.ask(message)
        await message.answered.wait()
        return message

    await answer_profiles(bus, tasks, "aer", answer, begin_s=5)
    yield ask
    assert not tasks.failed.done()
    await tasks.close()


def request(source: str) -> bytes:
    circuit = describe(source.encode(), "text/x-openqasm")
    return ProfileRequest(tenant="acme", circuit=circuit, shots=10).model_dump_json().encode()


async def test_an_answer_that_cannot_be_sent_ends_nothing(world, service) -> None:
    """A parser that quoted a name of a megabyte once ended every executor, again and again."""
    for _ in range(2):
        await service(Message(request(world.bell), too_large=True))
    told = await service(Message(request(world.bell)))
    assert told.answer.profile is not None


async def test_what_is_no_request_is_told_so(service) -> None:
    assert (await service(Message(b"{"))).answer.error.code == "malformed"
