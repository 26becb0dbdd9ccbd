"""Views: folds the log into the state of a service, from the beginning or from a snapshot.

A view is a cache. It is folded in order of sequence, publishes nothing, and is rebuilt by reading again. Its consumer
is created again at the next sequence if the server lost it.

The server skips a stored message with a wrong checksum, but still counts it as pending. Therefore a view does not wait
for that count: an idle heartbeat shows how far the server has read, and what it still counts then is damaged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from queuebit_contracts.catalog import decode
from queuebit_contracts.topology import LOG
from queuebit_kernel import Malformed, Unavailable
from queuebit_runtime.arrivals import Arrivals
from queuebit_runtime.connection import Connection, Msg, NatsError
from queuebit_runtime.dead_letters import store_dead_letter
from queuebit_runtime.delivery import origin_of
from queuebit_runtime.harden import listen
from queuebit_runtime.log import Stored
from queuebit_runtime.received import Received
from queuebit_runtime.view_consumer import ViewConsumer
from queuebit_runtime.view_snapshot import Base, Mark, ViewSnapshot

__all__ = ["Fold", "Raw", "View", "fold_events"]

_log = logging.getLogger(__name__)

_BURST_S = 0.02
"""How long messages are folded before other tasks have their turn."""
_AGAIN_S = 0.2
"""Pause before an interrupted view restarts."""

_SILENCE_S = 2.5
"""Without a message or heartbeat for this long, the consumer counts as lost."""


class Raw(NamedTuple):
    """A message of the log, undecoded."""

    subject: str
    body: bytes
    sequence: int
    stored_at: datetime
    message: Msg

    def mark(self) -> Mark:
        """What tells this message from every other, also from one that another log has in its place."""
        head = f"{self.subject} {self.sequence} {self.stored_at.isoformat()}\n".encode()
        return Mark(self.sequence, hashlib.sha256(head + self.body).hexdigest())


Fold = Callable[[Raw], Awaitable[object] | None]


class View:
    """Reads some subjects of a stream in order, from `after` onwards, while `run` runs."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        filters: Sequence[str],
        fold: Fold,
        *,
        after: int = 0,
        stream: str = LOG,
        bodies: bool = True,
        every_s: float = 0,
        snapshot: ViewSnapshot | None = None,
    ) -> None:
        """Create the view.

        Args:
            connection: the connection to the bus.
            name: whose view it is; names its consumer.
            filters: the subjects that it reads.
            fold: takes each message; returns None, or what the next message must wait for.
            after: the sequence after which it begins, if it has no snapshot.
            stream: where it reads.
            bodies: False reads messages without content, which is much cheaper.
            every_s: how long messages may wait for others, so that they arrive together; the first after a pause does
                not wait.
            snapshot: where the state that `fold` changes is kept between two starts.
        """
        self._connection = connection
        self.name = name
        """Whose view it is."""
        self._consumer = ViewConsumer(connection, name, stream, filters, bodies=bodies, every_s=every_s)
        self._fold = fold
        self._snapshot = snapshot
        self._base: Base | None = None
        """A snapshot that was read; used once the log shows the message at which it ends."""
        self._newest: Raw | None = None
        self._awaited: set[tuple[int, asyncio.Future[None]]] = set()
        self._delivered = 0
        self.position = after
        """The last sequence folded."""
        self.pending = 0
        """Messages known to be pending."""
        self.unreadable = 0
        """The least number of messages that the server counts but cannot read: the log is damaged there."""
        self.trouble = ""
        """Why it restarted the last time; empty while it follows."""
        self.end = after
        """The last sequence of the stream before the view started."""
        self.caught_up = asyncio.Event()
        """Set after everything that existed at the start has been folded."""

    async def run(self) -> None:
        """Follow until cancelled; survives outages."""
        if self._snapshot is not None and self.position == 0:
            self._base = await asyncio.to_thread(self._snapshot.read)
        while True:
            try:
                await self._follow()
            except (NatsError, Unavailable, TimeoutError) as error:
                if self._connection.client.is_closed:
                    raise
                self.trouble = str(error) or repr(error)
                _log.info("the view of %s restarts after sequence %d: %s", self.name, self.position, error)
                await asyncio.sleep(_AGAIN_S)

    async def reached(self, sequence: int) -> None:
        """Wait until `sequence` or a later one has been folded."""
        if self.position < sequence:
            waiter = (sequence, asyncio.get_running_loop().create_future())
            self._awaited.add(waiter)
            try:
                await waiter[1]
            finally:
                self._awaited.discard(waiter)

    async def save(self) -> None:
        """Write the snapshot, if the view has one, after `run` has ended."""
        if self._snapshot is not None and self._newest is not None:
            await self._snapshot.close(self._newest.mark)

    async def _follow(self) -> None:
        client = self._connection.client
        inbox = client.new_inbox()
        arrivals = Arrivals(_SILENCE_S)
        subscription = await listen(client, inbox, arrivals.put)
        try:
            await self._begin()
            while not (self._consumer.far and (self.pending == 0 or self.position >= self.end)):
                await self._consumer.ask(inbox, self.pending)
                await self._take_all(await arrivals.take())
            self._restore(None)
            self._advance(max(self.position, self.end))  # the next consumer begins near the end
        finally:
            arrivals.close()
            if not client.is_closed:
                await subscription.unsubscribe()
                await self._consumer.leave()

    async def _begin(self) -> None:
        self.pending = await self._consumer.create(
            self.position + 1 if self._base is None else self._base.mark.sequence
        )
        self.end, self._delivered, self.trouble = self._consumer.end, 0, ""
        if self.pending == 0:
            self._restore(None)
            self.caught_up.set()

    async def _take_all(self, arrived: list[Received]) -> None:
        now = asyncio.get_running_loop().time
        until = now() + _BURST_S
        for message in arrived:
            status = message.status
            if status is None:
                self._consumer.sent()
                await self._take(message)
            elif status == "100":
                self._rest(message)
            elif not self._consumer.ended(status):
                raise Unavailable(f"{status} {(message.headers or {}).get('Description', '')}")
            if now() > until:
                await asyncio.sleep(0)
                until = now() + _BURST_S

    async def _take(self, message: Received) -> None:
        origin = origin_of(message)
        if origin.place != self._delivered + 1:
            raise Unavailable(f"message {origin.place} of {self._consumer.name} came after {self._delivered}")
        self._delivered = origin.place
        if self._consumer.takes(message.subject):
            raw = Raw(message.subject, message.data, origin.sequence, origin.stored_at, message)
            if self._base is not None:
                self._restore(raw)
            else:
                await self._take_in(raw)
        self.pending = origin.pending
        self._advance(origin.sequence)
        if origin.pending == 0 or origin.sequence >= self.end:
            self.caught_up.set()

    async def _take_in(self, raw: Raw) -> None:
        try:
            if (waiting := self._fold(raw)) is not None:
                await waiting
        except Malformed as error:
            await store_dead_letter(self._connection.client, f"{self.name}-view", raw.message, error.code, str(error))
        self._newest = raw
        if self._snapshot is not None:
            self._snapshot.folded(raw.mark)

    def _restore(self, raw: Raw | None) -> None:
        """Begin with the snapshot that was read, if there is one, and the log has the message at which it ends.

        Raises:
            Unavailable: it cannot be used; the view restarts, from the beginning.
        """
        base, self._base = self._base, None
        if base is None or self._snapshot is None:
            return
        if raw is None or raw.mark() != base.mark:
            self._snapshot.ignore(f"the log lacks the message {base.mark.sequence} at which it ends")
        elif self._snapshot.restore(base):
            return
        raise Unavailable("its snapshot cannot be used")

    def _rest(self, heartbeat: Msg) -> None:
        """The server has sent everything: messages that it still counts as pending cannot be read."""
        headers = heartbeat.headers or {}
        sent = int(headers.get("Nats-Last-Consumer", -1))
        if sent > self._delivered:  # a connection that broke lost some, and perhaps no further message shows it
            raise Unavailable(f"{self._consumer.name} sent {sent} messages, and {self._delivered} arrived")
        if sent != self._delivered:
            return
        self._restore(None)
        if self.pending > self.unreadable:
            self.unreadable = self.pending
            _log.error("the view of %s found %d messages that cannot be read", self.name, self.unreadable)
        self.pending = 0
        self._advance(max(self.position, int(headers.get("Nats-Last-Stream", 0))))
        self.caught_up.set()

    def _advance(self, position: int) -> None:
        self.position = position
        for waiter in [it for it in self._awaited if it[0] <= position]:
            self._awaited.discard(waiter)
            if not waiter[1].done():
                waiter[1].set_result(None)


def fold_events(evolve: Callable[[Stored], None]) -> Callable[[Raw], None]:
    """Turn a function of events into a fold of raw messages; unreadable messages become dead letters."""

    def fold(raw: Raw) -> None:
        evolve(Stored(decode(raw.body, raw.subject), raw.subject, raw.sequence, raw.stored_at))

    return fold
