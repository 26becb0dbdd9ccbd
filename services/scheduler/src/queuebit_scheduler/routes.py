"""Queries of tenants."""

from __future__ import annotations

from faststream.nats import NatsRouter

from queuebit_contracts.query import Answer, Question
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import Tenant
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.handlers import AnswerWaiting

__all__ = ["queries"]

_AT_ONCE = 2
"""The most concurrent queries of one tenant."""


def queries(waiting: AnswerWaiting, explain: ExplainJob) -> NatsRouter:
    """Why a tenant's jobs wait, and why a job was placed on its backend."""
    server = QueryServer("scheduler", side_by_side=_AT_ONCE)

    @server.answers("waiting")
    async def on_waiting(tenant: Tenant, question: Question) -> Answer:
        """List the jobs that do not run yet, with the reasons."""
        return waiting(tenant, question)

    @server.answers("explain")
    async def on_explain(tenant: Tenant, question: Question) -> Answer:
        """Say why a job was placed where it is."""
        return await explain(tenant, question)

    return server.router
