"""Follows events, each delivered once, after the log has stored it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from queuebit.log_client import entry_of
from queuebit.transport import Message, Transport
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.subjects import job as job_history
from queuebit_contracts.subjects import of_tenant, origin, parse, stored
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed

__all__ = ["LoggedEvent", "UnknownEvent", "follow"]

_logger = logging.getLogger("queuebit")


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


async def follow(transport: Transport, tenant: str, job: str | None = None) -> AsyncGenerator[LoggedEvent, None]:
    """Yield each event of a tenant's jobs, or of one job, once, in the order in which the log stored them.

    Events that were stored while the connection was lost are missing; the logger `queuebit` says so.
    """
    received: asyncio.Queue[Message] = asyncio.Queue()
    wanted = of_tenant("job", tenant) if job is None else job_history(tenant, job).everything
    stop = await transport.follow([stored(wanted)], received.put_nowait, _warn_of_gap)
    last = 0
    try:
        while True:
            message = await received.get()
            try:
                entry = entry_of(message)
            except Malformed as error:
                _logger.warning("a live message is ignored: %s", error)
                continue
            if entry.sequence > last:
                last = entry.sequence
                yield LoggedEvent(entry.sequence, origin(message.subject), entry.event)
    finally:
        await stop()


def _warn_of_gap() -> None:
    _logger.warning("events may be missing: the connection was lost, or this program was too slow")
