"""Which messages reach which handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from faststream.nats import NatsRouter
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from queuebit_broker.answers import Answers
from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.handlers import AdmitJob
from queuebit_contracts.catalog import decode
from queuebit_contracts.command import CancelJob
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Reason
from queuebit_runtime.duties import Body, First, Redelivered, Sequence, StoredAt, Subject, subscribes
from queuebit_runtime.lines import PLACES

__all__ = ["answer_queries", "routes"]

QUERIES_AT_ONCE = 4

_Ask = Callable[[str, Question], Awaitable[Answer]]


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
        first: First,
        stored_at: StoredAt,
    ) -> None:
        """Admit or refuse a job; its clock starts when the log has it, whatever its sender says."""
        decode(body)  # what the other services could not read must not be admitted
        asked = event.model_copy(update={"time": stored_at or event.time})
        await admit(asked, body=body, subject=subject, sequence=sequence, redelivered=redelivered or not first)

    @subscribes(router, "broker-commands", workers=4)
    async def on_cancel(event: CancelJob, body: Body, subject: Subject) -> None:
        """End a job at its owner's wish."""
        await cancel(event, body=body, subject=subject)

    return router


async def answer_queries(client: Client, answers: Answers) -> None:
    """Answer tenants, some at a time; brokers share the questions."""
    for question, ask in _questions(answers).items():
        for _ in range(QUERIES_AT_ONCE):
            await client.subscribe(f"qb.query.*.{question}", queue="broker", cb=_answering(ask))


def _questions(answers: Answers) -> dict[str, _Ask]:
    return {"backends": answers.backends, "plan": answers.plan, "admission": answers.admission}


def _answering(ask: _Ask) -> Callable[[Msg], Awaitable[None]]:
    async def on_question(message: Msg) -> None:
        tenant = message.subject.split(".")[2]
        try:
            answer = await ask(tenant, Question.model_validate_json(message.data))
        except ValidationError as error:
            answer = Answer(error=Reason(code="bad_question", text=f"the question breaks its contract: {error}"))
        await message.respond(answer.model_dump_json().encode())

    return on_question
