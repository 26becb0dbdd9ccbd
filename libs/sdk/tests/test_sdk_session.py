"""Sessions: one tag, and a sum of holds and bills that stays below the most that they may cost."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from queuebit import AsyncClient, Client, Credential, InvalidInput, Money, Refused
from queuebit.session_ledger import SessionCost
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobSubmitted

from .fake_bus import BELL, FakeBus, accepted, billed, rejected, runs, submitted_all


def admits(event: AnyEvent) -> list[AnyEvent]:
    """As the broker: a job may cost a cent for each shot, and is refused where its `max_cost` is lower."""
    if not isinstance(event, JobSubmitted):
        return []
    hold = Money(Decimal(event.data.shots) / 100)
    if event.data.max_cost is not None and hold > event.data.max_cost.money:
        return [rejected(event)]
    return [accepted(event, hold.text())]


def admits_and_bills(event: AnyEvent) -> list[AnyEvent]:
    """Each job costs half of its hold."""
    answers = admits(event)
    if isinstance(event, JobSubmitted) and answers[0].type == "qb.job.accepted.v1":
        half = Money(Decimal(event.data.shots) / 200)
        return [*answers, *runs(event), billed(event, half.text())]
    return answers


async def test_the_jobs_of_a_session_share_its_tag_and_backend(ann: Credential) -> None:
    bus = FakeBus(admits_and_bills)
    async with AsyncClient(ann, transport=bus) as client, client.session(backend="aer", name="h2") as session:
        await session.submit(BELL, shots=100, tags=["mine"])
        await session.map([BELL], shots=100, backend="cirq")
        assert await session.cost() == SessionCost(Money.of("1"), None, 2)
    assert [(it.tags, it.backend) for it in submitted_all(bus)] == [(("mine", "h2"), "aer"), (("h2",), "cirq")]
    with pytest.raises(InvalidInput, match="session h2 is closed"):
        await session.submit(BELL)


async def test_holds_count_until_the_bill_is_there(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus(admits)) as client, client.session(max_cost="2.50") as session:
        for _ in range(2):
            await session.submit(BELL, shots=100)
        refused = await session.submit(BELL, shots=100)
        with pytest.raises(Refused):
            await refused.result()
        assert await session.cost() == SessionCost(None, Money.of("2"), 2)
        await session.submit(BELL, shots=50)
        with pytest.raises(Refused, match="wait for its jobs"):
            await session.submit(BELL, shots=1)


async def test_concurrent_jobs_cannot_exceed_the_sum_together(ann: Credential) -> None:
    bus = FakeBus(admits)
    async with AsyncClient(ann, transport=bus) as client, client.session(max_cost=1) as session:
        await asyncio.gather(*(session.submit(BELL, shots=40) for _ in range(5)))
        assert await session.cost() == SessionCost(None, Money.of("0.80"), 2)
        assert len(submitted_all(bus)) == 5


async def test_what_a_bill_leaves_of_a_hold_is_used(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus(admits_and_bills)) as client:
        session = client.session(max_cost=2)
        found = await session.map([BELL] * 4, shots=100, concurrency=1)
        assert [type(it).__name__ for it in found] == ["Result"] * 3 + ["Refused"]
        assert await session.cost() == SessionCost(Money.of("1.50"), None, 3)
        with pytest.raises(InvalidInput, match="in EUR"):
            await session.submit(BELL, max_cost="1 EUR")


async def test_a_job_that_is_found_again_counts_once(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus(admits_and_bills)) as client, client.session(max_cost=2) as session:
        for _ in range(3):
            await session.map([BELL], shots=100, key="scan")
        assert await session.cost() == SessionCost(Money.of("0.50"), None, 1)


def test_the_sync_client_has_sessions_too(ann: Credential) -> None:
    with Client(ann, transport=FakeBus(admits_and_bills)) as client, client.session(max_cost=1) as session:
        assert session.submit(BELL, shots=60).result().counts["11"] == 520
        assert len(session.map([BELL], shots=10).results()) == 1
        assert session.cost().charged == Money.of("0.35")
    with pytest.raises(InvalidInput, match="is closed"):
        session.submit(BELL)
