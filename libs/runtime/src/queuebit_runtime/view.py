"""Following the log from the beginning: how a service keeps its view of the world.

A view is a cache. It is folded in order of sequence, publishes nothing, and is rebuilt by reading again. The consumer
behind it is named, so that its permission can be exact, ephemeral, so that nothing is left behind, and made anew at
the next sequence whenever the server forgot it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from queuebit_contracts.catalog import decode
from queuebit_contracts.topology import LOG
from queuebit_kernel import Malformed, Unavailable
from queuebit_runtime.connection import Connection
from queuebit_runtime.dead import bury
from queuebit_runtime.log import Stored

__all__ = ["Raw", "View", "fold_events"]

_log = logging.getLogger(__name__)

BATCH = 500
SILENCE_S = 2.5
"""Without a message or heartbeat for this long the consumer is presumed lost."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A message of the log, undecoded."""

    subject: str
    body: bytes
    sequence: int
    stored_at: datetime
    message: Msg


class View:
    """Reads some subjects of a stream in order, from `after` onwards, for as long as `run` runs."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        filters: Sequence[str],
        fold: Callable[[Raw], Awaitable[None]],
        *,
        after: int = 0,
        stream: str = LOG,
    ) -> None:
        self._connection = connection
        self._consumer = f"{name}-view"
        self._filters = list(filters)
        self._fold = fold
        self._stream = stream
        self._awaited: set[tuple[int, asyncio.Future[None]]] = set()
        self._request: dict[str, Any] = {}  # as the server words it
        self._delivered = 0
        self.position = after
        """The last sequence folded."""
        self.pending = 0
        """Messages known to lie ahead."""
        self.caught_up = asyncio.Event()
        """Set once everything that was there at the start has been folded."""

    async def run(self) -> None:
        """Follow until cancelled, through any outage."""
        while True:
            try:
                await self._follow()
            except (NatsError, Unavailable, TimeoutError) as error:
                if self._connection.client.is_closed:
                    raise
                _log.info("%s begins again after sequence %d: %s", self._consumer, self.position, error)
                await asyncio.sleep(random.uniform(0.1, 0.3))  # two of one name must not stay in step

    async def reached(self, sequence: int) -> None:
        """Wait until `sequence`, or something later, has been folded."""
        if self.position < sequence:
            waiter = (sequence, asyncio.get_running_loop().create_future())
            self._awaited.add(waiter)
            try:
                await waiter[1]
            finally:
                self._awaited.discard(waiter)

    async def _follow(self) -> None:
        client = self._connection.client
        inbox = client.new_inbox()
        ear = _Ear(SILENCE_S)
        subscription = await client.subscribe(inbox, cb=ear.hear)
        try:
            await self._create()
            left = 0
            while True:
                if left < BATCH // 2:
                    await self._ask(inbox, BATCH - left)
                    left = BATCH
                message = await ear.next()
                status = (message.headers or {}).get("Status")
                if status is None:
                    left -= 1
                    await self._take(message)
                elif status == "408":  # one request ran out: what it had left is gone
                    left = 0
                elif status != "100":
                    raise Unavailable(f"{status} {(message.headers or {}).get('Description', '')}")
        finally:
            ear.close()
            if not client.is_closed:
                await subscription.unsubscribe()

    async def _create(self) -> None:
        await self._call("DELETE", {}, tolerate=True)
        config = {
            "name": self._consumer,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self.position + 1,
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subjects": self._filters,
            "mem_storage": True,
            "inactive_threshold": 30_000_000_000,
        }
        self._request = {"stream_name": self._stream, "config": config}
        self._delivered = 0
        info = await self._call("CREATE", self._request)
        self.pending = int(info["num_pending"])
        if self.pending == 0:
            self.caught_up.set()

    async def _ask(self, inbox: str, batch: int) -> None:
        request = {"batch": batch, "expires": 30_000_000_000, "idle_heartbeat": 1_000_000_000}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        await self._connection.client.publish(subject, json.dumps(request).encode(), reply=inbox)

    async def _take(self, message: Msg) -> None:
        meta = message.metadata
        await self._assert_ours(meta.sequence.consumer)
        raw = Raw(message.subject, message.data, meta.sequence.stream, meta.timestamp.astimezone(UTC), message)
        try:
            await self._fold(raw)
        except Malformed as error:
            await bury(self._connection.client, self._consumer, message, error.code, str(error))
        self.pending = meta.num_pending
        self.position = raw.sequence
        if self._awaited:
            self._wake()
        if meta.num_pending == 0:
            self.caught_up.set()

    def _wake(self) -> None:
        for waiter in [it for it in self._awaited if it[0] <= self.position]:
            self._awaited.discard(waiter)
            if not waiter[1].done():
                waiter[1].set_result(None)

    async def _assert_ours(self, delivered: int) -> None:
        """Refuse what another process's consumer of the same name delivers, or what is left after it took some.

        Raises:
            Unavailable: begin again after the last message folded.
        """
        if delivered != self._delivered + 1:
            raise Unavailable(f"{delivered} came after {self._delivered}: another process follows under this name")
        if delivered == 1:  # creating it again is harmless, and refused where the consumer begins somewhere else
            await self._call("CREATE", self._request)
        self._delivered = delivered

    async def _call(self, verb: str, body: dict[str, Any], *, tolerate: bool = False) -> dict[str, Any]:  # server JSON
        subject = f"$JS.API.CONSUMER.{verb}.{self._stream}.{self._consumer}"
        reply = await self._connection.client.request(subject, json.dumps(body).encode(), timeout=5)
        answer: dict[str, Any] = json.loads(reply.data)
        if "error" in answer and not tolerate:
            raise Unavailable(f"{subject}: {answer['error'].get('description')}")
        return answer


class _Ear:
    """What a subscription hears, one by one, until it falls silent. One timer serves all messages."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._loop = asyncio.get_running_loop()
        self._heard: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._newest_at = self._loop.time()
        self._timer = self._loop.call_later(patience_s, self._look)

    async def hear(self, message: Msg) -> None:
        self._newest_at = self._loop.time()
        self._heard.put_nowait(message)

    async def next(self) -> Msg:
        message = await self._heard.get()
        if message is None:
            raise Unavailable(f"nothing was heard for {self._patience_s:g} s")
        return message

    def close(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        left = self._newest_at + self._patience_s - self._loop.time()
        if left <= 0:
            self._heard.put_nowait(None)
        else:
            self._timer = self._loop.call_later(left, self._look)


def fold_events(evolve: Callable[[Stored], None]) -> Callable[[Raw], Awaitable[None]]:
    """Turn a function of events into a fold of raw messages; what cannot be read becomes a dead letter."""

    async def fold(raw: Raw) -> None:
        evolve(Stored(decode(raw.body), raw.subject, raw.sequence, raw.stored_at))

    return fold
