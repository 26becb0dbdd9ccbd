"""A calibration that arrives while jobs wait changes where they go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from queuebit_contracts.backend import BackendCalibrated, Calibration
from queuebit_contracts.job import JobAccepted
from queuebit_contracts.topology import COMPILED, PLATFORM
from queuebit_contracts.wire import Payload
from queuebit_kernel import Unavailable, digest
from queuebit_planning.fidelity import OPERATIONS, Operation, write_errors, write_operations
from queuebit_runtime.payloads import describe
from queuebit_scheduler.rescoring import RescoreJobs
from queuebit_scheduling import POLICY, plan
from queuebit_testing.memory import MemoryPayloads

from .conftest import World

CX = write_operations([Operation("cx", (0, 1), 1)])
OLD = digest(b"the calibration of yesterday")


@pytest.fixture
def payloads() -> MemoryPayloads:
    return MemoryPayloads()


@pytest.fixture
def woken() -> list[bool]:
    return []


@pytest.fixture
def rescoring(world: World, payloads: MemoryPayloads, woken: list[bool]) -> RescoreJobs:
    return RescoreJobs(payloads, world.state.rescore, lambda: woken.append(True))


def calibrated(payloads: MemoryPayloads, backend: str, cx_error: float) -> BackendCalibrated:
    content = json.dumps({"backend": backend, "errors": write_errors({("cx", (0, 1)): cx_error})}).encode()
    snapshot = payloads.keep(PLATFORM, content)
    return BackendCalibrated(
        source="qb/test",
        data=Calibration(
            backend=backend, calibrated_at="2026-01-01T00:00:00Z", snapshot=snapshot, digest=snapshot.digest
        ),
    )


def accepted(world: World, job: str, operations: Payload, **esp_ppm: int) -> JobAccepted:
    event = world.accepted(job, backends=tuple(esp_ppm))
    candidates = tuple(
        it.model_copy(update={"esp_ppm": esp_ppm[it.backend], "operations": operations, "calibration": OLD})
        for it in event.data.candidates
    )
    return event.model_copy(update={"data": event.data.model_copy(update={"candidates": candidates})})


def choice(world: World) -> str:
    return plan(POLICY, world.snapshot(1)).places[0].backend


def test_a_calibration_flips_the_choice_between_two_devices_of_equal_price(
    world: World, payloads: MemoryPayloads, rescoring: RescoreJobs, woken: list[bool]
) -> None:
    job = accepted(world, "j1", describe(CX, OPERATIONS), manila=950_000, perth=940_000)
    world.happens(world.registered("manila"), world.registered("perth"), job)
    rescoring.evolve(job)
    assert choice(world) == "manila"
    rescoring.evolve(calibrated(payloads, "manila", cx_error=0.1))
    asyncio.run(rescoring.rescore())
    assert choice(world) == "perth"
    assert woken == [True], "a new decision is made"
    rescoring.evolve(calibrated(payloads, "manila", cx_error=0.01))
    asyncio.run(rescoring.rescore())
    assert choice(world) == "manila"


def test_nothing_is_fetched_while_no_calibration_changed(
    world: World, payloads: MemoryPayloads, rescoring: RescoreJobs
) -> None:
    current = calibrated(payloads, "manila", cx_error=0.1)
    operations = payloads.keep(COMPILED, CX, OPERATIONS)
    fresh = accepted(world, "j1", operations, manila=900_000)
    (candidate,) = fresh.data.candidates
    candidate = candidate.model_copy(update={"calibration": current.data.digest})
    rescoring.evolve(current)
    rescoring.evolve(fresh.model_copy(update={"data": fresh.data.model_copy(update={"candidates": (candidate,)})}))
    asyncio.run(rescoring.rescore())
    assert payloads.reads == []


def test_stored_operations_are_fetched_once_for_all_jobs_of_a_circuit(
    world: World, payloads: MemoryPayloads, rescoring: RescoreJobs
) -> None:
    operations = payloads.keep(COMPILED, CX, OPERATIONS)
    jobs = [accepted(world, f"j{number}", operations, manila=950_000) for number in range(3)]
    world.happens(world.registered("manila"), *jobs)
    for job in jobs:
        rescoring.evolve(job)
    change = calibrated(payloads, "manila", cx_error=0.25)
    rescoring.evolve(change)
    asyncio.run(rescoring.rescore())
    assert payloads.reads == [change.data.snapshot.digest, operations.digest]
    assert {world.state.job(("acme", f"j{number}")).candidate("manila").esp_ppm for number in range(3)} == {750_000}


def test_a_job_that_was_admitted_under_an_older_calibration_is_scored_at_once(
    world: World, payloads: MemoryPayloads, rescoring: RescoreJobs
) -> None:
    """As after a restart, or where a plan was older than the calibration."""
    job = accepted(world, "j1", describe(CX, OPERATIONS), manila=950_000)
    world.happens(world.registered("manila"), job)
    rescoring.evolve(calibrated(payloads, "manila", cx_error=0.5))
    rescoring.evolve(job)
    asyncio.run(rescoring.rescore())
    assert world.state.job(("acme", "j1")).candidate("manila").esp_ppm == 500_000


def test_what_the_store_does_not_answer_stays_to_be_done(
    world: World, payloads: MemoryPayloads, rescoring: RescoreJobs
) -> None:
    job = accepted(world, "j1", describe(CX, OPERATIONS), manila=950_000)
    world.happens(world.registered("manila"), job)
    rescoring.evolve(job)
    rescoring.evolve(calibrated(payloads, "manila", cx_error=0.5))
    payloads.away = True
    with pytest.raises(Unavailable):
        asyncio.run(rescoring.rescore())
    payloads.away = False
    asyncio.run(rescoring.rescore())
    assert world.state.job(("acme", "j1")).candidate("manila").esp_ppm == 500_000


@pytest.mark.parametrize("content", [b"[]", b'{"calibrated_at": "of a release that named no gates"}'])
def test_a_snapshot_without_errors_of_gates_changes_no_score(
    world: World, payloads: MemoryPayloads, rescoring: RescoreJobs, woken: list[bool], content: bytes
) -> None:
    job = accepted(world, "j1", describe(CX, OPERATIONS), manila=950_000)
    world.happens(world.registered("manila"), job)
    rescoring.evolve(job)
    change = calibrated(payloads, "manila", cx_error=0.5)
    snapshot = payloads.keep(PLATFORM, content)
    rescoring.evolve(change.model_copy(update={"data": change.data.model_copy(update={"snapshot": snapshot})}))
    asyncio.run(rescoring.rescore())
    assert world.state.job(("acme", "j1")).candidate("manila").esp_ppm == 950_000
    assert woken == []


def test_a_job_that_ended_is_not_scored(world: World, payloads: MemoryPayloads, rescoring: RescoreJobs) -> None:
    job = accepted(world, "j1", describe(CX, OPERATIONS), manila=950_000)
    world.happens(world.registered("manila"), job)
    rescoring.evolve(job)
    rescoring.evolve(calibrated(payloads, "manila", cx_error=0.5))
    rescoring.evolve(world.cancelled("j1"))
    asyncio.run(rescoring.rescore())
    assert payloads.reads == []


class SlowPayloads(MemoryPayloads):
    """Lets events happen during the first read."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] | None = None

    async def get(self, tenant: str, payload: Payload, *, limit: int = 1 << 30) -> bytes:
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            meanwhile()
        return await super().get(tenant, payload, limit=limit)


