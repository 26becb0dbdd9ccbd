"""Checks whether backends answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from pydantic import JsonValue, ValidationError

from queuebit_contracts.backend import AliveAnswer
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import alive
from queuebit_kernel import Clock, Unavailable, rfc3339
from queuebit_runtime.bus import Bus
from queuebit_runtime.requests import Unanswered
from queuebit_scheduler.state import State
from queuebit_scheduling import Contact, ContactLimits, is_silent

__all__ = ["ASK_S", "Ask", "WatchBackends", "limits_of", "over_bus"]

ASK_S = 2.0
"""Seconds between two rounds of requests."""

_ANSWER_S = 1.0

Ask = Callable[[str], Awaitable[AliveAnswer | Literal[False] | None]]
"""Ask a backend; return its answer, False if there was none, or None if this process has no connection."""

_Report = Callable[[Mapping[str, Contact]], Awaitable[None]]
"""Appends what follows from the newest requests to each backend."""


def limits_of(silence_s: float, return_s: float) -> ContactLimits:
    """The numbers of requests that are sent in these times."""
    return ContactLimits(max(1, round(silence_s / ASK_S)), max(1, round(return_s / ASK_S)))


class WatchBackends:
    """Reports to the state which backends do not answer and since when, and to the log which are out of service."""

    def __init__(
        self, state: State, ask: Ask, clock: Clock, limits: ContactLimits, *, report: _Report, wake: Callable[[], None]
    ) -> None:
        self._state = state
        self._ask = ask
        self._clock = clock
        self._limits = limits
        self._report = report
        self._wake = wake
        self._contacts: dict[str, Contact] = {}
        """The newest requests to each; none of those that this process could not ask."""
        self._answers: dict[str, AliveAnswer] = {}
        """The newest answer of each."""

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.gather(self.look(), asyncio.sleep(ASK_S))

    async def look(self) -> None:
        """Ask every backend that promised to answer, and count. A process without a connection counts nothing."""
        names = self._state.answering()
        now = self._clock.now()
        for name, answered in zip(names, await asyncio.gather(*map(self._ask, names)), strict=True):
            if answered is None:
                self._contacts.pop(name, None)
                continue
            alive, before = isinstance(answered, AliveAnswer), self._contacts.get(name)
            self._contacts[name] = before.then(now, answered=alive) if before else Contact(alive, 1, now)
            if isinstance(answered, AliveAnswer):
                self._answers[name] = answered
        silent = {it: known.since for it, known in self._contacts.items() if self._is_silent(known)}
        silenced, queued = self._state.silence(silent, now), self._state.queue(self._queues())
        if silenced or queued:
            self._wake()
        await self._report({it: self._contacts[it] for it in names if it in self._contacts})

    def _queues(self) -> dict[str, int]:
        """The expected waits in the queues of vendors, in microseconds."""
        return {name: it.queue.expected_ms * 1_000 for name, it in self._answers.items() if it.queue is not None}

    def _is_silent(self, contact: Contact) -> bool:
        return is_silent(contact, self._limits)

    def answer(self, tenant: str, question: Question) -> Answer:
        """Which backends answer, for a tenant's query; of those that never promised to answer there is no row."""
        del tenant
        names = [it for it in self._state.answering() if question.backend in (None, it)]
        return Answer(rows=tuple(self._row(it) for it in names))

    def _row(self, name: str) -> dict[str, JsonValue]:
        contact, newest = self._contacts.get(name), self._answers.get(name)
        silent = contact is not None and self._is_silent(contact)
        attempt, interrupted = newest and newest.calibration, self._state.interrupted.get(name)
        return {
            "backend": name,
            "live": not silent if newest is not None or silent else None,
            "silent_since": rfc3339(contact.since) if contact and not contact.answered else None,
            "interrupted_since": rfc3339(interrupted) if interrupted else None,
            "calibration": attempt.model_dump(mode="json") if attempt else None,
            "queue": newest.queue.model_dump(mode="json") if newest and newest.queue else None,
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
