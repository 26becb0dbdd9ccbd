"""The question tenants may ask: what of mine is waiting, and why."""

from __future__ import annotations

from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Reason
from queuebit_scheduler.handlers import AnswerWaiting

__all__ = ["QUESTION", "answer_questions"]

QUESTION = "qb.query.*.waiting"


async def answer_questions(client: Client, waiting: AnswerWaiting) -> None:
    """Answer for as long as the connection lives. The tenant is that of the subject, which the server vouches for."""

    async def on_waiting(message: Msg) -> None:
        try:
            answer = waiting(message.subject.split(".")[2], Question.model_validate_json(message.data or b"{}"))
        except ValidationError as error:
            answer = Answer(error=Reason(code="malformed", text=f"not a question: {error!s:.300}"))
        await message.respond(answer.model_dump_json(exclude_none=True).encode())

    await client.subscribe(QUESTION, queue="scheduler", cb=on_waiting)
