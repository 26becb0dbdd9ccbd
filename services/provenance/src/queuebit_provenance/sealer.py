"""Group commit: many deliveries wait for one batch."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence

from queuebit_kernel import Fault, Stale, Unavailable
from queuebit_provenance.ledger import Ledger
from queuebit_provenance.state import Leaf
from queuebit_runtime.paced import Paced

__all__ = ["Sealer"]

_ATTEMPTS = 5
"""Attempts of one cycle; a refused batch means that another process was faster."""

_REST_S = 0.2
"""A rest: so long after the last job, the public files are completed."""


class Sealer:
    """Collects attestations and commits them in cycles, one at a time.

    A cycle has a fixed cost (a batch, a signed head, its files), and batches that follow one another at once starve
    every other writer of the stream: so attestations are `Paced`.
    """

    def __init__(self, ledger: Ledger, attestations: Paced[Leaf]) -> None:
        self._ledger = ledger
        self._attestations = attestations
        self._waiting: dict[Hashable, asyncio.Future[None]] = {}
        self.sealed = 0
        """Leaves this process added."""

    @property
    def waiting(self) -> int:
        """Deliveries that wait for the next cycles."""
        return len(self._waiting)

    async def seal(self, leaf: Leaf) -> None:
        """Return after the leaf of a statement is stored; a second call for the same one waits for the first.

        Raises:
            Fault: its cycle could not be stored.
        """
        future = self._waiting.get(leaf.key)
        if future is None:
            future = self._waiting[leaf.key] = asyncio.get_running_loop().create_future()
            self._attestations.put(leaf)
        await asyncio.shield(future)

    async def run(self) -> None:
        """Commit cycles until cancelled."""
        while True:
            await self._rest()
            await self._cycle(await self._attestations.take())

    async def _rest(self) -> None:
        """If no job comes soon, bring the public files up to date meanwhile."""
        if self._ledger.behind:
            try:
                async with asyncio.timeout(_REST_S):
                    await self._attestations.wait()
            except TimeoutError:
                await self._ledger.publish()

    async def _cycle(self, batch: Sequence[Leaf]) -> None:
        try:
            await self._commit(batch)
        except Fault as error:
            for it in batch:
                self._waiting.pop(it.key).set_exception(error)
        else:
            for it in batch:
                self._waiting.pop(it.key).set_result(None)

    async def _commit(self, batch: Sequence[Leaf]) -> None:
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
        raise Unavailable(f"{len(batch)} statements have no place in the log after {_ATTEMPTS} attempts: {refused}")
