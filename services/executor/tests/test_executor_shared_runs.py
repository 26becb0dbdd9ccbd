"""A job that may share its device: how it asks for its turn, and what its end says of the run that it shared."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from queuebit_contracts.job import JobCompleted, JobPlaced, JobStarted, SharedRun
from queuebit_contracts.usage import QPU_TIME, SHOTS, quantities
from queuebit_executor.answers import Ran, Refused
from queuebit_executor.events import started
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.ports import CircuitWork, RunTimer
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock
from queuebit_runtime.payloads import describe

from .conftest import LOST, ME, FakeCircuits, FakeTurn, World, carrying, placed

SHARED = SharedRun(run="0d9f7c52-8f0a-4a6b-9d4c-6f1f5f2b8a10", circuits=3, region=(57, 58))


class SharingCircuits(FakeCircuits):
    """Runs circuits beside others, for a share of 400 µs."""

    def __init__(self) -> None:
        super().__init__()
        self.works: list[CircuitWork] = []

    @asynccontextmanager
    async def turn(self, backend: str, tenant: str, work: CircuitWork, busy: RunTimer) -> AsyncIterator[FakeTurn]:
        self.works.append(work)
        async with super().turn(backend, tenant, work, busy) as turn:
            yield _Sharing(turn) if work.shared_device else turn


class _Sharing(FakeTurn):
    def __init__(self, turn: FakeTurn) -> None:
        self._turn = turn

    async def answer(self) -> Ran | Refused:
        found = await self._turn.answer()
        return found.model_copy(update={"qpu_us": 400, "shared": SHARED}) if isinstance(found, Ran) else found


@pytest.fixture
def circuits(world: World) -> SharingCircuits:
    found = world.circuits = SharingCircuits()
    return found


@pytest.fixture
def run(world: World, circuits: SharingCircuits) -> RunPlacement:
    watch = JobWatch(world.log)
    return RunPlacement(world.log, world.payloads, circuits, FixedClock(), watch, me=ME, pauses=(0, 0, 0))


async def place(world: World) -> tuple[JobPlaced, int]:
    await world.log.append(world.accepted(await world.log.append(world.submitted())))
    event = carrying(placed(), describe(world.bell.encode(), "text/x-openqasm"))
    event = event.model_copy(update={"data": event.data.model_copy(update={"shared_device": "tenant"})})
    return event, await world.log.append(event)


async def test_the_end_states_the_region_the_number_and_the_share(
    world: World, circuits: SharingCircuits, run: RunPlacement
) -> None:
    await run(*await place(world))
    (work,) = circuits.works
    assert (work.shared_device, work.qubits) == ("tenant", 2)
    (end,) = world.log.events(JobCompleted)
    assert end.data.shared == SHARED
    assert {it: int(quantities(end.data.usage)[it]) for it in (SHOTS, QPU_TIME)} == {SHOTS: 1_000, QPU_TIME: 400}


async def test_an_attempt_after_a_lost_one_runs_alone(
    world: World, circuits: SharingCircuits, run: RunPlacement
) -> None:
    """The lost one may have been lost because of another circuit of the run."""
    event, sequence = await place(world)
    await world.log.append(started(LOST, event, 1, event.time))
    await run(event, sequence, redelivered=True)
    assert [it.shared_device for it in circuits.works] == [None]
    assert [it.data.attempt for it in world.log.events(JobStarted)] == [1, 2]
    (end,) = world.log.events(JobCompleted)
    assert end.data.shared is None


async def test_the_end_names_no_other_job(world: World, circuits: SharingCircuits, run: RunPlacement) -> None:
    await run(*await place(world))
    (end,) = world.log.events(JobCompleted)
    assert set(json.loads(end.to_bytes())["data"]["shared"]) == {"run", "circuits", "region"}
