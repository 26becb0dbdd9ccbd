"""Reads the queues of vendors in front of their devices on a schedule, and forecasts the waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from queuebit_contracts.backend import QueueState
from queuebit_executor.answers import Described, Queued
from queuebit_kernel import Clock, Unavailable
from queuebit_planning.vendor_queues import QueueHistory, stated

__all__ = ["ReadQueues"]

_log = logging.getLogger(__name__)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_KEPT: Final = 5
"""For so many readings that fail, the last one that was good counts."""


class _Circuits(Protocol):
    async def queue(self, backend: str) -> Queued: ...


class ReadQueues:
    """Asks once every `every_s` seconds for each remote backend; one whose vendor does not say it is asked no more."""

    def __init__(
        self, circuits: _Circuits, every_s: float, clock: Clock, next_call_s: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Begin with no queue; `next_call_s` says in what time the limit of calls to the vendor allows the next one."""
        self._next_call_s = next_call_s
        self._circuits = circuits
        self._every_s = every_s
        self._clock = clock
        self._histories: dict[str, QueueHistory] = {}
        self.newest: dict[str, QueueState] = {}
        """The newest of each, unless it is too old."""

    def state(self, backend: str) -> QueueState | None:
        """The newest queue of a backend; a new job waits until a call is allowed before it is in it."""
        known, call_ms = self.newest.get(backend), round(self._next_call_s() * 1_000)
        if known is None or not call_ms:
            return known
        waits = {name: getattr(known, name) + call_ms for name in ("expected_ms", "low_ms", "high_ms")}
        return known.model_copy(update=waits)

    async def run(self, offers: Sequence[Described]) -> None:
        """Work until cancelled, or until no backend is left."""
        asked = [it.backend for it in offers if it.remote]
        while asked:
            asked = [it for it in asked if await self.read(it)]
            await asyncio.sleep(self._every_s)

    async def read(self, backend: str) -> bool:
        """Read one queue; return whether to ask again."""
        try:
            found = await self._circuits.queue(backend)
        except Unavailable as fault:
            _log.warning("the queue of %s is not known: %s: %s", backend, fault.code, fault)
            self._forget(backend)
            return True
        now = self._clock.now()
        history = self._histories.setdefault(backend, QueueHistory())
        if found.jobs is not None:
            history.add((now - _EPOCH) // timedelta(microseconds=1), found.jobs)
        if found.wait_s is not None:
            wait = stated(round(found.wait_s * 1_000_000))
        elif found.jobs is not None:
            wait = history.wait()
        else:
            return False
        self.newest[backend] = QueueState(
            observed_at=now,
            jobs=found.jobs,
            expected_ms=wait.expected_us // 1_000,
            low_ms=wait.low_us // 1_000,
            high_ms=wait.high_us // 1_000,
        )
        return True

    def _forget(self, backend: str) -> None:
        known = self.newest.get(backend)
        if known is not None and self._clock.now() - known.observed_at > timedelta(seconds=_KEPT * self._every_s):
            del self.newest[backend]
