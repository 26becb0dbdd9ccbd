"""Queries of tenants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from faststream.nats import NatsRouter

from queuebit_contracts.fleet import IsolationAnswer, IsolationRequest
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import ISOLATION_REQUEST
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import Replies, Tenant, request_of
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.handlers import AnswerWaiting

__all__ = ["isolations", "queries"]

_Liveness = Callable[[str, Question], Answer]

_AT_ONCE = 2
"""The most concurrent queries of one tenant."""


def queries(waiting: AnswerWaiting, explain: ExplainJob, liveness: _Liveness) -> NatsRouter:
    """Why a tenant's jobs wait, why a job was placed on its backend, and which backends answer."""
    server = QueryServer("scheduler", side_by_side=_AT_ONCE)

    @server.answers("waiting")
    async def on_waiting(tenant: Tenant, question: Question) -> Answer:
        """List the jobs that do not run yet, with the reasons."""
        return waiting(tenant, question)

    @server.answers("explain")
    async def on_explain(tenant: Tenant, question: Question) -> Answer:
        """Say why a job was placed where it is."""
        return await explain(tenant, question)

    @server.answers("liveness")
    async def on_liveness(tenant: Tenant, question: Question) -> Answer:
        """Say which backends answer, since when others do not, and how their newest calibrations went."""
        return liveness(tenant, question)

    return server.router


def isolations(answer: Callable[[IsolationRequest], Awaitable[IsolationAnswer]]) -> NatsRouter:
    """Isolate backends and readmit them, one after another."""
    router = NatsRouter(middlewares=[Replies(_unanswered)])

    @router.subscriber(ISOLATION_REQUEST, decoder=request_of(IsolationRequest), title="isolation")
    async def on_isolation(request: IsolationRequest) -> IsolationAnswer:
        """Append what the fleet service decided."""
        return await answer(request)

    return router


def _unanswered(code: str, text: str) -> IsolationAnswer | None:
    """A request that came to no end is sent again by the fleet service."""
    del code, text
    return None
