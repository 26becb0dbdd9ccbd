"""The kind of a failure decides the outcome of a message.

Services only raise. This middleware retries, delays, acknowledges, or stores a dead letter; extends the lease of long
work; opens the span of each delivery; and answers the operator who replays a dead letter.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from faststream import BaseMiddleware, ContextRepo
from faststream.exceptions import AckMessage, HandlerException, NackMessage
from faststream.message import StreamMessage
from pydantic import ValidationError

from queuebit_contracts.catalog import decode
from queuebit_contracts.subjects import REPLAY, parse
from queuebit_contracts.topology import Topology
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Fault, Malformed, Settle, Superseded
from queuebit_runtime.connection import Client, Msg, NatsError
from queuebit_runtime.dead_letters import store_dead_letter
from queuebit_runtime.delivery import Delivered, current, read
from queuebit_runtime.tenant_limiter import Crowded, TenantLimiter
from queuebit_runtime.tracing import Tracing

__all__ = ["DELAYS", "MessageOutcome"]

_log = logging.getLogger(__name__)

DELAYS = (0.2, 1.0, 5.0, 15.0, 30.0)
"""Seconds before the second, third, … delivery of a message after a failure."""

_ATTEMPTS_WHEN_UNKNOWN = 5
"""Deliveries of a message with an unclassified failure, before it becomes a dead letter."""

_Next = Callable[[StreamMessage[Msg]], Awaitable[Any]]


class MessageOutcome:
    """Middleware factory, one for each process."""

    def __init__(self, service: str, tracing: Tracing, wanted: Topology) -> None:
        self.service = service
        self.tracing = tracing
        self.topology = wanted
        self.client: Client | None = None
        self.limiters: dict[str, TenantLimiter] = {}
        """By consumer, for consumers that separate tenants."""

    def turn(self, here: Delivered) -> AbstractAsyncContextManager[None]:
        """Wait until the tenant of a delivery may be handled."""
        limiter = None if here.replayed else self.limiters.get(here.consumer)
        return contextlib.nullcontext() if limiter is None else limiter.turn(parse(here.subject).tenant, len(here.body))

    def __call__(self, msg: Msg | None, /, *, context: ContextRepo) -> _Delivery:
        return _Delivery(msg, context=context, owner=self)


class _Delivery(BaseMiddleware[Any, Msg | None]):
    """One delivery of one message."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, owner: MessageOutcome) -> None:
        super().__init__(msg, context=context)
        self._owner = owner

    async def consume_scope(self, call_next: _Next, msg: StreamMessage[Msg]) -> Any:
        raw = msg.raw_message
        if not _is_delivery(raw):  # a request or a hint: nothing is acknowledged
            return await call_next(msg)
        here = read(raw)
        current.set(here)
        beats = None if here.replayed else _Beats(raw, self._owner.topology.durable[here.consumer].ack_wait_s / 3)
        try:
            async with self._owner.turn(here):
                with self._owner.tracing.delivery(here.consumer, here.subject, raw.headers, here.body):
                    return await call_next(msg)
        finally:
            if beats is not None:
                beats.stop()

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool | None:
        raw = self.msg
        if raw is None or not _is_delivery(raw) or isinstance(exc_val, asyncio.CancelledError | HandlerException):
            return False
        if isinstance(exc_val, ValidationError) and (unknown := _unknown_type(raw.data)):
            _log.info("%s holds a %s, which this version does not know: skipped", raw.subject, unknown)
            exc_val = Superseded(f"this version does not handle a {unknown}")
        if raw.subject.startswith(REPLAY):
            await raw.respond(json.dumps(_verdict(exc_val)).encode())
            return True
        if exc_val is not None:
            await self._settle(raw, exc_val)
        return False

    async def _settle(self, raw: Msg, error: BaseException) -> None:
        """Raise the control exception for the outcome."""
        deliveries = raw.metadata.num_delivered
        settle = _classify(error, deliveries)
        code = error.code if isinstance(error, Fault) else type(error).__name__
        if isinstance(error, Crowded):
            raise NackMessage(delay=error.after_s)
        match settle:
            case Settle.ACKNOWLEDGE:
                raise AckMessage
            case Settle.RETRY:
                raise NackMessage(delay=0.02 * deliveries)
            case Settle.RETRY_LATER:
                delay = DELAYS[min(deliveries - 1, len(DELAYS) - 1)]
                _log.warning("%s will be tried again in %s s: %s: %s", raw.subject, delay, code, error)
                raise NackMessage(delay=delay)
            case Settle.DEAD_LETTER:
                _log.error("%s is a dead letter: %s: %s", raw.subject, code, error, exc_info=_unless_fault(error))
                client = self._owner.client
                if client is None or not await store_dead_letter(
                    client, str(raw.metadata.consumer), raw, code, str(error)
                ):
                    raise NackMessage(delay=DELAYS[-1])
                raise AckMessage


def _is_delivery(raw: Msg) -> bool:
    """Whether a message came from a durable, or is a dead letter that comes back."""
    return raw.reply.startswith("$JS.ACK.") or raw.subject.startswith(REPLAY)


def _classify(error: BaseException, deliveries: int) -> Settle:
    if isinstance(error, Fault):
        return error.settle
    if isinstance(error, ValidationError):
        return Settle.DEAD_LETTER
    if isinstance(error, NatsError | TimeoutError | ConnectionError | OSError):
        return Settle.RETRY_LATER
    return Settle.RETRY_LATER if deliveries < _ATTEMPTS_WHEN_UNKNOWN else Settle.DEAD_LETTER


def _unknown_type(body: bytes) -> str | None:
    """The type of a document that no handler of this version can read; None if it is of a known type, or no event."""
    try:
        event = decode(body)
    except Malformed:
        return None
    return event.type if isinstance(event, UnknownEvent) else None


def _unless_fault(error: BaseException) -> BaseException | None:
    return None if isinstance(error, Fault | ValidationError) else error


def _verdict(error: BaseException | None) -> dict[str, str | bool]:
    if error is None or (isinstance(error, Fault) and error.settle is Settle.ACKNOWLEDGE):
        return {"settled": True}
    return {"settled": False, "code": getattr(error, "code", type(error).__name__), "text": str(error)}


class _Beats:
    """Extends the lease of a message until stopped; uses a timer, because most work ends before the first beat."""

    def __init__(self, message: Msg, every_s: float) -> None:
        self._message = message
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(every_s, self._beat)
        self._sending: asyncio.Task[None] | None = None

    def stop(self) -> None:
        self._timer.cancel()

    def _beat(self) -> None:
        self._sending = self._loop.create_task(self._send())
        self._timer = self._loop.call_later(self._every_s, self._beat)

    async def _send(self) -> None:
        with contextlib.suppress(NatsError):  # a lost beat at worst causes a redelivery
            await self._message.in_progress()
