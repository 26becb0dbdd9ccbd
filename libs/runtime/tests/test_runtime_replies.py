"""Every request gets one reply: an answer, or a refusal that says why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from faststream.nats import NatsRouter

from queuebit_contracts.query import Answer, Question
from queuebit_kernel import Unavailable
from queuebit_runtime.query_server import QueryServer
from queuebit_runtime.replies import Replies, Tenant, Traceparent, request_of
from queuebit_testing.routes import in_memory


@pytest.fixture
def queries() -> NatsRouter:
    server = QueryServer("telemetry", side_by_side=2)

    @server.answers("jobs")
    async def on_jobs(tenant: Tenant, question: Question) -> Answer:
        if question.job == "away":
            raise Unavailable("the warehouse is closed")
        if question.job == "large":
            return Answer(rows=({"text": "x" * 1_100_000},))
        return Answer(rows=({"tenant": tenant, "limit": question.limit, "none": None},))

    return server.router


async def ask(router: NatsRouter, body: bytes, **headers: str) -> Answer:
    async with in_memory(router) as broker:
        return Answer.model_validate_json((await broker.request(body, "qb.query.acme.jobs", headers=headers)).body)


async def test_the_tenant_is_the_subjects(queries: NatsRouter) -> None:
    answer = await ask(queries, b'{"limit": 3, "tenant": "evil"}')
    assert answer.rows == ({"tenant": "acme", "limit": 3, "none": None},)


async def test_nothing_asked_is_everything_asked_for(queries: NatsRouter) -> None:
    assert (await ask(queries, b"")).rows[0]["limit"] == Question().limit


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/x-other"])
@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"limit": 0}', b"[]", b"3", b"[" * 5_000])
async def test_what_is_no_question_is_said_whatever_its_headers_claim(
    queries: NatsRouter, body: bytes, content_type: str
) -> None:
    error = (await ask(queries, body, **{"content-type": content_type})).error
    assert error is not None
    assert error.code == "malformed"


async def test_a_question_is_read_as_json_whatever_its_headers_claim(queries: NatsRouter) -> None:
    assert (await ask(queries, b'{"limit": 3}', **{"content-type": "text/plain"})).rows[0]["limit"] == 3


@pytest.mark.parametrize(("job", "code"), [("away", "unavailable"), ("large", "too_large")])
async def test_what_cannot_be_answered_is_refused_with_its_reason(queries: NatsRouter, job: str, code: str) -> None:
    error = (await ask(queries, json.dumps({"job": job}).encode())).error
    assert error is not None
    assert error.code == code


async def test_a_route_may_leave_a_refusal_to_the_askers_timeout() -> None:
    router = NatsRouter(middlewares=[Replies(lambda code, text: None)])

    @router.subscriber("qb.profile.aer", decoder=request_of(Question))
    async def on_profile(question: Question) -> Answer:
        raise Unavailable("not now")

    async with in_memory(router) as broker:
        with pytest.raises(Unavailable, match="not now"):
            await broker.request(b"{}", "qb.profile.aer")


def a_bug() -> Answer:
    raise AssertionError("a bug")


def a_bug_of_validation() -> Answer:
    Question(limit=0)
    return Answer()


@pytest.mark.parametrize("bug", [a_bug, a_bug_of_validation])
async def test_a_bug_in_a_handler_is_logged_with_its_trace_and_blames_no_requester(
    bug: Callable[[], Answer], caplog: pytest.LogCaptureFixture
) -> None:
    server = QueryServer("telemetry", side_by_side=2)

    @server.answers("jobs")
    async def on_jobs(tenant: Tenant, question: Question) -> Answer:
        return bug()

    error = (await ask(server.router, b"{}")).error
    assert error is not None
    assert error.code == "internal_error"
    assert "see the service's log" in error.text
    assert "an internal error in the answer to a request on qb.query.acme.jobs" in caplog.text
    assert f"in {bug.__name__}" in caplog.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"limit": 0}', "the request is refused: limit must be at least 1"),
        (b'{"limit": 10001}', "the request is refused: limit must be at most 10,000"),
        (
            b'{"limit": "x", "shots": 1.5}',
            "the request is refused: limit must be a whole number; shots must be a whole number",
        ),
        (b'{"job": "A.b"}', "the request is refused: job must be 1 to 64 lower-case letters, digits, '-' or '_', from"),
        (b'{"circuit": {}}', "the request is refused: circuit.digest is required; circuit.size is required"),
        (b"[]", "the request is refused: the body must be an object"),
        (b"{", "the request is refused: the body is not JSON: "),
    ],
)
async def test_a_refusal_names_the_fields_and_what_they_may_hold(queries: NatsRouter, body: bytes, text: str) -> None:
    error = (await ask(queries, body)).error
    assert error is not None
    assert error.text.startswith(text)


async def test_the_trace_of_the_asker_is_at_hand() -> None:
    router, seen = NatsRouter(middlewares=[Replies(lambda code, text: None)]), asyncio.Queue[str | None]()

    @router.subscriber("qb.profile.aer", decoder=request_of(Question))
    async def on_profile(question: Question, traceparent: Traceparent) -> Answer:
        seen.put_nowait(traceparent)
        return Answer()

    async with in_memory(router) as broker:
        await broker.request(b"{}", "qb.profile.aer", headers={"traceparent": "00-a-b-01"})
        await broker.request(b"{}", "qb.profile.aer")
    assert (seen.get_nowait(), seen.get_nowait()) == ("00-a-b-01", None)
