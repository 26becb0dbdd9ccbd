"""Histories of jobs, read in groups."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress

from queuebit_contracts.subjects import Aggregate, job, parse
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed, Unavailable
from queuebit_provenance.ports import Histories
from queuebit_runtime.connection import Connection
from queuebit_runtime.log import newest_of
from queuebit_runtime.paced import Paced
from queuebit_runtime.requests import Requests
from queuebit_runtime.stored import Message, Stored, event_in

__all__ = ["JetStreamHistories"]

_TIMEOUT_S = 5.0


class JetStreamHistories:
    """Reads the histories that are asked for in one moment with one request.

    A history whose messages are all readable, of known types, and as new as they must be is used as it is. Any other
    one is read again by `alone`, whose rules decide what counts instead of a damaged message, and which waits for a
    replica that lags.
    """

    def __init__(self, connection: Connection, alone: Histories, prefixes: Paced[str]) -> None:
        """Create it.

        Args:
            connection: to the server that has the log.
            alone: reads one history.
            prefixes: of the jobs that are asked for; those that are taken together share a request.
        """
        self._requests = Requests(connection, _TIMEOUT_S)
        self._alone = alone
        self._prefixes = prefixes
        self._waiting: dict[str, asyncio.Future[Sequence[Message]]] = {}

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        """As `EventLog.history`."""
        future = self._waiting.get(aggregate.prefix)
        if future is None:
            future = self._waiting[aggregate.prefix] = asyncio.get_running_loop().create_future()
            self._prefixes.put(aggregate.prefix)
        whole = _whole(await asyncio.shield(future), reaching)
        return await self._alone.history(aggregate, reaching=reaching) if whole is None else whole

    async def run(self) -> None:
        """Read what is asked for until cancelled."""
        while True:
            group = await self._prefixes.take()
            found = await self._read(group)
            for prefix in group:
                self._waiting.pop(prefix).set_result(found[prefix])

    async def _read(self, prefixes: Iterable[str]) -> dict[str, list[Message]]:
        """The newest message of each subject under some prefixes, in order; nothing if the server does not answer."""
        found: dict[str, list[Message]] = defaultdict(list)
        with suppress(Unavailable):
            for message in await newest_of(self._requests, [Aggregate(it).everything for it in prefixes]):
                found[_prefix(message.subject)].append(message)
        return found


def _prefix(subject: str) -> str:
    """The prefix of the aggregate that a subject of a job belongs to."""
    address = parse(subject)
    return job(address.tenant, address.id).prefix


def _whole(messages: Sequence[Message], reaching: int) -> list[Stored] | None:
    """The history that the messages are; None if another message counts, or one is missing."""
    if max((it.sequence for it in messages), default=0) < reaching:
        return None
    try:
        history = [event_in(it) for it in messages]
    except Malformed:
        return None
    return None if any(isinstance(it.event, UnknownEvent) for it in history) else history
