"""The broker on a real nats-server: races, crashes, poison, and answers across permissions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.js.errors import BadRequestError

from queuebit_broker.adapters import folding
from queuebit_broker.app import create_app
from queuebit_broker.handlers import AdmitJob
from queuebit_broker.profiles import Profiles
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded, Funding
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import JobAccepted, JobSubmitted
from queuebit_contracts.query import Answer, Question, TenantsAnswer, TenantsRequest
from queuebit_contracts.tenants import Tenants, parse_tenants
from queuebit_contracts.topology import topology
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, Stale, Superseded, Unavailable
from queuebit_runtime.intake import Undecided
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.service import Service
from queuebit_runtime.view import View
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


@dataclass
class Connected:
    """A connection for views and logs, without a whole bus."""

    client: Client


class Stack:
    """A server with executors that answer, and as many brokers as a test starts."""

    def __init__(self, server: NatsServer, folder: Path, executors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self.executors = executors
        self.folder = folder
        self.profiling: dict[str, Subscription] = {}
        self._clients: list[Client] = []
        for name, value in {
            "BUS_URL": server.url,
            "BUS_SEED_FILE": str(server.seed_file("broker")),
            "BROKER_TENANTS_FILE": str(folder / "tenants.toml"),
            "BROKER_PRICE_BOOK": str(folder / "prices.toml"),
            "BROKER_PROFILE_TIMEOUT_S": "2",
        }.items():
            monkeypatch.setenv(f"QUEUEBIT_{name}", value)

    async def client(self, name: str) -> Client:
        client = await self.server.connect(name)
        self._clients.append(client)
        return client

    async def open(self, backends: list[Any]) -> None:
        """Register the backends and let each stack answer profile requests."""
        for stack, name in (("aer", "executor-aer"), ("cirq", "executor-cirq"), ("ibm", "executor-ibm")):
            client = await self.client(name)
            self.profiling[stack] = await client.subscribe(f"qb.profile.{stack}", queue=stack, cb=self._profile)
            await client.flush()
            if stack == "aer":
                for event in backends:
                    await client.jetstream().publish(subjects.subject_of(event), event.to_bytes(), stream="LOG")

    async def _profile(self, message: Any) -> None:
        backends = json.loads(message.data)["backends"]
        await message.respond(self.executors.answer(backends).model_dump_json().encode())

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[Service]:
        """A broker process's worth of objects, ended in good order."""
        service = create_app()
        serving = asyncio.create_task(service.serve())
        await until(lambda: serving.done() or service.health().ready)
        try:
            yield service
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

    async def log(self, name: str) -> JetStreamLog:
        """The log as a user sees it."""
        return JetStreamLog(Connected(await self.client(name)))

    async def close(self) -> None:
        for client in self._clients:
            await client.close()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
async def stack(
    tmp_path: Path,
    office: Any,
    backends: list[Any],
    tenants_text: str,
    book_text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stack]:
    (tmp_path / "tenants.toml").write_text(tenants_text.replace("max_active_jobs = 2\n", ""))
    (tmp_path / "prices.toml").write_text(book_text)
    server = NatsServer(tmp_path, clients=(("acme", "ann", "member"),))
    async with server.running():
        stack = Stack(server, tmp_path, office.executors, monkeypatch)
        await stack.open(backends)
        yield stack
        await stack.close()


Submission = Callable[..., tuple[JobSubmitted, bytes]]


async def publish(client: Client, event: JobSubmitted, body: bytes) -> int:
    """Submit as any program would, with nothing but a NATS client."""
    headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
    subject = subjects.subject_of(event)
    return (await client.jetstream().publish(subject, body, headers=headers, stream="LOG")).seq


