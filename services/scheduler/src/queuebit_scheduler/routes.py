"""The questions tenants may ask: what of mine is waiting and why, and why was it placed there."""

from __future__ import annotations

from nats.aio.client import Client

from queuebit_contracts.query import Answer, Question
from queuebit_runtime.query_server import QueryServer
from queuebit_scheduler.explaining import ExplainJob
from queuebit_scheduler.handlers import AnswerWaiting

__all__ = ["answer_questions"]


async def answer_questions(client: Client, server: QueryServer, waiting: AnswerWaiting, explain: ExplainJob) -> None:
    """Answer for as long as the connection lives."""

    async def on_waiting(tenant: str, question: Question) -> Answer:
        return waiting(tenant, question)

    await server.listen(client, "waiting", on_waiting)
    await server.listen(client, "explain", explain)
