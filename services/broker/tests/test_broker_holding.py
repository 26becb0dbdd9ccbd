"""Jobs of one account that come together: one append for all, and each decided as if alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from queuebit_broker import handlers, holding
from queuebit_broker.policy import Decision, admit
from queuebit_broker.snapshot import Request, Snapshot
from queuebit_contracts.account import AccountHeld, AccountReleased, Hold
from queuebit_contracts.directory import Directory
from queuebit_contracts.job import Cancellation, JobAccepted, JobCancelled, JobRejected
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Amount
from queuebit_kernel import Money, Stale, Superseded, Unavailable
from queuebit_runtime.log import Guarded
from queuebit_runtime.tracing import Tracing

from .broker_office import Delivery, Office

Batches = list[int]


@pytest.fixture
async def crowd(office: Office, tenants_text: str) -> list[Delivery]:
    """Ten jobs of one account, a cent each."""
    await office.open(budget="0.07")
    office.world.directory = Directory(parse_tenants(tenants_text.replace("max_active_jobs = 2\n", "")))
    return [await office.submit(key=f"k{number}", backend="aer") for number in range(10)]


@pytest.fixture
def batches(office: Office, monkeypatch: pytest.MonkeyPatch) -> Batches:
    """How many holds each append brings."""
    seen, append_all = Batches(), office.log.append_all

    async def counting(facts: Sequence[Guarded]) -> int:
        if isinstance(facts[0].event, AccountHeld):
            seen.append(sum(isinstance(it.event, AccountHeld) for it in facts))
        return int(await append_all(facts))

    monkeypatch.setattr(office.log, "append_all", counting)
    return seen


async def together(office: Office, crowd: Sequence[Delivery]) -> Counter[str]:
    """Deliver all at once; say what became of them."""
    ended = await asyncio.gather(*map(office.deliver, crowd), return_exceptions=True)
    return Counter("done" if it is None else type(it).__name__ for it in ended)


async def test_one_append_serves_all_who_wait_and_no_more_than_there_is(
    office: Office, crowd: list[Delivery], batches: Batches
) -> None:
    assert await together(office, crowd) == {"done": 10}
    assert batches == [7]
    assert len(office.log.events(JobAccepted)) == 7
    assert len(office.log.events(JobRejected)) == 3
    held = [it.sequence for it in office.log.stored if isinstance(it.event, AccountHeld)]
    assert office.world.account("acme", "main").last_held == held[-1]
    assert office.world.account("acme", "main").available("USD") == Money.zero()
    await office.catch_up()
    assert office.world.account("acme", "main").available("USD") == Money.zero()


async def test_in_a_burst_a_round_waits_for_the_next_jobs(
    office: Office, crowd: list[Delivery], batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, waits, over = asyncio.sleep, asyncio.Event(), asyncio.Event()

    async def until_over(seconds: float) -> None:
        if seconds == holding._TOGETHER_S:
            waits.set()
            await over.wait()
        else:
            await sleep(seconds)

    monkeypatch.setattr(holding, "_BURST_S", 3600)
    monkeypatch.setattr(asyncio, "sleep", until_over)
    assert await together(office, crowd[:2]) == {"done": 2}
    third = asyncio.ensure_future(together(office, crowd[2:3]))
    await waits.wait()
    others = asyncio.gather(third, together(office, crowd[3:4]))
    for _ in range(50):
        await sleep(0)
    over.set()
    assert [*await others] == [{"done": 1}, {"done": 1}]
    assert batches == [2, 2]


async def test_jobs_that_come_one_by_one_wait_for_no_other(
    office: Office, crowd: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "_TOGETHER_S", 3600)
    for delivery in crowd[:3]:
        await office.deliver(delivery)
    assert len(office.log.events(JobAccepted)) == 3


async def test_holds_and_acceptances_of_a_round_are_one_batch(office: Office, crowd: list[Delivery]) -> None:
    tracing, parents = Tracing("broker"), [f"00-{number:032x}-{1:016x}-01" for number in range(1, 4)]

    async def deliver(delivery: Delivery, parent: str) -> None:
        with tracing.span("delivery", parent):
            await office.deliver(delivery)

    await asyncio.gather(*map(deliver, crowd, parents))
    assert office.names()[10:] == ["held"] * 3 + ["accepted"] * 3
    for kind in (AccountHeld, JobAccepted):
        traces = [(it.traceparent or "").split("-")[1] for it in office.log.events(kind)]
        assert traces == [it.split("-")[1] for it in parents], "each event names the span of its own delivery"


async def test_a_job_that_ended_while_it_was_decided_ends_alone(office: Office, crowd: list[Delivery]) -> None:
    gone = crowd[1]["event"].data
    cancellation = Cancellation(tenant="acme", job=gone.job, by="ann", submitted_at=crowd[1]["event"].time)
    await office.log.append(JobCancelled(source="t", data=cancellation))
    assert await together(office, crowd[:4]) == {"done": 3, "Superseded": 1}
    assert [it.data.job for it in office.log.events(AccountReleased)] == [gone.job]
    assert gone.job not in {it.data.job for it in office.log.events(JobAccepted)}
    await office.catch_up()
    assert office.world.account("acme", "main").available("USD") == Money.of("0.04")
    assert office.world.others_active("acme", "") == 3


async def test_quotas_count_those_of_the_same_round(
    office: Office, crowd: list[Delivery], tenants_text: str, batches: Batches
) -> None:
    office.world.directory = Directory(parse_tenants(tenants_text))
    assert await together(office, crowd) == {"done": 10}
    assert batches == [2]
    assert set(office.reasons()) == {"too_many_active_jobs"}


async def test_one_job_delivered_twice_at_once_holds_once(
    office: Office, crowd: list[Delivery], batches: Batches
) -> None:
    assert await together(office, [crowd[0], crowd[0], crowd[1]]) == {"done": 3}
    assert sum(batches) == 2
    assert len(office.log.events(JobAccepted)) == 2


async def test_a_cancelled_caller_cancels_no_other(office: Office, crowd: list[Delivery], batches: Batches) -> None:
    waiting = [asyncio.ensure_future(office.deliver(it)) for it in crowd[:3]]
    while not batches:
        await asyncio.sleep(0)
    waiting[0].cancel()
    assert [type(it) for it in await asyncio.gather(*waiting, return_exceptions=True)] == [
        asyncio.CancelledError,
        type(None),
        type(None),
    ]
    assert batches == [3]
    with pytest.raises(Superseded):
        await office.deliver(crowd[0], redelivered=True)
    assert len(office.log.events(JobAccepted)) == 3
    assert sum(batches) == 3


async def test_another_brokers_hold_makes_the_round_decide_again(
    office: Office, crowd: list[Delivery], batches: Batches
) -> None:
    await office.log.append(
        AccountHeld(source="t", data=Hold(tenant="acme", account="main", job="other", amount=Amount(amount="0.05")))
    )
    batches.clear()
    assert await together(office, crowd) == {"done": 10}
    assert batches == [7, 2]
    assert len(office.log.events(JobRejected)) == 8
    assert office.world.account("acme", "main").available("USD") == Money.zero()


async def test_where_no_batch_may_begin_holds_go_one_by_one(
    office: Office, crowd: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    append_all = office.log.append_all

    async def full(facts: Sequence[Guarded]) -> int:
        if len(facts) > 1:
            raise Unavailable("atomic publish too many inflight")
        return int(await append_all(facts))

    monkeypatch.setattr(office.log, "append_all", full)
    assert await together(office, crowd) == {"done": 10}
    assert (len(office.log.events(JobAccepted)), len(office.log.events(JobRejected))) == (7, 3)
    held = [it.sequence for it in office.log.stored if isinstance(it.event, AccountHeld)]
    assert office.world.account("acme", "main").last_held == held[-1]
    await office.catch_up()
    assert office.world.account("acme", "main").available("USD") == Money.zero()


async def test_a_log_that_does_not_answer_is_reported_to_all_and_holds_nothing(
    office: Office, crowd: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(facts: Sequence[Guarded]) -> int:
        raise Unavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(office.log, "append_all", silent)
        assert await together(office, crowd) == {"Unavailable": 10}
    assert office.world.others_active("acme", "") == 0
    assert await together(office, crowd) == {"done": 10}


async def test_a_round_that_is_always_late_gives_up(
    office: Office, crowd: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def taken(facts: Sequence[Guarded]) -> int:
        nonlocal tries
        tries += 1
        raise Stale("another broker was faster")

    monkeypatch.setattr(office.log, "append_all", taken)
    assert await together(office, crowd) == {"Stale": 10}
    assert tries == holding.ATTEMPTS


async def test_a_job_whose_hold_has_ended_is_never_held_for_again(office: Office, crowd: list[Delivery]) -> None:
    account = office.world.account("acme", "main")
    account.closed.add(crowd[0]["event"].data.job)
    with pytest.raises(Superseded):
        await office.deliver(crowd[0])
    assert not office.log.events(AccountHeld)


async def test_a_job_that_cannot_be_decided_fails_alone(
    office: Office, crowd: list[Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(request: Request, snapshot: Snapshot) -> Decision:
        if request.job == crowd[3]["event"].data.job:
            raise ValueError("a number beyond all bounds")
        return admit(request, snapshot)

    monkeypatch.setattr(handlers, "admit", picky)
    assert await together(office, crowd[:5]) == {"done": 4, "ValueError": 1}
    assert len(office.log.events(JobAccepted)) == 4
