"""What reaches an executor's handlers, and what is replied."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from queuebit_contracts.backend import AliveAnswer, CalibrationAttempt, QueueState
from queuebit_contracts.executors import with_executors
from queuebit_contracts.job import JobPlaced
from queuebit_contracts.query import ProfileAnswer, ProfileRequest
from queuebit_contracts.topology import topology
from queuebit_executor.answers import Profiled
from queuebit_executor.errors import Overloaded
from queuebit_executor.policy import Allowance
from queuebit_executor.profiling import AnswerProfile
from queuebit_executor.routes import cancellations, liveness, placements, profiles
from queuebit_kernel import FixedClock
from queuebit_runtime.payloads import describe
from queuebit_runtime.tracing import Tracing
from queuebit_testing.routes import SEQUENCE, in_memory

from .conftest import World

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def request(source: str) -> bytes:
    circuit = describe(source.encode(), "text/x-openqasm")
    return ProfileRequest(tenant="acme", circuit=circuit, shots=10).model_dump_json().encode()


async def ask(world: World, body: bytes) -> ProfileAnswer:
    answer = AnswerProfile(world.payloads, world.circuits, (world.offer("aer"),), FixedClock(), Allowance(1536, 60))
    async with in_memory(profiles(answer, "aer", Tracing("executor-aer"), begin_s=5)) as broker:
        return ProfileAnswer.model_validate_json((await broker.request(body, "qb.profile.aer")).body)


async def test_a_circuit_gets_its_profile(world: World) -> None:
    found = await ask(world, request(world.bell))
    assert found.profile is not None
    assert [it.backend for it in found.estimates] == ["aer"]


async def test_what_is_no_request_is_reported(world: World) -> None:
    error = (await ask(world, b"{")).error
    assert error is not None
    assert error.code == "malformed"


async def test_what_cannot_be_answered_now_is_left_to_its_askers_timeout(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def overloaded(*_: object) -> Profiled:
        raise Overloaded("too many circuits wait")

    monkeypatch.setattr(world.circuits, "profile", overloaded)
    with pytest.raises(Overloaded):
        await ask(world, request(world.bell))


async def test_a_placement_is_run_from_its_place_in_the_log(world: World) -> None:
    ran: asyncio.Queue[tuple[str, int, bool]] = asyncio.Queue()

    async def run(placed: JobPlaced, sequence: int, *, redelivered: bool) -> None:
        ran.put_nowait((placed.data.job, sequence, redelivered))

    wanted = with_executors(topology(), {"aer": ("aer",)})
    for number, again in ((1, False), (2, True)):
        async with in_memory(placements(run, "executor-aer", wanted), number=number) as broker:  # type: ignore[arg-type]
            await broker.request(world.placed("j1").to_bytes(), "qb.job.acme.j1.placed.aer")
        assert ran.get_nowait() == ("j1", SEQUENCE, again)


async def test_a_job_that_is_cancelled_live_is_looked_for(world: World) -> None:
    hinted: list[str] = []
    watch = SimpleNamespace(hint=hinted.append)
    async with in_memory(cancellations(watch)) as broker:  # type: ignore[arg-type]
        await broker.publish(b"not even an event", "qb.job.acme.j1.cancelled")
    assert hinted == ["qb.job.acme.j1.cancelled"]


async def test_an_executor_says_of_each_of_its_backends_that_it_is_there() -> None:
    calibrations = {"other": CalibrationAttempt(attempted_at=NOW)}
    queues = {"other": QueueState(observed_at=NOW, jobs=3, expected_ms=33, low_ms=11, high_ms=140)}
    async with in_memory(liveness(["aer", "other"], calibrations, queues.get)) as broker:
        answers = [(await broker.request(b"", f"qb.alive.{it}")).body for it in ("aer", "other")]
    assert answers[0] == b"{}"
    other = AliveAnswer.model_validate_json(answers[1])
    assert (other.calibration, other.queue) == (calibrations["other"], queues["other"])
