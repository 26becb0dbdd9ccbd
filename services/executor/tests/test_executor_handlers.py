"""Running placements: once, whatever is delivered twice, lost or overtaken."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from queuebit_contracts.backend import BackendCalibrated, BackendRegistered
from queuebit_contracts.job import JobCompleted, JobFailed, JobPlaced, JobStarted, Usage
from queuebit_executor.announce import AnnounceBackends
from queuebit_executor.answers import Described
from queuebit_executor.events import started
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.recalibrate import Recalibrate
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, Stale, Superseded, Unavailable, digest

ME = Instance("aer", "executor-aer@here:1", slots=2, memory_mb=1536)
LOST = Instance("aer", "executor-aer@there:1", slots=2, memory_mb=1536)


@pytest.fixture
def run(world) -> RunPlacement:
    watch = JobWatch(world.log)
    return RunPlacement(world.log, world.payloads, world.circuits, FixedClock(), watch, me=ME, pauses=(0, 0, 0))


async def test_a_placement_becomes_a_result_with_its_usage(world, run) -> None:
    event, sequence = await world.place()
    await run(event, sequence)
    (start,) = world.log.events(JobStarted)
    (end,) = world.log.events(JobCompleted)
    assert (start.data.attempt, start.data.executor) == (1, ME.name)
    assert end.data.result.inline == '{"00":1}'
    assert (end.data.usage.shots, end.data.usage.qpu_us, end.data.usage.final) == (1_000, 1_234, True)
    assert end.data.started_at == start.time
    assert end.data.placed_at == event.time
    assert end.provenanceid == event.provenanceid
    assert world.circuits.runs == [("aer", 1_000, 7)]


async def test_a_second_delivery_finds_the_job_ended(world, run) -> None:
    event, sequence = await world.place()
    await run(event, sequence)
    for _ in range(2):
        with pytest.raises(Superseded):
            await run(event, sequence)
    assert len(world.circuits.runs) == 1


async def test_a_lost_attempt_is_followed_by_the_next(world, run) -> None:
    event, sequence = await world.place()
    await world.log.append(started(LOST, event, 1, event.time))
    await run(event, sequence)
    assert [it.data.attempt for it in world.log.events(JobStarted)] == [1, 2]
    assert world.log.events(JobCompleted)[0].data.attempt == 2


async def test_a_job_that_loses_three_executors_is_given_up(world, run) -> None:
    event, sequence = await world.place()
    for attempt in (1, 2, 3):
        await world.log.append(started(LOST, event, attempt, event.time))
    with pytest.raises(Superseded):
        await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert (end.data.reason.code, end.data.attempt) == ("executor_lost", 3)
    assert world.circuits.runs == []


async def test_a_job_cancelled_before_it_starts_is_not_run(world, run) -> None:
    event, sequence = await world.place()
    await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await run(event, sequence)
    assert world.circuits.runs == []


async def test_a_job_cancelled_while_it_runs_keeps_that_end(world, run) -> None:
    event, sequence = await world.place()

    async def cancel() -> None:
        await world.log.append(world.cancelled())

    world.circuits.on_run = cancel
    with pytest.raises(Superseded):
        await run(event, sequence)
    assert world.log.events(JobCompleted) == []


async def place_several(world, names: Sequence[str]) -> list[tuple[JobPlaced, int]]:
    placed = []
    for name in names:
        await world.log.append(world.accepted(await world.log.append(world.submitted(name)), name))
        event = world.placed(name)
        placed.append((event, await world.log.append(event)))
    return placed


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_jobs_start_one_after_another_as_the_only_worker_takes_them(world, run) -> None:
    names = ("first", "second", "third")
    go_on = asyncio.Semaphore(0)
    world.circuits.on_run = go_on.acquire
    running = [asyncio.ensure_future(run(*it)) for it in await place_several(world, names)]
    for number in range(len(names)):
        await until(lambda: len(world.circuits.runs) > number)  # noqa: B023  # used at once
        await until(lambda: len(world.log.events(JobStarted)) > number)  # noqa: B023  # used at once
        assert [it.data.job for it in world.log.events(JobStarted)] == [*names[: number + 1]]
        assert len(world.circuits.runs) == number + 1
        go_on.release()
    await asyncio.gather(*running)
    assert len(world.log.events(JobCompleted)) == len(names)


@pytest.mark.parametrize("hinted", [True, False])
async def test_cancelling_a_job_frees_its_worker_for_the_next(world, hinted: bool) -> None:
    watch = JobWatch(world.log, look_s=3600 if hinted else 0.01)
    run = RunPlacement(world.log, world.payloads, world.circuits, FixedClock(), watch, me=ME, pauses=())
    world.circuits.on_run = asyncio.Event().wait
    first, second = [asyncio.ensure_future(run(*it)) for it in await place_several(world, ("first", "second"))]
    await until(lambda: world.log.events(JobStarted))
    await world.log.append(world.cancelled("first"))
    if hinted:
        watch.hint("qb.job.acme.first.cancelled")
    with pytest.raises(Superseded):
        await first
    await until(lambda: len(world.circuits.runs) == 2)
    await world.log.append(world.cancelled("second"))
    if hinted:
        watch.hint("qb.job.acme.second.cancelled")
    with pytest.raises(Superseded):
        await second
    assert not world.circuits.free.locked()


async def test_a_job_cancelled_while_it_waits_for_a_worker_is_let_go_before_one_is_free(world) -> None:
    run = RunPlacement(
        world.log, world.payloads, world.circuits, FixedClock(), JobWatch(world.log, look_s=0.01), me=ME, pauses=()
    )
    async with world.circuits.free:
        waiting = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        await world.log.append(world.cancelled())
        with pytest.raises(Superseded):
            await waiting
    assert world.circuits.runs == world.log.events(JobStarted) == []


async def test_a_job_cancelled_as_a_worker_becomes_free_never_starts(world, run) -> None:
    async with world.circuits.free:
        waiting = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await waiting
    assert world.log.events(JobStarted) == []


async def test_a_placement_that_another_backend_was_given_instead_never_starts(world, run) -> None:
    async with world.circuits.free:
        waiting = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        await world.log.append(world.placed(backend="cirq"))
    with pytest.raises(Superseded, match="placed anew"):
        await waiting
    assert world.log.events(JobStarted) == []


async def test_a_slow_log_keeps_no_worker_waiting_and_no_end_comes_before_its_start(world, run) -> None:
    append, stored = world.log.append, asyncio.Event()

    async def slow(fact, **guard):
        if isinstance(fact, JobStarted):
            await stored.wait()
        return await append(fact, **guard)

    world.log.append = slow
    running = [asyncio.ensure_future(run(*it)) for it in await place_several(world, ("first", "second"))]
    await until(lambda: len(world.circuits.runs) == 2)
    assert world.log.events(JobCompleted) == []
    stored.set()
    await asyncio.gather(*running)
    assert len(world.log.events(JobCompleted)) == 2


async def test_a_hint_without_an_end_in_the_log_stops_nothing(world) -> None:
    watch = JobWatch(world.log)
    run = RunPlacement(world.log, world.payloads, world.circuits, FixedClock(), watch, me=ME, pauses=())
    history, looks = world.log.history, 0

    async def counted(job, **how):
        nonlocal looks
        looks += 1
        return await history(job, **how)

    async def several_looks() -> None:
        world.log.history = counted
        watch.hint("qb.job.acme.j1.cancelled")
        await until(lambda: looks > 1)

    world.circuits.on_run = several_looks
    await run(*await world.place())
    assert len(world.log.events(JobCompleted)) == 1


async def test_a_job_that_kills_its_executors_is_not_run_again_while_it_is_given_up(world, run) -> None:
    event, sequence = await world.place()
    for attempt in (1, 2, 3):
        await world.log.append(started(LOST, event, attempt, event.time))
    async with world.circuits.free:
        with pytest.raises(Superseded):
            await run(event, sequence)
    assert world.circuits.runs == []


async def test_an_attempt_that_was_overtaken_still_ends_the_job_when_it_is_done_first(world, run) -> None:
    event, sequence = await world.place()

    async def overtake() -> None:
        await world.log.append(started(LOST, event, 2, event.time))

    world.circuits.on_run = overtake
    await run(event, sequence)
    assert [it.data.attempt for it in world.log.events(JobCompleted)] == [1]


async def test_an_end_that_was_not_confirmed_is_appended_again(world, run) -> None:
    event, sequence = await world.place()
    append, silent = world.log.append, [True]

    async def unconfirmed(fact, **guard):
        stored = await append(fact, **guard)
        if isinstance(fact, JobCompleted) and silent.pop():
            silent.append(False)
            raise Unavailable("no confirmation")
        return stored

    world.log.append = unconfirmed
    await run(event, sequence)
    assert len(world.log.events(JobCompleted)) == 1


async def test_a_result_is_kept_while_the_log_is_away_that_is_to_store_its_start(world, run) -> None:
    Away("log", "append", 3, JobStarted).befall(world)
    await run(*await world.place())
    assert len(world.circuits.runs) == len(world.log.events(JobStarted)) == len(world.log.events(JobCompleted)) == 1


@dataclass
class Away:
    """A dependency that fails some times, in `method` and about facts of one kind, and then is there again."""

    part: str
    method: str
    times: int
    kind: type = object
    done_all_the_same: bool = False

    def befall(self, world) -> None:
        part = getattr(world, self.part)
        method = getattr(part, self.method)

        async def failing(what, *more, **how):
            if not self.times or not isinstance(what, self.kind):
                return await method(what, *more, **how)
            self.times -= 1
            if self.done_all_the_same:
                await method(what, *more, **how)
            raise Unavailable("away")

        setattr(part, self.method, failing)


@pytest.mark.parametrize(
    ("what", "attempts"),
    [
        pytest.param(Away("payloads", "get", 3), 1, id="the store, while the source is read"),
        pytest.param(Away("payloads", "put", 3), 1, id="the store is full when the result comes"),
        pytest.param(Away("payloads", "put", 9), 1, id="the store, for longer than one delivery waits"),
        pytest.param(Away("log", "append", 3, JobCompleted), 1, id="the log, at the end"),
        pytest.param(Away("log", "append", 9, JobCompleted), 1, id="the log, for longer than one delivery waits"),
        pytest.param(Away("log", "append", 9, JobStarted), 1, id="the log, at the start"),
        pytest.param(Away("log", "append", 1, JobStarted, True), 1, id="the log's confirmation of the start"),
        pytest.param(Away("log", "history", 2), 1, id="the history"),
        pytest.param([LOST], 2, id="an executor"),
        pytest.param([LOST, LOST], 3, id="two executors"),
    ],
)
async def test_only_a_lost_executor_costs_an_attempt(world, run, what: Away | list[Instance], attempts: int) -> None:
    event, sequence = await world.place()
    if isinstance(what, Away):
        what.befall(world)
    else:
        for number, executor in enumerate(what, start=1):
            await world.log.append(started(executor, event, number, event.time))
    while not world.log.events(JobCompleted):
        with contextlib.suppress(Unavailable):  # the bus delivers it again
            await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    assert end.data.attempt == attempts
    assert [it.data.attempt for it in world.log.events(JobStarted)] == [*range(1, attempts + 1)]


@pytest.mark.parametrize("code", ["syntax", "limit_exceeded", "crashed", "run_timeout", "out_of_memory"])
async def test_what_cannot_run_fails_with_its_reason_and_no_usage(world, run, code: str) -> None:
    event, sequence = await world.place()
    world.circuits.refusal = world.refusal(code)
    await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert end.data.reason.code == code
    assert (end.data.usage.shots, end.data.usage.qpu_us) == (0, 0)


async def test_a_run_that_reached_its_limit_states_the_time_it_used(world, run) -> None:
    event, sequence = await world.place()
    world.circuits.refusal = world.refusal("run_timeout").model_copy(update={"used_us": 20_000_000})
    await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert end.data.usage == Usage(shots=0, qpu_us=20_000_000, qubits=2, final=True, at_limit=True)


async def test_a_source_that_is_not_in_the_store_fails_the_job(world, run) -> None:
    await world.log.append(world.submitted(inline=False))
    event = world.placed()
    await run(event, await world.log.append(event))
    assert world.log.events(JobFailed)[0].data.reason.code == "payload_missing"


async def test_a_later_submission_changes_nothing(world, run) -> None:
    event, sequence = await world.place()
    for source in ("another", world.bell + " "):
        await world.log.append(world.submitted(source=source))
    await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    assert end.data.result.inline == '{"00":1}'
    assert world.circuits.sources == [world.bell.encode()]


async def test_the_accepted_of_several_submissions_runs(world, run) -> None:
    await world.log.append(world.submitted(source="first"))
    accepted = await world.log.append(world.submitted())
    await world.log.append(world.accepted(accepted))
    await world.log.append(world.submitted(inline=False))
    event = world.placed()
    await run(event, await world.log.append(event))
    assert world.circuits.sources == [world.bell.encode()]


async def test_where_the_acceptance_names_none_another_circuit_never_runs(world, run) -> None:
    await world.log.append(world.submitted())
    await world.log.append(world.accepted(None))
    await world.log.append(world.submitted(source="another"))
    event = world.placed()
    await run(event, await world.log.append(event))
    (end,) = world.log.events(JobFailed)
    assert end.data.reason.code == "circuit_replaced"
    assert world.circuits.runs == []


async def test_a_large_result_lies_in_the_tenants_payloads(world, run) -> None:
    event, sequence = await world.place()
    world.circuits.counts = json.dumps({format(it, "020b"): 1 for it in range(2_000)}).encode()
    await run(event, sequence)
    result = world.log.events(JobCompleted)[0].data.result
    assert result.inline is None
    assert await world.payloads.get("acme", result) == world.circuits.counts


async def test_backends_are_offered_once_and_again_when_they_change(world) -> None:
    def announcing(me: Instance) -> AnnounceBackends:
        return AnnounceBackends(world.log, world.payloads, world.circuits, FixedClock(), me=me)

    device = world.offer("emulated", "emulated", calibration=world.offer("aer").target)
    offers = (world.offer("aer"), device)
    await announcing(ME)(offers)
    await announcing(ME)(offers)
    simulator, emulated = (it.data for it in world.log.events(BackendRegistered))
    assert (simulator.memory_bytes, emulated.memory_bytes) == (1280 << 20, None)
    assert (simulator.slots, emulated.slots) == (2, 1)
    (calibration,) = (it.data for it in world.log.events(BackendCalibrated))
    assert (calibration.median_two_qubit_error_ppm, calibration.median_readout_error_ppm) == (5_100, None)
    await announcing(Instance("aer", "x", slots=3, memory_mb=1536))(offers)
    assert [it.data.slots for it in world.log.events(BackendRegistered)] == [2, 1, 3]


async def test_a_backend_of_a_kind_that_is_new_is_announced_as_a_device(world) -> None:
    described = Described.model_validate_json(world.offer("annealer", "annealer").model_dump_json())
    await AnnounceBackends(world.log, world.payloads, world.circuits, FixedClock(), me=ME)((described,))
    (registered,) = (it.data for it in world.log.events(BackendRegistered))
    assert (registered.kind, registered.slots, registered.memory_bytes) == ("annealer", 1, None)


async def test_a_calibration_that_the_log_does_not_take_is_passed_again(world) -> None:
    before, now = world.offer("torino", "emulated", digest(b"old")), world.offer("torino", "emulated", digest(b"new"))
    passed, taken = [], asyncio.Event()

    async def changed(described: Described) -> None:
        passed.append(described)
        if len(passed) == 1:
            raise Stale("another executor was faster")
        taken.set()

    async def recalibrate(backend: str) -> Described:
        return now

    world.circuits.recalibrate = recalibrate
    working = asyncio.ensure_future(Recalibrate(world.circuits, 0, changed).run((before,)))
    await taken.wait()
    working.cancel()
    assert passed == [now, now]
