"""Routes messages to handlers."""

from __future__ import annotations

from faststream.nats import NatsRouter

from queuebit_broker.answers import Answers
from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.handlers import AdmitJob
from queuebit_broker.tenancy import ApplyTenants
from queuebit_contracts.command import CancelJob
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.query import Answer, Question, TenantsAnswer, TenantsRequest
from queuebit_contracts.subjects import TENANTS_REQUEST
from queuebit_contracts.wire import Reason
from queuebit_kernel import Malformed
from queuebit_runtime.consumers import Body, First, LogSequence, Redelivered, StoredAt, Subject, subscribes
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import SIDE_BY_SIDE, Replies, Tenant, request_of
from queuebit_runtime.tenant_limiter import PLACES

__all__ = ["queries", "routes", "tenancy"]


def routes(admit: AdmitJob, cancel: CancelJobs) -> NatsRouter:
    """The broker's subscribers."""
    router = NatsRouter()

    @subscribes(router, "broker-submitted", workers=PLACES)
    async def on_submitted(
        event: JobSubmitted,
        body: Body,
        subject: Subject,
        sequence: LogSequence,
        redelivered: Redelivered,
        first: First,
        stored_at: StoredAt,
    ) -> None:
        """Admit or refuse a job; its time is when the log stored it, not a claim of its sender."""
        asked = event.model_copy(update={"time": stored_at or event.time})
        await admit(asked, body=body, subject=subject, sequence=sequence, redelivered=redelivered, first=first)

    @subscribes(router, "broker-commands", workers=PLACES)
    async def on_cancel(event: CancelJob, body: Body, subject: Subject) -> None:
        """End a job at its owner's request."""
        await cancel(event, body=body, subject=subject)

    return router


def queries(answers: Answers, *, side_by_side: int) -> NatsRouter:
    """Queries of tenants; brokers share them."""
    server = QueryServer("broker", side_by_side=side_by_side)

    @server.answers("backends")
    async def on_backends(tenant: Tenant, question: Question) -> Answer:
        """List the backends with their prices and calibrations."""
        return await answers.backends(tenant, question)

    @server.answers("plan")
    async def on_plan(tenant: Tenant, question: Question) -> Answer:
        """Cost and expected quality of a circuit on each backend."""
        return await answers.plan(tenant, question)

    @server.answers("admission")
    async def on_admission(tenant: Tenant, question: Question) -> Answer:
        """Jobs that cannot be decided now, and the reasons."""
        return await answers.admission(tenant, question)

    @server.answers("balances")
    async def on_balances(tenant: Tenant, question: Question) -> Answer:
        """Balances of the tenant's accounts and budgets."""
        return await answers.balances(tenant, question)

    return server.router


def tenancy(apply: ApplyTenants) -> NatsRouter:
    """Requests of the operator about tenants; no other user may send them."""
    router = NatsRouter(middlewares=[Replies(_no)])

    @router.subscriber(
        TENANTS_REQUEST, queue="broker", max_workers=SIDE_BY_SIDE, decoder=request_of(TenantsRequest), title="tenants"
    )
    async def on_tenants(request: TenantsRequest) -> TenantsAnswer:
        """Put the declared tenants in force, or return the current ones."""
        return await apply(request)

    return router


def _no(code: str, text: str) -> TenantsAnswer:
    again = "" if code == Malformed.code else ": make the same request again"
    return TenantsAnswer(errors=(Reason(code=code, text=f"{text}{again}"),))
