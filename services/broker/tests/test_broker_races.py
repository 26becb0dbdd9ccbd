"""Brokers that race, die, or meet forged guards, on a real nats-server."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from nats.aio.client import Client

from queuebit_broker.adapters import folding
from queuebit_broker.handlers import AdmitJob
from queuebit_broker.holding import Holding
from queuebit_broker.profiles import Profiles
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.account import AccountFunded, Funding
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import JobAccepted, JobSubmitted
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.topology import topology
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, Stale, Superseded, Unavailable
from queuebit_runtime.intake import Undecided
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.view import View

from .broker_office import Delivery, Office, Submit
from .broker_stack import Connected, Stack, accepted, publish, until

pytestmark = pytest.mark.server


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
    stack: Stack, office: Office, submit_document: Submit, budget: str, projects: list[str], funded: str
) -> None:
    directory = Directory(parse_tenants((stack.folder / "tenants.toml").read_text() + budget))
    ann = await stack.client("acme/ann")
    truth = await stack.log("operator")
    pending: list[Delivery] = []
    for number in range(50):
        event, body = submit_document(key=f"k{number}", backend="aer", project=projects[number % len(projects)])
        sequence = await publish(ann, event, body)
        pending.append(Delivery(event=event, body=body, subject=subjects.subject_of(event), sequence=sequence))
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
        log = await stack.log("broker")
        admit = AdmitJob(
            log=log,
            follower=view,
            world=world,
            profiles=Profiles(office.executors, world),
            tariff=office.tariff,
            clock=office.clock,
            max_source_bytes=1000,
            holding=Holding(log, view, world),
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


async def decide(admit: AdmitJob, admission: Delivery) -> None:
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
    stack: Stack, submit_document: Submit
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
        return (queue.num_pending, queue.num_ack_pending) == (0, 0)

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


async def test_a_broker_that_dies_between_hold_and_acceptance_is_followed_by_one_that_finishes(
    stack: Stack, submit_document: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await stack.client("acme/ann")
    truth = await stack.log("operator")
    event, body = submit_document(backend="torino")
    died = asyncio.Event()
    append = JetStreamLog.append

    async def dying(self: JetStreamLog, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        if isinstance(event, JobAccepted):
            died.set()
            raise Unavailable("the process ends here")
        return await append(self, event, after=after, guard=guard)

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
