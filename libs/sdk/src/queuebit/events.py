"""Following what happens, told only once the log has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from queuebit.log_client import Entry, LogClient
from queuebit.transport import Transport
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.subjects import parse
from queuebit_contracts.wire import UnknownEvent

__all__ = ["LoggedEvent", "UnknownEvent", "follow"]

_LOOKS = (0.0, 0.003, 0.02, 0.2, 1.0)
"""When to look for what a live message announced; what is not there after the last was refused by the log."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event, where it lies, and what it says."""

    sequence: int
    subject: str
    event: Decoded
    """An event, or an `UnknownEvent`: of a type that this version does not know."""

    @property
    def job(self) -> str:
        """The id of the job it is about."""
        return parse(self.subject).id

    @property
    def name(self) -> str:
        """What happened, such as `started`."""
        return parse(self.subject).event


async def follow(transport: Transport, journal: LogClient, job: str | None = None) -> AsyncGenerator[LoggedEvent, None]:
    """Tell each event of a tenant's jobs, or of one job, once."""
    announced: asyncio.Queue[str] = asyncio.Queue()
    stop = await transport.follow(
        f"qb.job.{journal.tenant}.{job or '*'}.>", lambda subject, _: announced.put_nowait(subject)
    )
    told: dict[str, int] = {}
    try:
        while True:
            subject = await announced.get()
            entry = await _stored(journal, subject, told.get(subject, 0))
            if entry is not None:
                told[subject] = entry.sequence
                yield LoggedEvent(entry.sequence, subject, entry.event)
    finally:
        await stop()


async def _stored(journal: LogClient, subject: str, after: int) -> Entry | None:
    for pause in _LOOKS:
        await asyncio.sleep(pause)
        entry = await journal.last(subject)
        if entry is not None and entry.sequence > after:
            return entry
    return None
