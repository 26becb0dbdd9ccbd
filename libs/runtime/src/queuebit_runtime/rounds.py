"""Consumes a durable in rounds: takes what waits, handles all of it concurrently, and settles each message by itself.

The server holds one request for as many messages as there are free workers. A message that arrives at an idle service
is delivered at once, and messages that wait arrive together: their handlers run in the same moments, so that their
appends and acknowledgements share the writes to the connection. A handler that fails concerns its own message only.

This is the one place where consuming leaves FastStream (ADR 0029). Routes, their documents, replays and tests in memory
stay FastStream's.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Literal

from faststream.nats import PullSub

from queuebit_contracts.topology import Durable
from queuebit_runtime.connection import Client, Msg, NatsError
from queuebit_runtime.delivery import Delivered
from queuebit_runtime.harden import listen
from queuebit_runtime.received import Received
from queuebit_runtime.silence import Silence

__all__ = ["InRounds", "Rounds"]

_log = logging.getLogger(__name__)

_SILENCE_S = 2.5
"""Without a message or heartbeat for this long, the server has lost the request."""

_AGAIN_S = 0.2
"""Pause before the next request when the server refused one."""

_EXPIRES_S = 30
_NANOSECONDS = 1_000_000_000


class InRounds(PullSub[Literal[False]]):
    """How a FastStream subscriber of a durable consumes: the bus runs it in rounds."""

    __slots__ = ("call", "durable", "name", "workers")

    def __init__(
        self, name: str, durable: Durable, call: Callable[[Delivered], Awaitable[None]], *, workers: int
    ) -> None:
        """Create it.

        Args:
            name: of the consumer.
            durable: what the topology declares of it.
            call: handles one delivery.
            workers: the most messages in hand.
        """
        super().__init__()
        self.name = name
        self.durable = durable
        self.call = call
        self.workers = workers


class Rounds:
    """Takes the messages of one durable, from `start` to `stop`."""

    def __init__(self, client: Client, how: InRounds, handle: Callable[[Msg], Coroutine[Any, Any, None]]) -> None:
        """Create it; `handle` handles and settles one message, and raises nothing."""
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{how.durable.stream}.{how.name}"
        self._beat_s = how.durable.ack_wait_s / 3
        self._workers = how.workers
        self._handle = handle
        self._inbox = client.new_inbox()
        self._in_hand: dict[asyncio.Task[None], Msg] = {}
        self._asked = 0
        """Messages that the server may still send for the requests of this series."""
        self._series = 0
        """Of requests: a new one begins when those of the last one count as lost. Some may be alive, and end later."""
        self._short = asyncio.Event()
        """Set when the server should be asked for more."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Subscribe, and ask for the first messages."""
        self._subscription = await listen(self._client, f"{self._inbox}.*", self._arrived)
        self._short.set()
        self._silence = Silence(_SILENCE_S, self._ask_again)
        self._tasks = [self._loop.create_task(work()) for work in (self._ask, self._beat)]

    async def stop(self) -> None:
        """Take no more, and wait for the messages in hand; if that is cancelled, their handlers are too."""
        asking, beating = self._tasks
        self._silence.close()
        asking.cancel()
        with suppress(NatsError):  # a closed connection has no subscriptions
            await self._subscription.unsubscribe()
        in_hand = [*self._in_hand]
        try:
            await asyncio.gather(*in_hand)
        except asyncio.CancelledError:
            for task in in_hand:
                task.cancel()
            raise
        finally:
            beating.cancel()  # until now no other process may take the messages in hand

    def _arrived(self, message: Received) -> None:
        status = message.status
        if status is None:
            self._asked = max(self._asked - 1, 0)  # it may be of an earlier series
            task = self._loop.create_task(self._handle(message))
            self._in_hand[task] = message
            task.add_done_callback(self._done)
        elif message.subject != self._reply:
            return
        elif status == "408":  # a request expired
            self._asked -= int((message.headers or {}).get("Nats-Pending-Messages", self._asked))
        elif status != "100":
            _log.warning("%s: %s %s", self._next, status, (message.headers or {}).get("Description", ""))
            self._begin_series()
            self._loop.call_later(_AGAIN_S, self._short.set)
            return
        self._silence.end()
        self._look()

    @property
    def _reply(self) -> str:
        return f"{self._inbox}.{self._series}"

    def _begin_series(self) -> None:
        self._series += 1
        self._asked = 0

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._in_hand[task]
        self._look()

    @property
    def _free(self) -> int:
        return max(self._workers - len(self._in_hand), 0)

    def _look(self) -> None:
        """Ask for more before the server has nothing left to send: one request then serves half of the workers."""
        if 2 * self._asked < self._free:
            self._short.set()

    async def _ask(self) -> None:
        while True:
            await self._short.wait()
            self._short.clear()
            if (more := self._free - self._asked) <= 0:
                continue
            self._asked += more
            request = {
                "batch": more,
                "expires": _EXPIRES_S * _NANOSECONDS,
                "idle_heartbeat": _NANOSECONDS,
            }
            try:
                await self._client.publish(self._next, json.dumps(request).encode(), reply=self._reply)
            except NatsError as error:  # the server stays silent: `_ask_again` follows
                _log.debug("%s was not asked: %r", self._next, error)

    def _ask_again(self) -> None:
        """The server is silent: it was restarted, or the connection was."""
        if self._free:
            self._begin_series()
            self._short.set()

    async def _beat(self) -> None:
        """Extend the leases of the messages in hand."""
        while True:
            await asyncio.sleep(self._beat_s)
            for message in [*self._in_hand.values()]:
                with suppress(NatsError):  # a lost beat at worst causes a redelivery
                    await message.in_progress()
