"""Requests of the operator about canaries, and the questions of tenants' clients about flags."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from faststream.nats import NatsRouter

from queuebit_contracts.canaries import CanaryAnswer, CanaryRequest
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects_alerting import CANARY_REQUEST
from queuebit_contracts.wire import Reason
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, Tenant, request_of

__all__ = ["canary_requests", "flag_queries"]


def canary_requests(answer: Callable[[CanaryRequest], Awaitable[CanaryAnswer]]) -> NatsRouter:
    """Draft, start, promote, abort and list."""
    router = NatsRouter(middlewares=[Replies(_refused)])

    @router.subscriber(
        CANARY_REQUEST,
        queue="alerting",
        max_workers=SIDE_BY_SIDE,
        decoder=request_of(CanaryRequest),
        title="canary",
    )
    async def on_canary(request: CanaryRequest) -> CanaryAnswer:
        """Do what the operator wants with a canary."""
        return await answer(request)

    return router


def flag_queries(answer: Callable[[str, Question], Answer]) -> NatsRouter:
    """Which canaries concern a tenant."""
    server = QueryServer("alerting", side_by_side=4)

    @server.answers("canaries")
    async def on_canaries(tenant: Tenant, question: Question) -> Answer:
        """Answer a client that evaluates flags."""
        return answer(tenant, question)

    return server.router


def _refused(code: str, text: str) -> CanaryAnswer:
    return CanaryAnswer(errors=(Reason(code=code, text=text),))
