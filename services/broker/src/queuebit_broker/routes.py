"""Which messages reach which handler."""

from __future__ import annotations

from contextlib import suppress

from faststream.nats import NatsRouter
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from pydantic import ValidationError

from queuebit_broker.answers import Answers
from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.handlers import AdmitJob
from queuebit_broker.tenancy import ApplyTenants
from queuebit_contracts.catalog import decode
from queuebit_contracts.command import CancelJob
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.query import TenantsAnswer, TenantsRequest
from queuebit_contracts.subjects import TENANTS_REQUEST
from queuebit_contracts.wire import Reason
from queuebit_kernel import Fault, Malformed
from queuebit_runtime.consumers import Body, Redelivered, Sequence, StoredAt, Subject, subscribes
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.tenant_limiter import PLACES

__all__ = ["answer_operator", "answer_queries", "routes"]


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


async def answer_operator(client: Client, service: str, tasks: Tasks, apply: ApplyTenants) -> None:
    """Answer the operator's requests about tenants; permissions let no other user ask."""

    async def answer(message: Msg) -> None:
        try:
            answered = await apply(TenantsRequest.model_validate_json(message.data))
        except ValidationError as error:
            answered = _no(Malformed.code, f"not a request about tenants: {error}")
        except Fault as error:
            answered = _no(error.code, f"{error}: make the same request again")
        body = answered.model_dump_json().encode()
        if len(body) > client.max_payload:
            body = _no("too_large", "the tenants document is larger than the bus carries").model_dump_json().encode()
        with suppress(NatsError):  # a request that is not answered is made again
            await message.respond(body)

    async def on_request(message: Msg) -> None:
        tasks.spawn(answer(message), message.subject)

    await client.subscribe(TENANTS_REQUEST, queue=service, cb=on_request)


def _no(code: str, text: str) -> TenantsAnswer:
    return TenantsAnswer(errors=(Reason(code=code, text=text),))
