"""A placement that carries its program: run without a look into the log, and as safely as any other."""

from __future__ import annotations

import pytest

from queuebit_contracts.job import JobCompleted, JobFailed, JobPlaced, JobStarted
from queuebit_contracts.subjects import Aggregate
from queuebit_executor.events import started
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, Superseded
from queuebit_runtime.log import Stored
from queuebit_runtime.payloads import describe
from queuebit_testing.memory import MemoryLog

from .conftest import World

ME = Instance("aer", "executor-aer@here:1", slots=2, memory_mb=1536)
LOST = Instance("aer", "executor-aer@there:1", slots=2, memory_mb=1536)


class CountingLog(MemoryLog):
    """Counts how often a history is read."""

    histories = 0

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        self.histories += 1
        return await super().history(aggregate, reaching=reaching)


@pytest.fixture
def log(world: World) -> CountingLog:
    log = world.log = CountingLog()
    return log


@pytest.fixture
def run(world: World, log: CountingLog) -> RunPlacement:
    watch = JobWatch(log)
    return RunPlacement(log, world.payloads, world.circuits, FixedClock(), watch, me=ME, pauses=(0, 0, 0))


async def place(world: World) -> tuple[JobPlaced, int]:
    return await world.place(carried=describe(world.bell.encode(), "text/x-openqasm"))


async def test_no_history_is_read_on_the_way_to_the_result(world: World, log: CountingLog, run: RunPlacement) -> None:
    event, sequence = await place(world)
    await run(event, sequence)
    (end,) = log.events(JobCompleted)
    assert log.histories == 0
    assert world.circuits.sources == [world.bell.encode()]
    assert end.data.terms == event.data.terms


async def test_a_failure_states_the_terms_too(world: World, log: CountingLog, run: RunPlacement) -> None:
    event, sequence = await place(world)
    world.circuits.refusal = world.refusal("run_timeout", lasting=False).model_copy(update={"used_us": 5})
    await run(event, sequence)
    (end,) = log.events(JobFailed)
    assert event.data.terms is not None
    assert (end.data.terms, end.data.usage.qubits) == (event.data.terms, event.data.terms.qubits)


async def test_a_start_that_came_first_is_found_by_the_guard(world: World, log: CountingLog, run: RunPlacement) -> None:
    event, sequence = await place(world)
    await log.append(started(LOST, event, 1, event.time))
    await run(event, sequence)
    assert [it.data.attempt for it in log.events(JobStarted)] == [1, 2]
    assert len(log.events(JobCompleted)) == 1


async def test_a_cancellation_that_came_first_is_found_by_the_guard(
    world: World, log: CountingLog, run: RunPlacement
) -> None:
    event, sequence = await place(world)
    await log.append(world.cancelled())
    with pytest.raises(Superseded):
        await run(event, sequence)
    assert log.events(JobStarted) == []
    assert log.events(JobCompleted) == []


async def test_a_redelivery_looks_before_it_runs(world: World, log: CountingLog, run: RunPlacement) -> None:
    event, sequence = await place(world)
    await run(event, sequence)
    with pytest.raises(Superseded):
        await run(event, sequence, redelivered=True)
    assert len(world.circuits.runs) == 1


async def test_a_program_without_terms_is_looked_up(world: World, log: CountingLog, run: RunPlacement) -> None:
    event, sequence = await place(world)
    bare = event.model_copy(update={"data": event.data.model_copy(update={"terms": None})})
    await run(bare, sequence)
    assert log.histories == 1
    assert len(log.events(JobCompleted)) == 1


@pytest.mark.parametrize(("qubits", "all_cores"), [(16, False), (24, True)])
async def test_a_large_simulation_asks_for_all_cores(
    world: World, log: CountingLog, run: RunPlacement, qubits: int, all_cores: bool
) -> None:
    event, sequence = await place(world)
    assert event.data.terms is not None
    terms = event.data.terms.model_copy(update={"qubits": qubits})
    await run(event.model_copy(update={"data": event.data.model_copy(update={"terms": terms})}), sequence)
    assert world.circuits.all_cores == [all_cores]
