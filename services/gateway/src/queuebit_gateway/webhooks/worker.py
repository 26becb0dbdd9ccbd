"""Delivers the events of one endpoint: one after another in the order of the log, and retries when they are due."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from queuebit_contracts.subjects import everything_of, parse
from queuebit_contracts.webhook import message_id
from queuebit_gateway.hub import Filter, Hub
from queuebit_gateway.streams import Past
from queuebit_gateway.webhooks.buckets import SCHEME, Buckets
from queuebit_gateway.webhooks.held import Held
from queuebit_gateway.webhooks.leases import Leases
from queuebit_gateway.webhooks.records import (
    PARKED,
    Outcome,
    Replay,
    Retry,
    Webhook,
    after_try,
    next_due,
    passed,
    replayed,
    without,
)
from queuebit_gateway.webhooks.sending import Sender
from queuebit_gateway.webhooks.signing import Signing
from queuebit_kernel import Clock, Superseded, Unavailable
from queuebit_runtime.stored import Message

__all__ = ["Parts", "Worker", "event_at"]

_log = logging.getLogger(__name__)

_LOOK_S: Final = 5.0
"""The longest pause between two looks at the log: a replica may show an event later than the hub."""
_SAVE_S: Final = 0.2
"""How much work may be repeated after a crash, in seconds."""
_SAVE_POSITION_S: Final = 60.0
"""How often a position is stored that only passed events which the endpoint does not want."""
_AGAIN_S: Final = 1.0


class Parts:
    """What all workers share."""

    def __init__(
        self,
        hub: Hub,
        past: Past,
        leases: Leases,
        sender: Sender,
        signing: Signing,
        clock: Clock,
        jitter: Callable[[], float],
        buckets: Buckets | None = None,
    ) -> None:
        self.buckets = buckets
        self.hub, self.past, self.leases = hub, past, leases
        self.sender, self.signing, self.clock, self.jitter = sender, signing, clock, jitter

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock.now().timestamp()

    async def send(self, webhook: Webhook, identifier: str, body: bytes) -> Outcome:
        """Send a message to an endpoint now, or store in its bucket what the message announces."""
        if self.buckets is not None and webhook.url.startswith(SCHEME):
            return await self.buckets.store(webhook, body)
        headers = self.signing.headers(webhook, identifier, int(self.now), body)
        return await self.sender.post(webhook.url, headers, body, webhook.tenant)


class Worker:
    """The deliveries of one endpoint. What others change, they change in `held` and then `wake`."""

    def __init__(self, parts: Parts, held: Held) -> None:
        self.held = held
        self._parts = parts
        self._wanted = Filter(held.webhook.tenant, None, frozenset(held.webhook.types))
        self._events = _Events(parts.past, self._wanted, held.webhook.position)
        self._again: _Events | None = None
        self._woken = asyncio.Event()
        self._saved_at = parts.clock.monotonic()
        self._not_before = float("-inf")

    @property
    def webhook(self) -> Webhook:
        """The endpoint as it is now."""
        return self.held.webhook

    def wake(self) -> None:
        """Have it look at its state again."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until the task is cancelled, or another gateway does; survives outages of the bus."""
        while not self._parts.hub.closed:
            try:
                if self.webhook.disabled is None:
                    await self._follow()
                else:
                    await self._woken.wait()
                    self._woken.clear()
            except Unavailable as error:
                _log.info("webhook %s of %s waits: %s", self.webhook.id, self.webhook.tenant, error)
                await asyncio.sleep(_AGAIN_S)
            except Superseded as error:
                _log.info("%s", error)
                return

    async def _follow(self) -> None:
        channel, _, _ = await self._parts.hub.join(self._wanted)
        try:
            while self.webhook.disabled is None and not self._parts.hub.closed:
                number = channel.number
                self._woken.clear()
                if await self._step():
                    await self._save(_SAVE_S)
                    continue
                await self._save(_SAVE_POSITION_S if self.webhook.recent == self.held.stored.recent else 0)
                if channel.number == number and not self._woken.is_set():
                    await _first(channel.changed(self._pause()), self._woken.wait())
            await self._save(0)
        finally:
            self._parts.hub.leave(channel)

    async def _step(self) -> bool:
        """Try one delivery; False if none is due."""
        if not self._parts.leases.valid or self._parts.clock.monotonic() < self._not_before:
            return False
        retry = next_due(self.webhook)
        if retry is not None and retry.due <= self._parts.now:
            await self._retry(retry)
            return True
        if len(self.webhook.retries) >= PARKED:
            return False
        if self.webhook.replay is not None:
            await self._replay(self.webhook.replay)
            return True
        self._again = None
        if self._events.position < self.webhook.position:  # it was enabled, without what it missed
            self._events = _Events(self._parts.past, self._wanted, self.webhook.position)
        message = await self._events.next()
        if message is not None:
            await self._deliver(message)
        position = self._events.position if message is None else message.sequence
        if position > self.webhook.position:
            self.held.change(partial(passed, position=position))
        return message is not None

    async def _replay(self, replay: Replay) -> None:
        if self._again is None:
            self._again = _Events(self._parts.past, self._wanted, replay.after)
        message = await self._again.next()
        if message is not None and message.sequence <= replay.until:
            await self._deliver(message)
            self.held.change(partial(replayed, position=message.sequence))
        else:
            self.held.change(partial(replayed, position=replay.until))

    async def _retry(self, retry: Retry) -> None:
        message = await event_at(self._parts.past, self.webhook.tenant, retry.sequence)
        if message is None:  # the log was restored without it
            self.held.change(partial(without, sequence=retry.sequence))
        else:
            await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        webhook, identifier = self.webhook, message_id(message.sequence, message.body)
        if webhook.per_minute is not None:
            self._not_before = self._parts.clock.monotonic() + 60 / webhook.per_minute
        outcome = await self._parts.send(webhook, identifier, message.body)
        address = parse(message.subject)
        kind = f"{address.noun}.{address.event}"
        now, jitter = self._parts.now, self._parts.jitter()
        self.held.change(lambda it: after_try(it, message.sequence, identifier, kind, outcome, now=now, jitter=jitter))

    def _pause(self) -> float:
        if not self._parts.leases.valid:
            return _AGAIN_S
        if (rest := self._not_before - self._parts.clock.monotonic()) > 0:
            return min(_LOOK_S, rest)
        retry = next_due(self.webhook)
        return _LOOK_S if retry is None else max(0.0, min(_LOOK_S, retry.due - self._parts.now))

    async def _save(self, apart_s: float) -> None:
        now = self._parts.clock.monotonic()
        if now - self._saved_at >= apart_s:
            self._saved_at = now
            await self.held.save()


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