@pytest.mark.parametrize(
    ("budget", "projects", "funded"),
    [
        pytest.param("", ["main"], "0.10", id="the last cent of an account"),
        pytest.param(
            '[tenant.acme.budget.tenant]\namount = "0.10"\n', ["main", "sim"], "10", id="of a budget over two"
        ),
    ],
)
async def test_two_brokers_racing_for_the_last_cent_never_overdraw(
    stack: Stack, office: Any, submit_document: Submission, budget: str, projects: list[str], funded: str
) -> None:
    directory = Directory(parse_tenants((stack.folder / "tenants.toml").read_text() + budget))
    ann = await stack.client("acme/ann")
    truth = await stack.log("operator")
    pending: list[dict[str, Any]] = []
    for number in range(50):
        event, body = submit_document(key=f"k{number}", backend="aer", project=projects[number % len(projects)])
        sequence = await publish(ann, event, body)
        pending.append({"event": event, "body": body, "subject": subjects.subject_of(event), "sequence": sequence})
    brokers, views, worlds = [], [], []
    funding = await stack.log("broker")
    for project in projects:
        await funding.append(
            AccountFunded(source="t", data=Funding(tenant="acme", account=project, amount=Amount(amount=funded)))
        )
    for _ in range(2):
        world = World()
        world.directory = directory
        worlds.append(world)
        view = View(
            Connected(await stack.client("broker")),
            "broker",
            topology().service["broker"].view,
            folding(world, Undecided()),
        )
        views.append(asyncio.create_task(view.run()))
        await view.caught_up.wait()
        admit = AdmitJob(
            log=await stack.log("broker"),
            follower=view,
            world=world,
            profiles=Profiles(office.executors, world),
            tariff=office.tariff,
            clock=office.clock,
            max_source_bytes=1000,
        )
        brokers.append(admit)
    await asyncio.gather(*(decide(admit, admission) for admission in pending for admit in brokers))
    decided = [await truth.history(subjects.job("acme", admission["event"].data.job)) for admission in pending]
    kinds = [sorted(it.event.type.split(".")[2] for it in history) for history in decided]
    assert kinds.count(["accepted", "submitted"]) == 10
    assert kinds.count(["rejected", "submitted"]) == 40
    for world in worlds:
        await until(partial(holds_ten, world, projects))
        if budget:
            assert world.accounts.committed("acme", "tenant", "USD").total == Money.of("0.10")
        else:
            assert world.account("acme", "main").available("USD") == Money.zero()
    for task in views:
        task.cancel()
    await asyncio.gather(*views, return_exceptions=True)


def holds_ten(world: World, projects: list[str]) -> bool:
    return sum(len(world.account("acme", it).holds) for it in projects) == 10


async def decide(admit: AdmitJob, admission: dict[str, Any]) -> None:
    """Deliver until it is settled, as the bus would."""
    redelivered = False
    while True:
        try:
            await admit(**admission, redelivered=redelivered)
        except Stale:
            redelivered = True
        except Superseded:
            return
        else:
            return


async def test_a_broker_from_submission_to_acceptance(
    stack: Stack, submit_document: Submission, cancel: Callable[..., dict[str, Any]]
) -> None:
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
        assert [it.code for it in refusal.event.data.reasons] == ["missing_metadata", "bad_shots", "unknown_backend"]

        # cancelling
        request = cancel(event.data.job)
        await ann.jetstream().publish(request["subject"], request["body"], stream="LOG")
        await until(lambda: ended(event.data.job, "cancelled"))

        # questions, asked and answered under the tenant's own permissions
        rows = await answer(ann, "plan", Question(circuit=event.data.circuit, shots=1000))
        assert [row["cost"] for row in rows.rows] == ["0.01", "0.01", "3.20"]
        assert len((await answer(ann, "backends", Question())).rows) == 3
        nonsense = await ann.request("qb.query.acme.plan", b"nonsense", timeout=5)
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


async def apply(client: Client, document: Tenants, **fields: Any) -> TenantsAnswer:
    request = TenantsRequest(document=document.model_dump(mode="json"), by="ada", **fields)
    reply = await client.request(subjects.TENANTS_REQUEST, request.model_dump_json().encode(), timeout=10)
    return TenantsAnswer.model_validate_json(reply.data)


async def test_two_brokers_take_two_documents_at_once(stack: Stack) -> None:
    """Whichever brokers answer, one document wins completely, and the author of the other receives an error."""
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


GUARD = b"Nats-Expected-Last-Subject-Sequence"

