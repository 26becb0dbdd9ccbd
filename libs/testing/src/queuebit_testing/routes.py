"""Tests routes with FastStream's broker in memory: which handler gets a message, its arguments, and the reply.

This broker does not acknowledge, redeliver or check guards; tests of these use a real nats-server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from faststream import BaseMiddleware, ContextRepo
from faststream.message import StreamMessage
from faststream.nats import NatsBroker, NatsRouter, TestNatsBroker
from nats.aio.msg import Msg

from queuebit_runtime.delivery import Delivered, current

__all__ = ["SEQUENCE", "STORED_AT", "in_memory"]

SEQUENCE = 7
"""The sequence of every message."""

STORED_AT = datetime(2026, 1, 2, tzinfo=UTC)
"""The time at which the log stored every message."""

_Next = Callable[[StreamMessage[Msg]], Awaitable[Any]]


@asynccontextmanager
async def in_memory(*routers: NatsRouter, number: int = 1) -> AsyncIterator[NatsBroker]:
    """Open a broker with these routes; every message has the sequence `SEQUENCE` and the delivery count `number`."""

    def deliver(message: Msg | None, /, *, context: ContextRepo) -> _Delivery:
        return _Delivery(message, context=context, number=number)

    broker = NatsBroker(middlewares=[deliver])
    broker.include_routers(*routers)
    async with TestNatsBroker(broker):
        yield broker


class _Delivery(BaseMiddleware[Any, Msg | None]):
    """Adds the metadata of the log to a message."""

    def __init__(self, msg: Msg | None, /, *, context: ContextRepo, number: int) -> None:
        super().__init__(msg, context=context)
        self._number = number

    async def consume_scope(self, call_next: _Next, msg: StreamMessage[Msg]) -> Any:
        raw = msg.raw_message
        current.set(Delivered("in-memory", raw.subject, SEQUENCE, self._number, False, raw.data, STORED_AT))
        return await call_next(msg)
