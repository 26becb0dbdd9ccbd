"""The broker on a real nats-server: from submission to acceptance, poison, tenants, and answers across permissions."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client
from nats.js.errors import BadRequestError

from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded
from queuebit_contracts.job import JobRejected
from queuebit_contracts.query import Question, TenantsAnswer, TenantsRequest
from queuebit_contracts.tenants import Tenants, parse_tenants
from queuebit_runtime.log import JetStreamLog

from .broker_office import Cancel, Submit
from .broker_stack import Stack, answer, publish, until

pytestmark = pytest.mark.server


async def test_a_broker_from_submission_to_acceptance(stack: Stack, submit_document: Submit, cancel: Cancel) -> None:
    ann, writer = await stack.client("acme/ann"), await stack.client("broker")
    truth = await stack.log("operator")

    async def ended(job: str, name: str) -> bool:
        return await truth.last(f"qb.job.acme.{job}.{name}") is not None

    async with stack.broker():
        # poison first: nothing behind it may wait
        await writer.jetstream().publish("qb.job.acme.jpoison.submitted", b"garbage", stream="LOG")
        event, body = submit_document(backend="aer")
        await publish(ann, event, body)
        await until(lambda: ended(event.data.job, "accepted"))
        dead = await (await stack.client("operator")).jetstream().get_msg("DEAD", 1, direct=True)
        assert (dead.headers or {})["Qb-Subject"] == "qb.job.acme.jpoison.submitted"

        # the same submission once more is refused by the log itself
        with pytest.raises(BadRequestError):
            await publish(ann, event, body)

        # a refusal, with its reasons
        bad, bad_body = submit_document(key="k2", purpose="", shots=0, backend="aeer")
        await publish(ann, bad, bad_body)
        await until(lambda: ended(bad.data.job, "rejected"))
        refusal = await truth.last(f"qb.job.acme.{bad.data.job}.rejected")
        assert refusal is not None
        assert isinstance(refusal.event, JobRejected)
        assert [it.code for it in refusal.event.data.reasons] == ["missing_metadata", "bad_shots", "unknown_backend"]

        # cancelling
        request = cancel(event.data.job)
        await ann.jetstream().publish(request["subject"], request["body"], stream="LOG")
        await until(lambda: ended(event.data.job, "cancelled"))

        # questions, asked and answered under the tenant's own permissions
        rows = await answer(ann, "plan", Question(circuit=event.data.circuit, shots=1000))
        assert [row["cost"] for row in rows.rows] == ["0.01", "0.01", "3.20"]
        assert len((await answer(ann, "backends", Question())).rows) == 3
        nonsense = await ann.request("qb.query.acme.plan", b"nonsense", timeout=20)
        assert b"malformed" in nonsense.data

        # a raised budget takes effect without a restart
        expensive, expensive_body = submit_document(key="k3", backend="torino", shots=8000)
        stack.executors.qpu_us["torino"] = 20_000_000
        text = (stack.folder / "tenants.toml").read_text()
        raised = parse_tenants(text.replace('budget = "10"\n[', 'budget = "100"\n[', 1))
        assert (await apply(await stack.client("operator"), raised)).changes == ("qb.tenant.acme.project_defined.main",)
        assert await budget_is(truth, "90.00")
        await publish(ann, expensive, expensive_body)
        await until(lambda: ended(expensive.data.job, "accepted"))


async def apply(client: Client, document: Tenants, *, dry_run: bool = False, after: int | None = None) -> TenantsAnswer:
    request = TenantsRequest(document=document.model_dump(mode="json"), by="ada", dry_run=dry_run, after=after)
    reply = await client.request(subjects.TENANTS_REQUEST, request.model_dump_json().encode(), timeout=10)
    return TenantsAnswer.model_validate_json(reply.data)


async def test_two_brokers_take_two_documents_at_once(stack: Stack) -> None:
    """With several brokers, one document is applied completely, and the author of the other gets an error."""
    operator, truth = await stack.client("operator"), await stack.log("operator")
    both = [
        parse_tenants('removed = ["acme", "evil"]\n' + "".join(f"[tenant.{it}{n}]\n" for n in range(30)))
        for it in ("a", "b")
    ]
    async with stack.broker(), stack.broker():
        seen = (await apply(operator, both[0], dry_run=True)).sequence
        answers = await asyncio.gather(*(apply(operator, it, after=seen) for it in both))
        assert sorted([error.code for error in it.errors] for it in answers) == [[], ["stale"]]
        newest = await truth.last(subjects.TENANTS)
        assert newest is not None
        now = TenantsAnswer.model_validate_json((await operator.request(subjects.TENANTS_REQUEST, b"{}")).data)
        assert now.sequence == newest.sequence
        assert [*Tenants.model_validate(now.document).tenant] in [[*it.tenant] for it in both]


async def test_jobs_that_wait_for_a_backend_keep_no_one_out(stack: Stack, submit_document: Submit) -> None:
    ann, truth = await stack.client("acme/ann"), await stack.log("operator")
    await stack.profiling["ibm"].unsubscribe()
    async with stack.broker():
        for number in range(70):
            await publish(ann, *submit_document(key=f"waits{number}", backend="torino"))
        event, body = submit_document(key="runs", backend="aer")
        await publish(ann, event, body)

        async def accepted() -> bool:
            return await truth.last(f"qb.job.acme.{event.data.job}.accepted") is not None

        async def all_wait() -> bool:
            return len((await answer(ann, "admission", Question(limit=1000))).rows) == 70

        await until(accepted)
        await until(all_wait)


async def budget_is(truth: JetStreamLog, added: str) -> bool:
    newest = await truth.last("qb.account.acme.main.funded")
    assert newest is not None
    assert isinstance(newest.event, AccountFunded)
    return newest.event.data.amount.amount == added