FORGED_GUARDS = {
    "blank-before": GUARD + b" : 0",
    "tab-before": GUARD + b"\t: 0",
    "leading-blank": b" " + GUARD + b": 0",
    "leading-tab": b"\t" + GUARD + b": 0",
    "doubled": b"X" + GUARD + b": 0\r\n" + GUARD + b" : 0",
    "other-history": GUARD + b": 0\r\n" + GUARD + b"-Subject: qb.job.acme.other.>",
    "none": b"X: y",
}


async def publish_raw(client: Client, event: JobSubmitted, body: bytes, header: bytes) -> None:
    """Submit with headers that no client writes."""
    lines, subject = b"NATS/1.0\r\n" + header + b"\r\n\r\n", subjects.subject_of(event).encode()
    head = b"HPUB %b %d %d\r\n" % (subject, len(lines), len(lines) + len(body))
    await client._send_command(head + lines + body + b"\r\n")
    await client.flush()


async def test_a_forged_guard_neither_reopens_a_rejected_job_nor_ends_a_running_one(
    stack: Stack, submit_document: Submission
) -> None:
    ann, truth = await stack.client("acme/ann"), await stack.log("operator")
    writer = await stack.client("broker")  # an intake would write a guard of its own

    async def events(key: str) -> list[str]:
        history = await truth.history(subjects.job("acme", submit_document(key=key)[0].data.job))
        return sorted(it.event.type.split(".")[2] for it in history)

    async def decided(*keys: str) -> bool:
        return all([len(await events(key)) > 1 for key in keys])

    async def nothing_waits() -> bool:
        queue = await writer.jetstream().consumer_info("LOG", "broker-submitted")
        return queue.num_pending == queue.num_ack_pending == 0

    async with stack.broker():
        for name in FORGED_GUARDS:
            await publish(ann, *submit_document(key=f"bad-{name}", purpose=""))
            await publish(ann, *submit_document(key=f"good-{name}", backend="aer"))
        await until(partial(decided, *(f"{kind}-{name}" for name in FORGED_GUARDS for kind in ("bad", "good"))))
        for name, header in FORGED_GUARDS.items():
            await publish_raw(writer, *submit_document(key=f"bad-{name}", backend="aer"), header)
            expensive = {"amount": "0.000001", "currency": "USD"}
            await publish_raw(
                writer, *submit_document(key=f"good-{name}", backend="torino", max_cost=expensive), header
            )
        await publish(ann, *submit_document(key="after"))
        await until(partial(decided, "after"))
        await until(nothing_waits)
        for name in FORGED_GUARDS:
            assert await events(f"bad-{name}") == ["rejected", "submitted"], name
            assert await events(f"good-{name}") == ["accepted", "submitted"], name
    assert await truth.last("qb.account.acme.main.released.*") is None


async def test_jobs_that_wait_for_a_backend_keep_no_one_out(stack: Stack, submit_document: Submission) -> None:
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
    return newest is not None and newest.event.data.amount.amount == added


async def answer(client: Client, name: str, question: Question) -> Answer:
    reply = await client.request(f"qb.query.acme.{name}", question.model_dump_json().encode(), timeout=5)
    return Answer.model_validate_json(reply.data)


async def test_a_broker_that_dies_between_hold_and_acceptance_is_followed_by_one_that_finishes(
    stack: Stack, submit_document: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await stack.client("acme/ann")
    truth = await stack.log("operator")
    event, body = submit_document(backend="torino")
    died = asyncio.Event()
    append = JetStreamLog.append

    async def dying(self: JetStreamLog, fact: Any, **guard: Any) -> int:
        if isinstance(fact, JobAccepted):
            died.set()
            raise Unavailable("the process ends here")
        return await append(self, fact, **guard)

    with monkeypatch.context() as patch:
        patch.setattr(JetStreamLog, "append", dying)
        async with stack.broker():
            await publish(ann, event, body)
            await died.wait()
    held = await truth.last("qb.account.acme.main.held")
    assert held is not None
    async with stack.broker():
        await until(lambda: accepted(truth, event.data.job))
    again = await truth.last("qb.account.acme.main.held")
    assert again is not None
    assert again.sequence == held.sequence


async def accepted(truth: JetStreamLog, job: str) -> bool:
    return await truth.last(f"qb.job.acme.{job}.accepted") is not None
