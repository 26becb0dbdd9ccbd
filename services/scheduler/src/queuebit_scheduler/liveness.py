"""Checks whether backends answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal

from pydantic import JsonValue, ValidationError

from queuebit_contracts.backend import AliveAnswer
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import alive
from queuebit_kernel import Clock, Unavailable, rfc3339
from queuebit_runtime.bus import Bus
from queuebit_runtime.requests import Unanswered
from queuebit_scheduler.state import State

__all__ = ["ASK_S", "Ask", "WatchBackends", "over_bus"]

ASK_S = 2.0
"""Seconds between two rounds of requests."""

_ANSWER_S = 1.0

Ask = Callable[[str], Awaitable[AliveAnswer | Literal[False] | None]]
"""Ask a backend; return its answer, False if there was none, or None if this process has no connection."""


class WatchBackends:
    """Reports to the state which backends have not answered for `silence_s`, and since when."""

    def __init__(self, state: State, ask: Ask, clock: Clock, *, silence_s: float, wake: Callable[[], None]) -> None:
        self._state = state
        self._ask = ask
        self._clock = clock
        self._rounds = max(1, round(silence_s / ASK_S))
        self._wake = wake
        self._silent: dict[str, tuple[int, datetime]] = {}
        """Rounds without an answer, and when the first of them was."""
        self._answers: dict[str, AliveAnswer] = {}
        """The newest answer of each."""

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.gather(self.look(), asyncio.sleep(ASK_S))

    async def look(self) -> None:
        """Ask every backend that promised to answer, and count. Rounds are counted, so that no clock can skip them."""
        names = self._state.answering()
        now = self._clock.now()
        for name, answered in zip(names, await asyncio.gather(*map(self._ask, names)), strict=True):
            if answered is False:
                rounds, since = self._silent.get(name, (0, now))
                self._silent[name] = rounds + 1, since
            else:
                self._silent.pop(name, None)
            if isinstance(answered, AliveAnswer):
                self._answers[name] = answered
        if self._state.silence(
            {name: since for name, (rounds, since) in self._silent.items() if rounds >= self._rounds}
        ):
            self._wake()

    def answer(self, tenant: str, question: Question) -> Answer:
        """Which backends answer, for a tenant's query; of those that never promised to answer there is no row."""
        del tenant
        names = [it for it in self._state.answering() if question.backend in (None, it)]
        return Answer(rows=tuple(self._row(it) for it in names))

    def _row(self, name: str) -> dict[str, JsonValue]:
        rounds, since = self._silent.get(name, (0, None))
        newest = self._answers.get(name)
        known = newest is not None or rounds >= self._rounds
        attempt = newest and newest.calibration
        return {
            "backend": name,
            "live": rounds < self._rounds if known else None,
            "silent_since": rfc3339(since) if since else None,
            "calibration": attempt.model_dump(mode="json") if attempt else None,
        }


def over_bus(bus: Bus) -> Ask:
    """Ask over the bus."""

    async def ask(backend: str) -> AliveAnswer | Literal[False] | None:
        try:
            reply = await bus.request(alive(backend), b"", _ANSWER_S)
        except Unanswered:
            return False if bus.connected else None
        except Unavailable:
            return None
        try:
            return AliveAnswer.model_validate_json(reply)
        except ValidationError:  # an answer with any body is one
            return AliveAnswer()

    return ask
