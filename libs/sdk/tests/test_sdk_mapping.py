"""Many circuits at once: order, errors in their place, sums, and keys that find paid jobs again."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from queuebit import AsyncClient, Client, Credential, InvalidInput, JobFailed, Money, Progress, Result
from queuebit.keys import KeySpace, keyed
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobSubmitted

from .fake_bus import BELL, FakeBus, failed, runs, runs_and_bills

OTHER = BELL.replace("cx", "cz")


def submitted(bus: FakeBus) -> int:
    return sum(it.endswith(".submitted") for it in bus.stored)


async def test_results_are_in_order_and_a_failure_stays_in_its_place(ann: Credential) -> None:
    seen: list[Progress] = []
    async with AsyncClient(ann, transport=FakeBus(runs_and_bills)) as client:
        found = await client.map([BELL, "", OTHER], report=seen.append)
    first, broken, last = found
    assert isinstance(first, Result)
    assert isinstance(last, Result)
    assert isinstance(broken, InvalidInput)
    assert (found.jobs[0], found.jobs[1], found.jobs[2]) == (first.job, None, last.job)
    assert (found.charged, found.unbilled) == (Money.of("0.50"), ())
    assert seen[-1] == Progress(3, 1, 3, Money.of("0.50"))
    with pytest.raises(InvalidInput):
        found.results()


async def test_a_job_that_fails_is_billed_and_does_not_stop_the_others(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus(runs_and_bills)) as client:
        found = await client.map([BELL, OTHER], shots=13)
    assert [type(it) for it in found] == [JobFailed, JobFailed]
    assert found.charged == Money.of("0.50")


async def test_no_more_jobs_are_open_than_asked_for(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        found = await client.map([BELL] * 5, concurrency=2, timeout=0)
        assert (len(found), submitted(bus)) == (5, 5)  # each wait is over at once
        waiting = asyncio.ensure_future(client.map([BELL] * 5, concurrency=2, shots=7))
        while submitted(bus) < 7:
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert submitted(bus) == 7
        waiting.cancel()
    assert len(found.unbilled) == 5


async def test_a_map_with_a_key_finds_its_jobs_again(ann: Credential) -> None:
    bus = FakeBus(runs_and_bills)
    async with AsyncClient(ann, transport=bus) as client:
        first = await client.map([BELL, BELL, OTHER], key="scan")
        again = await client.map([OTHER, BELL, BELL], key="scan", max_cost=1)
        assert (len({*first.jobs}), {*again.jobs}) == (3, {*first.jobs})
        assert (submitted(bus), again.charged) == (3, Money(Decimal("0.75")))
        await client.map([BELL], key="scan", shots=7)
        await client.map([BELL], key="other")
        await client.map([BELL])
    assert submitted(bus) == 6


async def test_a_job_without_a_result_is_not_found_again(ann: Credential) -> None:
    broken = [True]

    def at_first_fails(event: AnyEvent) -> list[AnyEvent]:
        if not isinstance(event, JobSubmitted):
            return []
        return [failed(event)] if broken[0] else runs(event)

    async with AsyncClient(ann, transport=FakeBus(at_first_fails)) as client:

        async def once() -> str:
            with keyed(KeySpace("work")):
                return (await client.submit(BELL)).id

        first = await once()
        broken[0] = False
        second = await once()
        assert (second == first, await once()) == (False, second)


def test_the_sync_client_maps_too(ann: Credential) -> None:
    with Client(ann, transport=FakeBus(runs_and_bills)) as client:
        assert [it.counts["11"] for it in client.map(iter([BELL, OTHER])).results()] == [520, 520]
        assert client.map([]) == []
        with pytest.raises(InvalidInput, match="concurrency"):
            client.map([BELL], concurrency=0)
        with pytest.raises(TypeError, match="wrong"):
            client.map([BELL], wrong=1)
        with keyed(KeySpace("work")):
            first = client.submit(BELL).id
        with keyed(KeySpace("work")):
            assert client.submit(BELL).id == first
