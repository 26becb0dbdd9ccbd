"""A placement does not begin on a backend that was isolated after it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from queuebit_contracts.fleet import PROBES, BackendIsolated, BackendReadmitted, Isolation, Readmission
from queuebit_contracts.job import JobCompleted, JobStarted
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import Reason
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.isolations import Isolations
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock
from queuebit_runtime.stored import Stored

from .conftest import ME, World, placed

THEN = datetime(2026, 11, 30, 12, tzinfo=UTC)
WHY = Reason(code="elements", text="too little is left")


def stored(event: BackendIsolated | BackendReadmitted) -> Stored:
    return Stored(event, subject_of(event), 1, THEN)


def isolated(backend: str = "aer") -> Stored:
    data = Isolation(backend=backend, since=THEN, reason=WHY, by="fleet")
    return stored(BackendIsolated(source="qb/scheduler", data=data))


def readmitted() -> Stored:
    data = Readmission(backend="aer", isolated_since=THEN, at=THEN, reason=WHY, by="fleet")
    return stored(BackendReadmitted(source="qb/scheduler", data=data))


@pytest.fixture
def isolations() -> Isolations:
    return Isolations()


@pytest.fixture
def run(world: World, isolations: Isolations) -> RunPlacement:
    watch, clock = JobWatch(world.log), FixedClock()
    return RunPlacement(world.log, world.payloads, world.circuits, clock, watch, me=ME, isolations=isolations)


async def test_it_waits_until_the_backend_is_readmitted(
    world: World, run: RunPlacement, isolations: Isolations
) -> None:
    event, sequence = await world.place()
    isolations.take(isolated())
    running = asyncio.ensure_future(run(event, sequence))
    await asyncio.sleep(0.02)
    assert world.log.events(JobStarted) == []
    isolations.take(readmitted())
    await running
    assert len(world.log.events(JobCompleted)) == 1


async def test_another_backend_does_not_matter(world: World, run: RunPlacement, isolations: Isolations) -> None:
    event, sequence = await world.place()
    isolations.take(isolated("cirq"))
    await run(event, sequence)
    assert len(world.log.events(JobCompleted)) == 1


def test_probes_do_not_wait(isolations: Isolations) -> None:
    isolations.take(isolated())
    event = placed()
    probe = event.model_copy(update={"data": event.data.model_copy(update={"tenant": PROBES})})
    assert (isolations.holds(event), isolations.holds(probe)) == (True, False)
