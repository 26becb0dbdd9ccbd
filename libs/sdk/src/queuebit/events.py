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
    """Yield each event of a tenant's jobs, or of one job, once."""
    announced: asyncio.Queue[str] = asyncio.Queue()
    wanted = of_tenant("job", log.tenant) if job is None else job_history(log.tenant, job).everything
    stop = await transport.follow(wanted, lambda subject, _: announced.put_nowait(subject))
    seen: dict[str, int] = {}
    try:
        while True:
            subject = await announced.get()
            entry = await _stored(log, subject, seen.get(subject, 0))
            if entry is not None:
                seen[subject] = entry.sequence
                yield LoggedEvent(entry.sequence, subject, entry.event)
    finally:
        await stop()


async def _stored(log: LogClient, subject: str, after: int) -> Entry | None:
    for pause in _LOOKS:
        await asyncio.sleep(pause)
        entry = await log.last(subject)
        if entry is not None and entry.sequence > after:
            return entry
    return None
