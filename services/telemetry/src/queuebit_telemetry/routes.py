"""Subscribers: spans, and queries over the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from faststream.nats import NatsRouter

from queuebit_contracts.query import Answer, Question
from queuebit_runtime.access_recorder import Recorder
from queuebit_runtime.consumers import Body, LogSequence, subscribes
from queuebit_runtime.query_server import Query, QueryServer
from queuebit_runtime.replies import Tenant
from queuebit_telemetry.handlers import KeepSpans

__all__ = ["Handler", "queries", "spans"]

Handler = Callable[[str, Question], Awaitable[Answer]]
"""Answers the question of one tenant."""


def spans(keep: KeepSpans) -> NatsRouter:
    """The subscriber for spans."""
    router = NatsRouter()

    @subscribes(router, "telemetry-spans", workers=64)
    async def on_spans(body: Body, sequence: LogSequence) -> None:
        """Store the spans of one message."""
        await keep(body, sequence)

    return router


def queries(
    handlers: Mapping[str, Handler],
    turn: asyncio.Semaphore,
    *,
    side_by_side: int,
    access: Recorder | None = None,
) -> NatsRouter:
    """Routes for tenants' queries of the warehouse, which `access` counts; those that share `turn` wait for another."""
    server = QueryServer("telemetry", side_by_side=side_by_side, access=access)
    for question, handler in handlers.items():
        server.answers(question)(_answering(handler, turn))
    return server.router


def _answering(handler: Handler, turn: asyncio.Semaphore) -> Query:
    async def on_query(tenant: Tenant, question: Question) -> Answer:
        """Read the tenant's rows in the warehouse."""
        async with turn:
            return await handler(tenant, question)

    return on_query
