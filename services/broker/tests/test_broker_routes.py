"""What reaches the broker's handlers, and what is replied."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest

from queuebit_broker.routes import queries, routes, tenancy
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.command import CancelJob, CancelRequest
from queuebit_contracts.query import Answer, Question, TenantsAnswer, TenantsRequest
from queuebit_contracts.subjects import TENANTS_REQUEST
from queuebit_kernel import Malformed, Unavailable, job_id
from queuebit_testing.build import submission, submitted
from queuebit_testing.routes import SEQUENCE, STORED_AT, in_memory

QUERIES = ("backends", "plan", "admission", "balances", "delegations")


class Handler:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[AnyEvent, dict[str, object]]] = []

    async def __call__(self, event: AnyEvent, **about: object) -> None:
        self.given.append((event, about))


async def test_a_submission_is_admitted_as_the_log_has_it() -> None:
    admit, event = Handler(), submitted()
    subject = f"qb.job.acme.{event.data.job}.submitted"
    async with in_memory(routes(admit, Handler()), number=2) as broker:  # type: ignore[arg-type]
        await broker.request(event.to_bytes(), subject)
    ((asked, about),) = admit.given
    assert asked == event.model_copy(update={"time": STORED_AT}), "its clock starts when the log has it"
    delivery = {"subject": subject, "sequence": SEQUENCE, "redelivered": True, "first": False}
    assert about == {"body": event.to_bytes(), **delivery}


async def test_what_is_no_submission_reaches_no_handler() -> None:
    admit = Handler()
    async with in_memory(routes(admit, Handler())) as broker:  # type: ignore[arg-type]
        with pytest.raises(Malformed):
            await broker.request(b"{}", "qb.job.acme.j1.submitted")
    assert admit.given == []


async def test_a_request_to_cancel_comes_with_the_bytes_that_were_signed() -> None:
    cancel, job = Handler(), job_id("acme", "k1")
    data = CancelRequest(tenant="acme", job=job, proof=submission().proof)
    event, subject = CancelJob(source="qb/client", data=data), f"qb.command.acme.{job}.cancel"
    async with in_memory(routes(Handler(), cancel)) as broker:  # type: ignore[arg-type]
        await broker.request(event.to_bytes(), subject)
    ((asked, about),) = cancel.given
    assert asked == event.model_copy(update={"time": STORED_AT}), "a delegated key is good until then"
    assert about == {"body": event.to_bytes(), "subject": subject}


@pytest.mark.parametrize("question", QUERIES)
async def test_a_query_is_answered_for_the_tenant_of_its_subject(question: str) -> None:
    def answering(name: str) -> Callable[[str, Question], Awaitable[Answer]]:
        async def answer(tenant: str, asked: Question) -> Answer:
            return Answer(rows=({"question": name, "tenant": tenant, "limit": asked.limit},))

        return answer

    answers = SimpleNamespace(**{name: answering(name) for name in QUERIES})
    async with in_memory(queries(answers, side_by_side=1)) as broker:  # type: ignore[arg-type]
        reply = await broker.request(b'{"limit": 3}', f"qb.query.acme.{question}")
    assert Answer.model_validate_json(reply.body).rows == ({"question": question, "tenant": "acme", "limit": 3},)


async def test_the_operators_tenants_are_put_in_force_or_refused_with_every_reason() -> None:
    async def apply(request: TenantsRequest) -> TenantsAnswer:
        raise Unavailable("the log does not answer")

    async with in_memory(tenancy(apply)) as broker:  # type: ignore[arg-type]
        later = TenantsAnswer.model_validate_json((await broker.request(b"{}", TENANTS_REQUEST)).body)
        never = TenantsAnswer.model_validate_json((await broker.request(b"[", TENANTS_REQUEST)).body)
    assert [it.code for it in (*later.errors, *never.errors)] == ["unavailable", "malformed"]
    assert "the log does not answer" in later.errors[0].text
