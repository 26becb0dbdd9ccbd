"""Why jobs wait: asked of those who know, and of nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from queuebit.credentials import Credential
from queuebit.errors import Unreachable
from queuebit.transport import Heard, Reply, Stop
from queuebit.waiting import Client
from queuebit_runtime.keys import new_seed


class Bus:
    """Answers two questions, or none."""

    def __init__(self, **answers: list[dict[str, str]]) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        question = subject.rpartition(".")[2]
        self.asked.append(question)
        if question not in self._answers:
            raise Unreachable("nobody answers")
        return Reply(json.dumps({"rows": self._answers[question]}).encode(), {})

    async def follow(self, subject: str, heard: Heard) -> Stop:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def client(bus: Bus) -> Client:
    return Client(Credential("nats://127.0.0.1:1", "demo", "me", new_seed(), "main"), transport=bus)


ADMISSION = [{"job": "j1", "reason": "job j1 waits for aer: see in `qb status` whether the executor is up"}]
WAITING = [{"job": "j2", "reason": "aer is full; 1 job of yours is ahead"}]


async def test_the_broker_and_the_scheduler_say_why() -> None:
    reasons = await client(Bus(admission=ADMISSION, waiting=WAITING)).reasons()
    assert reasons == {
        "j1": "waits for aer: see in `qb status` whether the executor is up",
        "j2": "aer is full; 1 job of yours is ahead",
    }


async def test_only_whom_it_waits_for_is_asked() -> None:
    bus = Bus(admission=ADMISSION, waiting=WAITING)
    asking = client(bus)
    await asyncio.gather(asking.reasons(["completed", "failed"]), asking.reasons(["submitted"], "j1"))
    assert bus.asked == ["admission"]


async def test_who_is_silent_has_no_words() -> None:
    assert await client(Bus(waiting=WAITING)).reasons() == {"j2": "aer is full; 1 job of yours is ahead"}
