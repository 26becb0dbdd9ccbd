"""Delivers the events of one endpoint: one after another in the order of the log, and retries when they are due."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from queuebit_contracts.subjects import everything_of, parse
from queuebit_contracts.webhook import message_id
from queuebit_gateway.hub import Filter, Hub
from queuebit_gateway.streams import Past
from queuebit_gateway.webhooks.records import PARKED, Outcome, Retry, Webhook, after_try, next_due, passed
from queuebit_gateway.webhooks.sending import Sender
from queuebit_gateway.webhooks.signing import Signing
from queuebit_kernel import Clock, Unavailable
from queuebit_runtime.stored import Message

__all__ = ["Endpoints", "Parts", "Worker"]

_log = logging.getLogger(__name__)

_LOOK_S: Final = 5.0
"""The longest pause between two looks at the log: a replica may show an event later than the hub."""
_SAVE_S: Final = 0.2
"""How much work may be repeated after a crash, in seconds."""
_SAVE_POSITION_S: Final = 60.0
"""How often a position is stored that only passed events which the endpoint does not want."""
_AGAIN_S: Final = 1.0


class Endpoints(Protocol):
    """Where endpoints are kept. Every method raises `Unavailable` if that does not answer."""

    async def all(self) -> list[Webhook]:
        """All endpoints of all tenants."""
        ...

    async def put(self, webhook: Webhook) -> None:
        """Write an endpoint."""
        ...

    async def free(self, webhook: Webhook) -> None:
        """Remove an endpoint."""
        ...


class Parts:
    """What all workers share."""

    def __init__(
        self,
        hub: Hub,
        past: Past,
        endpoints: Endpoints,
        sender: Sender,
        signing: Signing,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self.hub, self.past, self.endpoints = hub, past, endpoints
        self.sender, self.signing, self.clock, self.jitter = sender, signing, clock, jitter

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock.now().timestamp()


class Worker:
    """The deliveries of one endpoint. `webhook` is its newest state; what others change, they `put` and then `wake`."""

    def __init__(self, parts: Parts, webhook: Webhook) -> None:
        self.webhook = webhook
        self._parts = parts
        self._wanted = Filter(webhook.tenant, None, frozenset(webhook.types))
        self._events = _Events(parts.past, self._wanted, webhook.position)
        self._again: _Events | None = None
        self._woken = asyncio.Event()
        self._saved, self._saved_at = webhook, parts.clock.monotonic()

    def wake(self) -> None:
        """Have it look at its state again."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until the endpoint is disabled, or the task is cancelled; survives outages of the bus."""
        while self.webhook.disabled is None and not self._parts.hub.closed:
            try:
                await self._follow()
            except Unavailable as error:
                _log.info("webhook %s of %s waits: %s", self.webhook.id, self.webhook.tenant, error)
                await asyncio.sleep(_AGAIN_S)

    async def _follow(self) -> None:
        channel, _, _ = await self._parts.hub.join(self._wanted)
        try:
            while self.webhook.disabled is None and not self._parts.hub.closed:
                number = channel.number
                self._woken.clear()
                if await self._step():
                    await self._save(_SAVE_S)
                    continue
                await self._save(_SAVE_POSITION_S if self.webhook.recent == self._saved.recent else 0)
                if channel.number == number and not self._woken.is_set():
                    await _first(channel.changed(self._pause()), self._woken.wait())
            await self._save(0)
        finally:
            self._parts.hub.leave(channel)

    async def _step(self) -> bool:
        """Try one delivery; False if none is due."""
        retry = next_due(self.webhook)
        if retry is not None and retry.due <= self._parts.now:
            await self._retry(retry)
            return True
        if len(self.webhook.retries) >= PARKED:
            return False
        if (replay := self.webhook.replay) is not None:
            if self._again is None:
                self._again = _Events(self._parts.past, self._wanted, replay.after)
            message = await self._again.next()
            if message is not None and message.sequence <= replay.until:
                await self._deliver(message)
                if self.webhook.replay is not None:
                    done = self.webhook.replay.model_copy(update={"after": message.sequence})
                    self.webhook = self.webhook.model_copy(update={"replay": done})
            else:
                self._again, self.webhook = None, self.webhook.model_copy(update={"replay": None})
            return True
        message = await self._events.next()
        if message is None:
            self.webhook = passed(self.webhook, self._events.position)
            return False
        await self._deliver(message)
        self.webhook = passed(self.webhook, message.sequence)
        return True

    async def _retry(self, retry: Retry) -> None:
        message = await event_at(self._parts.past, self.webhook.tenant, retry.sequence)
        if message is None:  # the log was restored without it
            left = tuple(it for it in self.webhook.retries if it.sequence != retry.sequence)
            self.webhook = self.webhook.model_copy(update={"retries": left})
        else:
            await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        identifier = message_id(message.sequence, message.body)
        outcome = await self.send(identifier, message.body)
        address = parse(message.subject)
        self.webhook = after_try(
            self.webhook,
            message.sequence,
            identifier,
            f"{address.noun}.{address.event}",
            outcome,
            now=self._parts.now,
            jitter=self._parts.jitter(),
        )

    async def send(self, identifier: str, body: bytes) -> Outcome:
        """Send a message now."""
        it, at = self.webhook, int(self._parts.now)
        headers = self._parts.signing.headers(it.tenant, it.id, identifier, at, body)
        return await self._parts.sender.post(it.url, headers, body)

    def _pause(self) -> float:
        retry = next_due(self.webhook)
        return _LOOK_S if retry is None else max(0.0, min(_LOOK_S, retry.due - self._parts.now))

    async def _save(self, apart_s: float) -> None:
        now = self._parts.clock.monotonic()
        if self.webhook != self._saved and now - self._saved_at >= apart_s:
            saving, self._saved_at = self.webhook, now
            await self._parts.endpoints.put(saving)
            self._saved = saving

    async def close(self) -> None:
        """Store where it is; call it after `run` has ended."""
        await self._save(0)


class _Events:
    """The events of a tenant that an endpoint wants, in order."""

    def __init__(self, past: Past, wanted: Filter, position: int) -> None:
        self._past = past
        self._wanted = wanted
        self._read: deque[Message] = deque()
        self.position = position
        """Up to here, all was returned or is not wanted."""

    async def next(self) -> Message | None:
        """The next one; None if there is none yet."""
        while True:
            if not self._read:
                self._read.extend(await self._past.after(everything_of(self._wanted.tenant), self.position))
                if not self._read:
                    return None
            message = self._read.popleft()
            self.position = message.sequence
            if self._wanted.wants(parse(message.subject)):
                return message


async def event_at(past: Past, tenant: str, sequence: int) -> Message | None:
    """The event of a tenant with this sequence; None if there is none.

    Raises:
        Unavailable: a replica that lags behind was asked.
    """
    found = await past.after(everything_of(tenant), sequence - 1)
    if not found and await past.newest(everything_of(tenant)) >= sequence:
        raise Unavailable(f"event {sequence} cannot be read yet")
    if not found or found[0].sequence != sequence or not Filter(tenant).wants(parse(found[0].subject)):
        return None
    return found[0]


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait until one of several has ended, and end the others."""
    tasks = [asyncio.ensure_future(it) for it in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for it in tasks:
            it.cancel()
