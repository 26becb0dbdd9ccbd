"""Follows events, each delivered once, after the log has stored it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from queuebit.log_client import Entry, LogClient
from queuebit.transport import Transport
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.subjects import job as job_history
from queuebit_contracts.subjects import of_tenant, parse
from queuebit_contracts.wire import UnknownEvent

__all__ = ["LoggedEvent", "UnknownEvent", "follow"]

_LOOKS = (0.0, 0.003, 0.02, 0.2, 1.0)
"""When to look for an announced event; if it is missing after the last, the log has refused it."""

_SIDE_BY_SIDE = 16
"""Announced events that are read at once: one by one, a reader falls behind on a busy machine."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event with its sequence and subject."""

    sequence: int
    subject: str
    event: Decoded
    """An event, or an `UnknownEvent`: of a type that this version does not know."""

    @property
    def job(self) -> str:
        """The id of its job."""
        return parse(self.subject).id

    @property
    def name(self) -> str:
        """The name of the event, such as `started`."""
        return parse(self.subject).event


async def follow(transport: Transport, log: LogClient, job: str | None = None) -> AsyncGenerator[LoggedEvent, None]:
    """Yield each event of a tenant's jobs, or of one job, once, in the order in which they are announced."""
    reader = _Reader(log)
    wanted = of_tenant("job", log.tenant) if job is None else job_history(log.tenant, job).everything
    stop = await transport.follow(wanted, lambda subject, _: reader.announce(subject))
    try:
        while True:
            subject, entry = await reader.next()
            if entry is not None:
                yield LoggedEvent(entry.sequence, subject, entry.event)
    finally:
        await stop()
        await reader.close()


_Read = asyncio.Task[Entry | None]


class _Reader:
    """Reads announced events side by side, and returns them in order."""

    def __init__(self, log: LogClient) -> None:
        self._log = log
        self._places = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._reads: asyncio.Queue[tuple[str, _Read]] = asyncio.Queue()
        self._latest: dict[str, _Read] = {}
        """Of each subject that is being read, the last read."""
        self._seen: dict[str, int] = {}
        """The newest known sequence of each subject."""

    def announce(self, subject: str) -> None:
        """Begin to read a subject; a read looks for an event newer than the one that the read before it found."""
        read = asyncio.get_running_loop().create_task(self._read(subject, self._latest.get(subject)))
        self._latest[subject] = read
        self._reads.put_nowait((subject, read))

    async def next(self) -> tuple[str, Entry | None]:
        """The next announced subject and its event; None if the log refused the event."""
        subject, read = await self._reads.get()
        return subject, await read

    async def close(self) -> None:
        """Stop reading."""
        reads = [self._reads.get_nowait()[1] for _ in range(self._reads.qsize())]
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    async def _read(self, subject: str, before: _Read | None) -> Entry | None:
        try:
            if before is not None:
                await asyncio.wait([before])
            async with self._places:
                entry = await _stored(self._log, subject, self._seen.get(subject, 0))
            if entry is not None:
                self._seen[subject] = entry.sequence
            return entry
        finally:
            if self._latest.get(subject) is asyncio.current_task():
                del self._latest[subject]


async def _stored(log: LogClient, subject: str, after: int) -> Entry | None:
    for pause in _LOOKS:
        await asyncio.sleep(pause)
        entry = await log.last(subject)
        if entry is not None and entry.sequence > after:
            return entry
    return None
