"""Only the leader appends; a term begins after all that earlier leaders appended, and ends with the lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from queuebit_contracts.job import JobPlaced
from queuebit_contracts.leader import LeaderElected
from queuebit_contracts.subjects import leader
from queuebit_kernel import Unavailable
from queuebit_runtime.log import Guarded
from queuebit_scheduler.leading import Leadership
from queuebit_testing.memory import MemoryLog

from .conftest import World, watching

ELECTED = leader("scheduler").event("elected")


class TurnedLease:
    """A lease that a test gives and takes."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.leads = False
        self.number = 0
        self.vacant_since = None
        self._gained = asyncio.Event()

    def gain(self) -> None:
        self.leads, self.number = True, self.number + 1
        self._gained.set()

    async def gained(self, number: int) -> int:
        while self.number == number or not self.leads:
            self._gained.clear()
            await self._gained.wait()
        return self.number

    async def leave(self) -> None:
        self.leads = False


class Process:
    """One scheduler of several, whose view a test lets follow the log."""

    def __init__(self, log: MemoryLog, name: str) -> None:
        self.lease = TurnedLease(name)
        self.leading = Leadership(self.lease, log, name)  # type: ignore[arg-type]  # as much of a lease as it uses
        self.awaited: list[int] = []
        self.follows = asyncio.Event()
        self.begun = asyncio.Event()
        self._log = log

    async def reached(self, sequence: int) -> None:
        self.awaited.append(sequence)
        await self.follows.wait()
        for it in self._log.stored:
            self.leading.evolve(it.event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        running = asyncio.ensure_future(self.leading.run(self.reached, self.begun.set))
        try:
            async with asyncio.timeout(5):
                yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def test_a_term_begins_when_the_view_has_all_before_it() -> None:
    log = MemoryLog()
    one = Process(log, "one")
    async with one.running():
        one.lease.gain()
        while not one.awaited:
            await asyncio.sleep(0)
        assert one.leading.term is None, "placements of the leader before may be missing in the view"
        one.follows.set()
        await one.begun.wait()
    assert one.leading.term == 1
    assert one.awaited == [1]
    assert [(it.data.term, it.data.process) for it in log.events(LeaderElected)] == [(1, "one")]


async def test_each_leader_has_a_later_term_than_the_one_before() -> None:
    log = MemoryLog()
    one, two = Process(log, "one"), Process(log, "two")
    one.follows.set()
    two.follows.set()
    async with one.running(), two.running():
        one.lease.gain()
        await one.begun.wait()
        one.lease.leads = False
        two.lease.gain()
        await two.begun.wait()
        one.begun.clear()
        one.lease.gain()
        await one.begun.wait()
    assert one.leading.term == 3
    assert [it.data.process for it in log.events(LeaderElected)] == ["one", "two", "one"]


async def test_a_later_term_in_the_log_ends_an_earlier_one_although_the_lease_still_counts() -> None:
    """For example, if the machine was suspended: its clock did not run."""
    log = MemoryLog()
    one, two = Process(log, "one"), Process(log, "two")
    one.follows.set()
    two.follows.set()
    async with one.running(), two.running():
        one.lease.gain()
        await one.begun.wait()
        two.lease.gain()
        await two.begun.wait()
    assert one.leading.leads, "its view has not shown the later term"
    one.leading.evolve(log.stored[-1].event)
    assert not one.leading.leads
    assert two.leading.term == 2


async def test_a_lease_that_ended_and_was_gained_again_needs_a_new_term() -> None:
    log = MemoryLog()
    one = Process(log, "one")
    one.follows.set()
    async with one.running():
        one.lease.gain()
        await one.begun.wait()
        one.begun.clear()
        one.lease.gain()
        assert one.leading.term is None
        await one.begun.wait()
    assert one.leading.term == 2


class LateLog(MemoryLog):
    """A log that is away at first."""

    away = 2

    async def append_all(self, facts: list[Guarded]) -> int:  # type: ignore[override]  # as the tests call it
        if self.away:
            self.away -= 1
            raise Unavailable("away")
        return await super().append_all(facts)


async def test_an_election_is_repeated_until_the_log_stores_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit_scheduler.leading._AGAIN_S", 0)
    log = LateLog()
    one = Process(log, "one")
    one.follows.set()
    async with one.running():
        one.lease.gain()
        await one.begun.wait()
    assert one.leading.term == 1


async def test_a_subject_that_cannot_be_read_does_not_prevent_an_election() -> None:
    log = MemoryLog()
    log.publish(ELECTED, b"{")
    one = Process(log, "one")
    one.follows.set()
    async with one.running():
        one.lease.gain()
        await one.begun.wait()
    assert one.leading.term == 1


async def test_a_process_that_leaves_leads_no_more() -> None:
    log = MemoryLog()
    one = Process(log, "one")
    one.follows.set()
    async with one.running():
        one.lease.gain()
        await one.begun.wait()
        await one.leading.leave()
        assert not one.leading.leads
        assert not one.lease.leads


def test_a_standby_places_nothing_and_says_nothing_about_backends(world: World) -> None:
    world.term = None
    world.happens(world.registered("aer"), world.accepted("j1"))
    assert world.cycle() == []
    assert world.state.waiting == 1

    async def silent(backend: str) -> bool:
        return False

    watch = watching(world, silent, silence_s=2)  # type: ignore[arg-type]  # never True
    asyncio.run(watch.look())
    world.fold()
    assert not world.state.interrupted
    assert len(world.log.stored) == 2
    world.term = 2
    asyncio.run(watch.look())
    world.fold()
    assert {*world.state.interrupted} == {"aer"}


def test_what_was_decided_in_a_term_that_ended_is_not_appended(world: World) -> None:
    """As in a process that was stopped between its decision and its appends."""
    world.happens(world.registered("aer"), world.accepted("j1"), world.accepted("j2"))
    keep = world.decisions.keep

    async def keep_and_lose(content: bytes, *, private: bool, copies: int) -> object:
        kept = await keep(content, private=private, copies=copies)
        world.term = None
        return kept

    world.decisions.keep = keep_and_lose  # type: ignore[assignment, method-assign]
    assert world.cycle() == []
    assert (world.state.waiting, world.state.outstanding) == (2, 0)
    world.decisions.keep = keep  # type: ignore[method-assign]
    world.term = 3
    assert {it.data.term for it in world.cycle()} == {3}
    assert len(world.log.events(JobPlaced)) == 2
