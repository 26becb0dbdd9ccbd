"""The kind of a failure decides the outcome of a message.

Services only raise. `MessageOutcome` retries, delays, acknowledges, or stores a dead letter; opens the span of each
delivery; and answers the operator who replays a dead letter.
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
from faststream.exceptions import HandlerException
from faststream.message import StreamMessage
from pydantic import ValidationError

from queuebit_contracts.subjects import REPLAY, parse
from queuebit_kernel import Fault, Settle
from queuebit_runtime.connection import Client, Msg, NatsError
from queuebit_runtime.dead_letters import store_dead_letter
from queuebit_runtime.delivery import Delivered, current, read
from queuebit_runtime.message_metrics import MessageMetrics, Outcome
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
    """Settles messages by the outcome of their handlers, one for each process.

    It is also the middleware of replays: their messages have no delivery to acknowledge, but an operator who waits.
    """

    def __init__(self, tracing: Tracing, metrics: MessageMetrics) -> None:
        self.tracing = tracing
        self._metrics = metrics
        self.client: Client | None = None
        self.limiters: dict[str, TenantLimiter] = {}
        """By consumer, for consumers that separate tenants."""

    async def handle(self, call: Callable[[Delivered], Awaitable[None]], message: Msg) -> None:
        """Handle one delivery of a durable, and settle it."""
        here, error = read(message), None
        current.set(here)
        with self._metrics.handling(here) as handling:
            try:
                async with self._turn(here):
                    span = self.tracing.delivery(here.consumer, here.subject, message.headers, message.data)
                    with span:
                        handling.trace = span.trace
                        await call(here)
            except asyncio.CancelledError:  # the process ends: the message is delivered again, here or elsewhere
                with contextlib.suppress(NatsError):
                    await message.nak()
                raise
            except Exception as raised:  # noqa: BLE001  # every kind has an outcome
                error = raised
            handling.outcome = "unsettled"
            with contextlib.suppress(NatsError):  # what is not settled is delivered again
                handling.outcome = await self._settle(here, message, error)

    def __call__(self, msg: Msg | None, /, *, context: ContextRepo) -> _Replay:
        return _Replay(msg, context=context, owner=self)

    def _turn(self, here: Delivered) -> AbstractAsyncContextManager[None]:
        """Wait until the tenant of a delivery may be handled."""
        limiter = self.limiters.get(here.consumer)
        return contextlib.nullcontext() if limiter is None else limiter.turn(parse(here.subject).tenant, len(here.body))

    async def _settle(self, here: Delivered, message: Msg, error: Exception | None) -> Outcome:
        if error is None:
            await message.ack()
            return "handled"
        code = error.code if isinstance(error, Fault) else type(error).__name__
        if isinstance(error, Crowded):
            await message.nak(delay=error.after_s)
            return "crowded"
        match _classify(error, here.number):
            case Settle.ACKNOWLEDGE:
                _log.info("%s: %s", here.subject, error)
                await message.ack()
                return "superseded"
            case Settle.RETRY:
                await message.nak(delay=0.02 * here.number)
                return "retried"
            case Settle.RETRY_LATER:
                delay = DELAYS[min(here.number - 1, len(DELAYS) - 1)]
                _log.warning("%s will be tried again in %s s: %s: %s", here.subject, delay, code, error)
                await message.nak(delay=delay)
                return "delayed"
            case Settle.DEAD_LETTER:
                _log.error("%s is a dead letter: %s: %s", here.subject, code, error, exc_info=_unless_fault(error))
                if self.client is not None and await store_dead_letter(
                    self.client, here.consumer, message, code, str(error)
                ):
                    await message.ack()
                    return "dead_letter"
                await message.nak(delay=DELAYS[-1])
                return "delayed"


class _Replay(BaseMiddleware[Any, Msg | None]):
    """One replay of a dead letter; any other message passes."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, owner: MessageOutcome) -> None:
        super().__init__(msg, context=context)
        self._owner = owner

    async def consume_scope(self, call_next: _Next, msg: StreamMessage[Msg]) -> Any:
        raw = msg.raw_message
        if not raw.subject.startswith(REPLAY):
            return await call_next(msg)
        here = read(raw)
        current.set(here)
        with self._owner.tracing.delivery(here.consumer, here.subject, raw.headers, here.body):
            return await call_next(msg)

    async def after_processed(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> bool | None:
        raw = self.msg
        if (
            raw is None
            or not raw.subject.startswith(REPLAY)
            or isinstance(exc_val, asyncio.CancelledError | HandlerException)
        ):
            return False
        await raw.respond(json.dumps(_verdict(exc_val)).encode())
        return True


def _classify(error: BaseException, deliveries: int) -> Settle:
    if isinstance(error, Fault):
        return error.settle
    if isinstance(error, ValidationError):
        return Settle.DEAD_LETTER
    if isinstance(error, NatsError | TimeoutError | ConnectionError | OSError):
        return Settle.RETRY_LATER
    return Settle.RETRY_LATER if deliveries < _ATTEMPTS_WHEN_UNKNOWN else Settle.DEAD_LETTER


def _unless_fault(error: BaseException) -> BaseException | None:
    return None if isinstance(error, Fault | ValidationError) else error


def _verdict(error: BaseException | None) -> dict[str, str | bool]:
    if error is None or (isinstance(error, Fault) and error.settle is Settle.ACKNOWLEDGE):
        return {"settled": True}
    return {"settled": False, "code": getattr(error, "code", type(error).__name__), "text": str(error)}
