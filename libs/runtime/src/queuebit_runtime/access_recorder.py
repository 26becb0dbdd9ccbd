"""Appends what is counted to the log, apart from the requests, so that no answer waits for it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from contextlib import suppress
from typing import Final

from queuebit_contracts.access import AccessRead, AccessRefused
from queuebit_kernel import Clock, Fault, Stale
from queuebit_runtime.access_counter import Counter, Who
from queuebit_runtime.log import EventLog, Guarded
from queuebit_runtime.metrics import Metrics

__all__ = ["Recorder"]

_EVERY_S: Final = 1.0
_BATCH: Final = 256
"""Facts of one append. Its guards say that a repeated one is stored once: no other process writes on its subjects."""

_REFUSALS: Final = "Requests, logins, publications and subscriptions that were refused."
_LABELS: Final = ("door", "kind", "code")

_log = logging.getLogger(__name__)


class Recorder:
    """Counts reads and refusals of one process, and appends facts about them once a second."""

    def __init__(self, service: str, log: EventLog, clock: Clock, metrics: Metrics | None = None) -> None:
        """Count for one process of a service; facts are stored in `log`, with the time of `clock`.

        `metrics` shows refusals at once.
        """
        self._log = log
        self._clock = clock
        self._counter = Counter(service, f"{service}-{secrets.token_hex(6)}")
        self._batches: deque[list[AccessRead | AccessRefused]] = deque()
        """Made, and not confirmed by the log."""
        self._appending = asyncio.Lock()
        self._refusals = None if metrics is None else metrics.counter("queuebit_refusals_total", _REFUSALS, *_LABELS)

    def read(self, door: str, kind: str, named: str, who: Who) -> None:
        """Count a read."""
        self._counter.read(door, kind, named, who, self._clock.now())

    def refused(self, door: str, kind: str, named: str, who: Who, code: str) -> None:
        """Count a refusal."""
        if self._refusals is not None:
            self._refusals.add(door, kind, code)
        self._counter.refused(door, kind, named, who, code, self._clock.now())

    async def run(self) -> None:
        """Append what is due, until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.append()

    async def append(self, *, everything: bool = False) -> None:
        """Append what is due; while the log does not answer, requests go on being counted.

        Args:
            everything: also what is not due, at the end of the process.
        """
        async with self._appending:
            if everything or not self._batches:
                facts = self._counter.facts(self._clock.now(), everything=everything)
                self._batches += [facts[at : at + _BATCH] for at in range(0, len(facts), _BATCH)]
            while self._batches:
                batch = self._batches[0]
                try:
                    with suppress(Stale):  # an earlier try stored it, and its confirmation was lost
                        await self._log.append_all([Guarded(it, after=0) for it in batch])
                except Fault as error:
                    _log.warning("%d facts about reads and refusals wait for the log: %s", len(batch), error)
                    return
                self._batches.popleft()
