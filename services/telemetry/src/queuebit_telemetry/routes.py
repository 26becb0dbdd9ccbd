"""The spans that telemetry is sent, and what it is asked over the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from faststream.nats import NatsRouter
from pydantic import JsonValue

from queuebit_contracts.query import Answer, Question
from queuebit_runtime.consumers import Body, Sequence, subscribes
from queuebit_runtime.query_server import Answerer
from queuebit_telemetry.handlers import KeepSpans

__all__ = ["Handler", "few_at_once", "spans"]

Handler = Callable[[str, Question], Awaitable[list[dict[str, JsonValue]]]]
"""Answers the question of one tenant."""


def spans(keep: KeepSpans) -> NatsRouter:
    """The duty of keeping spans."""
    router = NatsRouter()

    @subscribes(router, "telemetry-spans", workers=64)
    async def on_spans(body: Body, sequence: Sequence) -> None:
        """Keep the spans of one message."""
        await keep(body, sequence)

    return router


def few_at_once(handler: Handler, turn: asyncio.Semaphore) -> Answerer:
    """Spare the warehouse: those who share `turn` take turns."""

    async def answer(tenant: str, question: Question) -> Answer:
        async with turn:
            return Answer(rows=tuple(await handler(tenant, question)))

    return answer
