"""A service leaves a server at which the log has no leader."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import pytest

from queuebit_runtime.connection import Client, Msg, NatsError
from queuebit_runtime.majority import keep_to_majority

LED: Mapping[str, object] = {"state": {}, "cluster": {"leader": "n1"}}
SINGLE: Mapping[str, object] = {"state": {}}
LEADERLESS = {"state": {}, "cluster": {"leader": ""}}
UNAVAILABLE = {"error": {"code": 503}}


@dataclass
class Scripted:
    """A client whose server gives these answers, then ends the loop that asks."""

    answers: list[Mapping[str, object] | None]
    is_connected: bool = True
    connected_url: None = None
    moves: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self, subject: str, timeout: float) -> Msg:
        del subject, timeout
        if not self.answers:
            self.asked.set()
            await asyncio.Event().wait()
        if (answer := self.answers.pop(0)) is None:
            raise NatsError
        return Msg(_client=cast("Client", self), data=json.dumps(answer).encode())

    async def force_reconnect(self) -> None:
        self.moves += 1


async def moves(*answers: Mapping[str, object] | None) -> int:
    """How often a client with these answers changes its server."""
    client = Scripted([*answers])
    keeping = asyncio.create_task(keep_to_majority(cast("Client", client), every_s=0, failures=3))
    await client.asked.wait()
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    return client.moves


@pytest.mark.parametrize("failure", [None, LEADERLESS, UNAVAILABLE], ids=["silent", "no leader", "unavailable"])
async def test_three_failures_in_turn_change_the_server_and_an_answer_between_does_not(
    failure: Mapping[str, object] | None,
) -> None:
    assert await moves(failure, failure, failure) == 1
    assert await moves(failure, failure, LED, failure, failure) == 0
    assert await moves(*[failure] * 6) == 2


async def test_a_server_with_a_leader_and_a_single_server_are_kept() -> None:
    assert await moves(LED, SINGLE, LED, SINGLE) == 0
