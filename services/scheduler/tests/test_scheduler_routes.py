"""What is asked of the scheduler, and what it replies."""

from __future__ import annotations

import asyncio

from queuebit_contracts.query import Answer, Question
from queuebit_scheduler.handlers import AnswerWaiting
from queuebit_scheduler.routes import queries
from queuebit_testing.routes import in_memory

from .conftest import World


async def no_explanation(tenant: str, question: Question) -> Answer:
    raise AssertionError("no query came")


def no_liveness(tenant: str, question: Question) -> Answer:
    raise AssertionError("no query came")


def test_each_tenant_is_reported_of_its_own_jobs(world: World) -> None:
    world.happens(world.accepted("j1"), world.accepted("j2", tenant="evil"))

    async def ask(tenant: str) -> Answer:
        async with in_memory(queries(AnswerWaiting(world.state, world.clock), no_explanation, no_liveness)) as broker:  # type: ignore[arg-type]
            return Answer.model_validate_json((await broker.request(b"", f"qb.query.{tenant}.waiting")).body)

    assert [row["job"] for row in asyncio.run(ask("acme")).rows] == ["j1"]
    assert [row["job"] for row in asyncio.run(ask("evil")).rows] == ["j2"]


def test_an_explanation_is_asked_for_the_tenant_of_the_subject(world: World) -> None:
    asked: list[tuple[str, str | None]] = []

    async def explain(tenant: str, question: Question) -> Answer:
        asked.append((tenant, question.job))
        return Answer(rows=({"job": question.job},))

    async def ask() -> Answer:
        async with in_memory(queries(AnswerWaiting(world.state, world.clock), explain, no_liveness)) as broker:  # type: ignore[arg-type]
            return Answer.model_validate_json((await broker.request(b'{"job":"j1"}', "qb.query.acme.explain")).body)

    assert asyncio.run(ask()).rows == ({"job": "j1"},)
    assert asked == [("acme", "j1")]
