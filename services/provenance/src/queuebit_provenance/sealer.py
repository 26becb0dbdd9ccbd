"""Group commit: many deliveries wait for one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from queuebit_kernel import Clock, Fault, Stale, Unavailable
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.state import Attestation

__all__ = ["Sealer"]

_ATTEMPTS = 5
"""Attempts of one cycle; a refused batch means that another process was faster."""


class Sealer:
    """Collects attestations and commits them in cycles, one at a time.

    Atomic batches that follow one another at once starve every other writer of the stream, so cycles begin at least
    `linger_s` apart unless a full batch waits. After a rest the first one does not linger.
    """

    def __init__(self, ledger: Ledger, clock: Clock, *, max_batch: int, linger_s: float) -> None:
        self._ledger = ledger
        self._clock = clock
        self._max_batch = max_batch
        self._linger_s = linger_s
        self._queue: deque[Attestation] = deque()
        self._waiting: dict[tuple[str, str, int | None], asyncio.Future[None]] = {}
        self._some = asyncio.Event()
        self._full = asyncio.Event()
        self.sealed = 0
        """Leaves this process added."""

    @property
    def waiting(self) -> int:
        """Deliveries that wait for the next cycles."""
        return len(self._waiting)

    async def seal(self, attestation: Attestation) -> None:
        """Return after the job's receipt is stored; a second call for the same job waits for the first.

        Raises:
            Fault: its cycle could not be stored.
        """
        future = self._waiting.get(attestation.key)
        if future is None:
            future = self._waiting[attestation.key] = asyncio.get_running_loop().create_future()
            self._queue.append(attestation)
            self._signal()
        await asyncio.shield(future)

    async def run(self) -> None:
        """Commit cycles until cancelled."""
        ready_at = self._clock.monotonic()
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, ready_at - self._clock.monotonic())):
                    await self._full.wait()
            ready_at = self._clock.monotonic() + self._linger_s
            await self._cycle([self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))])
            self._signal()

    async def _cycle(self, batch: Sequence[Attestation]) -> None:
        try:
            await self._commit(batch)
        except Fault as error:
            for it in batch:
                self._waiting.pop(it.key).set_exception(error)
        else:
            for it in batch:
                self._waiting.pop(it.key).set_result(None)

    async def _commit(self, batch: Sequence[Attestation]) -> None:
        """Store a batch; if another process was faster or an answer was lost, retry with the missing ones."""
        refused: Fault | None = None
        for _ in range(_ATTEMPTS):
            try:
                await self._ledger.append(batch)
            except (Stale, Unavailable) as error:
                refused = error
                batch = await self._ledger.unsealed(batch)
                if not batch:
                    return
            else:
                self.sealed += len(batch)
                return
        raise Unavailable(f"{len(batch)} jobs have no place in the log after {_ATTEMPTS} attempts: {refused}")

    def _signal(self) -> None:
        for event, due in ((self._some, bool(self._queue)), (self._full, len(self._queue) >= self._max_batch)):
            if due:
                event.set()
            else:
                event.clear()
