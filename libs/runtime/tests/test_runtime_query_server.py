"""A client that sends too many queries delays only itself, and receives an error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from queuebit_contracts.query import Answer, Question
from queuebit_contracts.wire import Reason
from queuebit_kernel import Unavailable
from queuebit_runtime.access_counter import Who
from queuebit_runtime.bus import Bus
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import Tenant
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


class Office:
    """Answers acme when the test releases it, and others at once. It remembers what is counted."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = 0
        self.refusals: list[tuple[str, str, str, Who, str]] = []

    def refused(self, door: str, kind: str, named: str, who: Who, code: str) -> None:
        self.refusals.append((door, kind, named, who, code))

    async def __call__(self, tenant: str, question: Question) -> Answer:
        self.asked += 1
        if tenant == "acme":
            await self.open.wait()
        if question.job == "secret":
            return Answer(error=Reason(code="not_found", text="there is no such job"))
        if question.job is not None:
            raise Unavailable("the warehouse is closed")
        return Answer(rows=({"tenant": tenant, "text": "x" * (1_100_000 if question.limit == 1 else 1)},))


@pytest.fixture
async def office(fresh_server: NatsServer) -> AsyncIterator[Office]:
    bus, office = Bus("telemetry", fresh_server.url, fresh_server.seeds["telemetry"]), Office()
    server = QueryServer("telemetry", side_by_side=2, access=office)  # type: ignore[arg-type]  # as far as it is used

    @server.answers("jobs")
    async def on_jobs(tenant: Tenant, question: Question) -> Answer:
        return await office(tenant, question)

    bus.broker.include_router(server.router)
    await bus.connect()
    await bus.start(server.router)
    await bus.client.flush()
    yield office
    await bus.close()


async def _ask(client: Client, tenant: str, **question: object) -> Answer:
    reply: Msg = await client.request(f"qb.query.{tenant}.jobs", json.dumps(question).encode(), timeout=10)
    return Answer.model_validate_json(reply.data)


async def test_a_flood_of_questions_holds_up_no_one_else(office: Office, fresh_server: NatsServer) -> None:
    ann, eve = await fresh_server.connect("acme/ann"), await fresh_server.connect("evil/eve")
    flood = [asyncio.ensure_future(_ask(ann, "acme")) for _ in range(500)]
    assert (await _ask(eve, "evil")).rows[0]["tenant"] == "evil"
    await ann.flush()
    await _ask(eve, "evil")  # stands behind the flood, which is all there by now
    assert office.asked == 4  # of acme's no more than two side by side
    office.open.set()
    answers = await asyncio.gather(*flood)
    refused = [it.error.code for it in answers if it.error is not None]
    assert set(refused) == {"busy"}
    assert 50 < len(answers) - len(refused) < 200
    await ann.close()
    await eve.close()


async def test_what_cannot_be_answered_is_said(office: Office, fresh_server: NatsServer) -> None:
    eve = await fresh_server.connect("evil/eve")
    for question, code in (({"limit": 0}, "malformed"), ({"job": "j1"}, "unavailable"), ({"limit": 1}, "too_large")):
        error = (await _ask(eve, "evil", **question)).error
        assert error is not None
        assert error.code == code
    await eve.close()


async def test_a_refused_question_is_counted_and_one_that_may_be_answered_later_is_not(
    office: Office, fresh_server: NatsServer
) -> None:
    eve = await fresh_server.connect("evil/eve")
    for question in ({"job": "secret"}, {"limit": 0}, {"job": "j1"}, {}):
        await _ask(eve, "evil", **question)
    assert [(*it[:3], it[3].tenant, it[4]) for it in office.refusals] == [
        ("bus", "request", "qb.query.evil.jobs", "evil", "not_found"),
        ("bus", "request", "qb.query.evil.jobs", "evil", "malformed"),
    ]
    assert all(it[3].key for it in office.refusals)
    await eve.close()
