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

_QUIET_S = 0.075
"""A pause in which no further job comes: a burst is over, and its last jobs should not wait."""

_REST_S = 0.2
"""A rest: so long after the last job, the public files are completed."""


class Sealer:
    """Collects attestations and commits them in cycles, one at a time.

    A cycle has a fixed cost (a batch, a signed head, its files), and batches that follow one another at once starve
    every other writer of the stream. So cycles begin at least `linger_s` apart, unless a full batch waits or no further
    job has come for `quiet_s`. After a rest the first one does not wait.
    """

    def __init__(
        self, ledger: Ledger, clock: Clock, *, max_batch: int, linger_s: float, quiet_s: float = _QUIET_S
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._max_batch = max_batch
        self._linger_s = linger_s
        self._quiet_s = quiet_s
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
            await self._next()
            await self._linger(ready_at)
            ready_at = self._clock.monotonic() + self._linger_s
            await self._cycle([self._queue.popleft() for _ in range(min(len(self._queue), self._max_batch))])
            self._signal()

    async def _next(self) -> None:
        """Wait for a job; if none comes soon, bring the public files up to date meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_S if self._ledger.behind else None):
                await self._some.wait()
                return
        await self._ledger.publish()
        await self._some.wait()

    async def _linger(self, ready_at: float) -> None:
        """Wait until `ready_at`, a full batch, or a pause in which no job came."""
        came = 0
        while (left := ready_at - self._clock.monotonic()) > 0 and len(self._queue) > came:
            came = len(self._queue)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._quiet_s)):
                    await self._full.wait()
                    return

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
