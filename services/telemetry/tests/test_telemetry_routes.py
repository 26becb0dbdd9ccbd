"""What reaches telemetry's handlers, and what it replies."""

from __future__ import annotations

import asyncio

from queuebit_contracts.query import Answer, Question
from queuebit_kernel import Unavailable
from queuebit_telemetry.routes import queries, spans
from queuebit_testing.routes import SEQUENCE, in_memory


async def test_rows_of_the_warehouse_are_the_answer_and_its_absence_a_reason() -> None:
    async def jobs(tenant: str, question: Question) -> Answer:
        if question.job:
            raise Unavailable("the warehouse did not answer")
        return Answer(rows=({"tenant": tenant},), sequence=7)

    router = queries({"jobs": jobs}, asyncio.Semaphore(1), side_by_side=1)
    async with in_memory(router) as broker:
        found = Answer.model_validate_json((await broker.request(b"{}", "qb.query.acme.jobs")).body)
        away = Answer.model_validate_json((await broker.request(b'{"job": "j1"}', "qb.query.acme.jobs")).body)
    assert (found.rows, found.sequence) == (({"tenant": "acme"},), 7)
    assert away.error is not None
    assert away.error.code == "unavailable"


async def test_spans_are_kept_as_they_came() -> None:
    kept: list[tuple[bytes, int]] = []

    async def keep(body: bytes, sequence: int) -> None:
        kept.append((body, sequence))

    async with in_memory(spans(keep)) as broker:  # type: ignore[arg-type]
        await broker.request(b"[{}]", "qb.trace.broker")
    assert kept == [(b"[{}]", SEQUENCE)]
