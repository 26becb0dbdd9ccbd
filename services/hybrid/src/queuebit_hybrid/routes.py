"""Which messages reach the handlers."""

from __future__ import annotations

from faststream.nats import NatsRouter

from queuebit_contracts.hybrid import HybridAccepted, HybridRejected
from queuebit_contracts.query import Answer, Question
from queuebit_hybrid.answers import Answers
from queuebit_hybrid.handlers import RunHybridJobs
from queuebit_hybrid.rejections import EndRejected
from queuebit_runtime.consumers import LogSequence, subscribes
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import Tenant

__all__ = ["queries", "routes"]


_IN_HAND = 1024
"""Hybrid jobs that run, or wait here for a place."""


def routes(run: RunHybridJobs, end: EndRejected) -> NatsRouter:
    """Hybrid jobs to run, and those that were refused."""
    router = NatsRouter()

    @subscribes(router, "hybrid-accepted", workers=_IN_HAND)
    async def on_accepted(event: HybridAccepted, sequence: LogSequence) -> None:
        """Run a hybrid job to its end."""
        await run(event, sequence)

    @subscribes(router, "hybrid-rejected", workers=4)
    async def on_rejected(event: HybridRejected, sequence: LogSequence) -> None:
        """End the key of a hybrid job that was refused, and the session with its cap."""
        await end(event, sequence)

    return router


def queries(answers: Answers) -> NatsRouter:
    """Queries of tenants."""
    server = QueryServer("hybrid", side_by_side=4)

    @server.answers("hybrid")
    async def on_hybrid(tenant: Tenant, question: Question) -> Answer:
        """The key that a hybrid job will sign with, and what it can import."""
        return await answers.key(tenant, question)

    @server.answers("hybrids")
    async def on_hybrids(tenant: Tenant, question: Question) -> Answer:
        """The newest hybrid jobs."""
        return await answers.newest(tenant, question)

    return server.router
