"""Writes histories into the log as fast as it takes them: mixed, some facts twice, some late, each confirmed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Sequence

from tests.billing.histories import History
from tests.billing.processes import PASSWORD, WRITER

from queuebit_contracts.job import JobUsageReported
from queuebit_contracts.topology import LOG
from queuebit_kernel import Fault, Stale, Unavailable
from queuebit_runtime.connection import Client, Connected
from queuebit_runtime.harden import connect
from queuebit_runtime.log import Guarded, JetStreamLog

__all__ = ["Writer"]

_OPEN = 400
"""Histories whose facts are mixed."""
_BATCH = 160
"""Facts of one atomic batch, synced once."""
_BACKLOG = 4_000
"""Ends that metering may have before it: writing waits, so that kills meet work from the first job to the last."""
_PAUSE_S = 0.2


class Writer:
    """The only writer of what broker, scheduler and executors would write."""

    def __init__(self, client: Client, seed: int, duplicates: float) -> None:
        self._client = client
        self._log = JetStreamLog(Connected(client))
        self._random = random.Random(seed)
        self._duplicates = duplicates
        self._later: list[Guarded] = []
        """Copies that are sent long after the original."""
        self._late: list[Guarded] = []
        self.seen: Counter[str] = Counter()
        """`facts`, `duplicates`, `reports`, `repeated` batches."""

    @classmethod
    async def connected(cls, url: str, seed: int, duplicates: float) -> Writer:
        """Connect as a user that may write everything."""
        client = await connect(
            url,
            user=WRITER,
            password=PASSWORD,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,
            error_cb=_ignore,
        )
        return cls(client, seed, duplicates)

    async def close(self) -> None:
        await self._client.close()

    async def write(self, histories: Iterator[History], *, last: bool) -> None:
        """Write histories to their ends; with `last`, also all usage that comes late."""
        open_: list[History] = []
        exhausted = False
        while not exhausted or open_ or (last and self._late):
            while len(open_) < _OPEN and not exhausted:
                if (found := next(histories, None)) is None:
                    exhausted = True
                else:
                    open_.append(found)
            batch = self._mixed(open_)
            if self._late and ((last and exhausted) or self._random.random() < 0.5):
                most = max(1, len(self._late) // 3)
                batch += [self._late.pop(self._random.randrange(len(self._late))) for _ in range(min(most, 40))]
            await self._store(batch)
            await self._again(batch)
            await self._room()
        if last:
            for fact in self._later:
                await self._copy(fact)
            self._later = []

    def _mixed(self, open_: list[History]) -> list[Guarded]:
        """The next facts of some histories: in order for each, in any order among them."""
        batch: list[Guarded] = []
        while open_ and len(batch) < _BATCH:
            place = self._random.randrange(len(open_))
            history = open_[place]
            count = self._random.randint(1, len(history.facts))
            batch += history.facts[:count]
            del history.facts[:count]
            if not history.facts:
                self._late += history.late
                open_[place] = open_[-1]
                open_.pop()
        return batch

    async def _store(self, batch: Sequence[Guarded]) -> None:
        """Store a batch once, through any number of failures."""
        while batch:
            try:
                await self._log.append_all(batch)
            except Stale:  # an earlier attempt was stored, and its confirmation was lost
                self.seen["confirmed late"] += 1
                break
            except Fault:
                self.seen["repeated"] += 1
                await asyncio.sleep(_PAUSE_S)
            else:
                break
        self.seen["facts"] += len(batch)
        self.seen["reports"] += sum(isinstance(it.event, JobUsageReported) for it in batch)

    async def _again(self, batch: Sequence[Guarded]) -> None:
        """Send some facts a second time: at once, or long after the server has forgotten their ids."""
        guarded = [it for it in batch if it.after is not None]
        chosen = self._random.sample(guarded, min(len(guarded), round(len(batch) * self._duplicates)))
        half = len(chosen) // 2
        await asyncio.gather(*(self._copy(it) for it in chosen[:half]))
        self._later += chosen[half:]
        while len(self._later) > 2_000:
            await self._copy(self._later.pop(0))

    async def _copy(self, fact: Guarded) -> None:
        """Send a fact again: the log has it, and must refuse the copy or return the place of the original."""
        while True:
            try:
                await self._log.append(fact.event, after=fact.after)
            except Unavailable:
                await asyncio.sleep(_PAUSE_S)
            else:
                self.seen["duplicates"] += 1
                return

    async def _room(self) -> None:
        while await self.backlog("metering-ended") > _BACKLOG:
            await asyncio.sleep(_PAUSE_S)

    async def backlog(self, *consumers: str) -> int:
        """How many messages consumers have before them."""
        found = 0
        for name in consumers:
            while True:
                try:
                    info = await self._client.jetstream(timeout=5).consumer_info(LOG, name)
                except Exception:  # noqa: BLE001  # nats-py has many for a server that is away
                    await asyncio.sleep(_PAUSE_S)
                else:
                    found += (info.num_pending or 0) + (info.num_ack_pending or 0)
                    break
        return found


async def _ignore(error: Exception) -> None:
    """The server is killed at times; each request raises its own error."""
    del error
