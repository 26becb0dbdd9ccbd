"""Which messages reach which handler."""

from __future__ import annotations

from faststream.nats import NatsRouter
from nats.aio.client import Client

from queuebit_broker.answers import Answers
from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.handlers import AdmitJob
from queuebit_contracts.catalog import decode
from queuebit_contracts.command import CancelJob
from queuebit_contracts.job import JobSubmitted
from queuebit_runtime.consumers import Body, Redelivered, Sequence, StoredAt, Subject, subscribes
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.tenant_limiter import PLACES

__all__ = ["answer_queries", "routes"]


def routes(admit: AdmitJob, cancel: CancelJobs) -> NatsRouter:
    """The broker's duties."""
    router = NatsRouter()

    @subscribes(router, "broker-submitted", workers=PLACES, fetches=16)
    async def on_submitted(
        event: JobSubmitted,
        body: Body,
        subject: Subject,
        sequence: Sequence,
        redelivered: Redelivered,
        stored_at: StoredAt,
    ) -> None:
        """Admit or refuse a job; its clock starts when the log has it, whatever its sender says."""
        decode(body)  # what the other services could not read must not be admitted
        asked = event.model_copy(update={"time": stored_at or event.time})
        await admit(asked, body=body, subject=subject, sequence=sequence, redelivered=redelivered)

    @subscribes(router, "broker-commands", workers=PLACES)
    async def on_cancel(event: CancelJob, body: Body, subject: Subject) -> None:
        """End a job at its owner's request."""
        await cancel(event, body=body, subject=subject)

    return router


async def answer_queries(client: Client, questions: QueryServer, answers: Answers) -> None:
    """Answer tenants; brokers share the questions."""
    for question, ask in {
        "backends": answers.backends,
        "plan": answers.plan,
        "admission": answers.admission,
        "balances": answers.balances,
    }.items():
        await questions.listen(client, question, ask)