def test_a_job_that_ends_during_the_read_is_left_alone(world: World) -> None:
    payloads = SlowPayloads()
    rescoring = RescoreJobs(payloads, world.state.rescore, lambda: None)
    job = accepted(world, "j1", describe(CX, OPERATIONS), manila=950_000)
    world.happens(world.registered("manila"), job)
    rescoring.evolve(job)
    rescoring.evolve(calibrated(payloads, "manila", cx_error=0.5))
    payloads.meanwhile = lambda: rescoring.evolve(world.cancelled("j1"))
    asyncio.run(rescoring.rescore())
    assert payloads.meanwhile is None, "the payload store was read"
    assert world.state.job(("acme", "j1")).candidate("manila").esp_ppm == 950_000


def test_a_calibration_that_comes_during_the_read_of_the_one_before_counts(world: World) -> None:
    payloads = SlowPayloads()
    rescoring = RescoreJobs(payloads, world.state.rescore, lambda: None)
    job = accepted(world, "j1", describe(CX, OPERATIONS), manila=950_000)
    world.happens(world.registered("manila"), job)
    rescoring.evolve(job)
    rescoring.evolve(calibrated(payloads, "manila", cx_error=0.5))
    payloads.meanwhile = lambda: rescoring.evolve(calibrated(payloads, "manila", cx_error=0.25))
    asyncio.run(rescoring.rescore())
    assert world.state.job(("acme", "j1")).candidate("manila").esp_ppm == 750_000
