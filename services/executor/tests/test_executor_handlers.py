"""Running placements: once, also if deliveries are repeated, lost or overtaken."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import cast

import pytest

from queuebit_contracts.admission import Terms
from queuebit_contracts.backend import (
    BackendCalibrated,
    BackendCalibrationFailed,
    BackendRegistered,
    CalibrationAttempt,
    Specification,
)
from queuebit_contracts.deployment import StatedErrors
from queuebit_contracts.job import (
    JobCompleted,
    JobFailed,
    JobStarted,
    JobWithdrawn,
    Moved,
    Preempted,
    Usage,
    Withdrawal,
)
from queuebit_contracts.subjects import Aggregate
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.uncertainty import WILSON
from queuebit_contracts.wire import Amount, Reason
from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.announce import AnnounceBackends
from queuebit_executor.answers import Described
from queuebit_executor.errors import VendorAway
from queuebit_executor.handlers import RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.recalibrate import Recalibrate
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, Stale, Superseded, Unavailable, digest
from queuebit_runtime.log import Stored

from .conftest import ME, World
from .placements import place_several, until


async def test_a_placement_becomes_a_result_with_its_usage(world: World, run: RunPlacement) -> None:
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


async def test_a_second_delivery_finds_the_job_ended(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    await run(event, sequence)
    for _ in range(2):
        with pytest.raises(Superseded):
            await run(event, sequence)
    assert len(world.circuits.runs) == 1


async def test_a_job_cancelled_before_it_starts_is_not_run(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await run(event, sequence)
    assert world.circuits.runs == []


async def test_a_job_cancelled_while_it_runs_keeps_that_end(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()

    async def cancel() -> None:
        await world.log.append(world.cancelled())

    world.circuits.on_run = cancel
    with pytest.raises(Superseded):
        await run(event, sequence)
    assert world.log.events(JobCompleted) == []


async def test_jobs_start_one_after_another_as_the_only_worker_takes_them(world: World, run: RunPlacement) -> None:
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
async def test_cancelling_a_job_frees_its_worker_for_the_next(world: World, hinted: bool) -> None:
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


async def test_a_job_cancelled_while_it_waits_for_a_worker_is_let_go_before_one_is_free(world: World) -> None:
    run = RunPlacement(
        world.log, world.payloads, world.circuits, FixedClock(), JobWatch(world.log, look_s=0.01), me=ME, pauses=()
    )
    async with world.circuits.free:
        waiting = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        await world.log.append(world.cancelled())
        with pytest.raises(Superseded):
            await waiting
    assert world.circuits.runs == []
    assert world.log.events(JobStarted) == []


async def test_a_job_cancelled_as_a_worker_becomes_free_never_starts(world: World, run: RunPlacement) -> None:
    async with world.circuits.free:
        waiting = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await waiting
    assert world.log.events(JobStarted) == []


async def test_a_placement_that_another_backend_was_given_instead_never_starts(world: World, run: RunPlacement) -> None:
    async with world.circuits.free:
        waiting = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        await world.log.append(world.placed(backend="cirq"))
    with pytest.raises(Superseded, match="placed again"):
        await waiting
    assert world.log.events(JobStarted) == []


async def test_a_placement_that_was_taken_back_never_starts(world: World, run: RunPlacement) -> None:
    placed, sequence = await world.place()
    data = Withdrawal(
        tenant="acme",
        project="main",
        job=placed.data.job,
        backend="aer",
        reason=Reason(code="below_fidelity", text="t"),
    )
    async with world.circuits.free:
        waiting = asyncio.ensure_future(run(placed, sequence))
        await until(lambda: world.circuits.workers_asked_for)
        await world.log.append(JobWithdrawn(source="qb/scheduler", data=data))
    with pytest.raises(Superseded, match="taken from this backend"):
        await waiting
    assert world.log.events(JobStarted) == []


async def test_a_job_that_gave_way_starts_once_behind_the_other_one(world: World, run: RunPlacement) -> None:
    """Its earlier placement is delivered first, and its turn comes first, too."""
    async with world.circuits.free:
        early = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        (other,) = [asyncio.ensure_future(run(*it)) for it in await place_several(world, ("urgent",))]
        await until(lambda: world.circuits.workers_asked_for == 2)
        first, why = world.placed(), Preempted(by="urgent", rule="class", gained_ms=9000)
        again = first.model_copy(update={"id": "again", "data": first.data.model_copy(update={"preempted": why})})
        sequence = await world.log.append(again)
        late = asyncio.ensure_future(run(again, sequence))
        await until(lambda: world.circuits.workers_asked_for == 3)
    with pytest.raises(Superseded, match="placed again"):
        await early
    await asyncio.gather(other, late)
    assert [it.data.job for it in world.log.events(JobStarted)] == ["urgent", again.data.job]
    assert len(world.log.events(JobCompleted)) == 2


@pytest.mark.parametrize("first", ["the start", "the move"])
async def test_a_job_that_is_moved_while_it_starts_runs_once(world: World, run: RunPlacement, first: str) -> None:
    """Both expect the same history, so that the log stores one of them."""
    async with world.circuits.free:
        here = asyncio.ensure_future(run(*await world.place()))
        await until(lambda: world.circuits.workers_asked_for)
        before = world.log.stored[-1].sequence
        other = world.placed(backend="boston")
        moved = other.data.model_copy(update={"moved": Moved(left="aer", gained_ms=9000)})
        event = other.model_copy(update={"data": moved})
        if first == "the move":
            await world.log.append(event, after=before, guard=world.job.everything)
    if first == "the start":
        await here
        with pytest.raises(Stale):
            await world.log.append(event, after=before, guard=world.job.everything)
    else:
        with pytest.raises(Superseded, match="placed again"):
            await here
        await run(event, before + 1)
    (start,) = world.log.events(JobStarted)
    assert start.data.backend == ("aer" if first == "the start" else "boston")
    assert len(world.log.events(JobCompleted)) == 1


async def test_a_hint_without_an_end_in_the_log_stops_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = JobWatch(world.log)
    run = RunPlacement(world.log, world.payloads, world.circuits, FixedClock(), watch, me=ME, pauses=())
    history, looks = world.log.history, 0

    async def counted(job: Aggregate, *, reaching: int = 0) -> list[Stored]:
        nonlocal looks
        looks += 1
        return await history(job, reaching=reaching)

    async def several_looks() -> None:
        monkeypatch.setattr(world.log, "history", counted)
        watch.hint("qb.job.acme.j1.cancelled")
        await until(lambda: looks > 1)

    world.circuits.on_run = several_looks
    await run(*await world.place())
    assert len(world.log.events(JobCompleted)) == 1


@pytest.mark.parametrize("code", ["syntax", "limit_exceeded", "crashed", "run_timeout", "out_of_memory"])
async def test_what_cannot_run_fails_with_its_reason_and_no_usage(world: World, run: RunPlacement, code: str) -> None:
    event, sequence = await world.place()
    world.circuits.refusal = world.refusal(code)
    await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert end.data.reason.code == code
    assert (end.data.usage.shots, end.data.usage.qpu_us) == (0, 0)


async def test_a_run_that_reached_its_limit_states_the_time_it_used(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    world.circuits.refusal = world.refusal("run_timeout").model_copy(update={"used_us": 20_000_000})
    await run(event, sequence)
    (end,) = world.log.events(JobFailed)
    assert end.data.usage == Usage(shots=0, qpu_us=20_000_000, qubits=2, final=True, at_limit=True)


async def test_a_source_that_is_not_in_the_store_fails_the_job(world: World, run: RunPlacement) -> None:
    await world.log.append(world.submitted(inline=False))
    event = world.placed()
    await run(event, await world.log.append(event))
    assert world.log.events(JobFailed)[0].data.reason.code == "payload_missing"


async def test_a_later_submission_changes_nothing(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    for source in ("another", world.bell + " "):
        await world.log.append(world.submitted(source=source))
    await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    assert end.data.result.inline == '{"00":1}'
    assert world.circuits.sources == [world.bell.encode()]


async def test_the_accepted_of_several_submissions_runs(world: World, run: RunPlacement) -> None:
    await world.log.append(world.submitted(source="first"))
    accepted = await world.log.append(world.submitted())
    await world.log.append(world.accepted(accepted))
    await world.log.append(world.submitted(inline=False))
    event = world.placed()
    await run(event, await world.log.append(event))
    assert world.circuits.sources == [world.bell.encode()]


async def test_where_the_acceptance_names_none_another_circuit_never_runs(world: World, run: RunPlacement) -> None:
    await world.log.append(world.submitted())
    await world.log.append(world.accepted(None))
    await world.log.append(world.submitted(source="another"))
    event = world.placed()
    await run(event, await world.log.append(event))
    (end,) = world.log.events(JobFailed)
    assert end.data.reason.code == "circuit_replaced"
    assert world.circuits.runs == []


async def test_a_large_result_lies_in_the_tenants_payloads(world: World, run: RunPlacement) -> None:
    event, sequence = await world.place()
    world.circuits.counts = json.dumps({format(it, "020b"): 1 for it in range(2_000)}).encode()
    await run(event, sequence)
    result = world.log.events(JobCompleted)[0].data.result
    assert result.inline is None
    assert await world.payloads.get("acme", result) == world.circuits.counts


async def test_a_small_result_that_must_be_erasable_is_in_no_event(world: World, run: RunPlacement) -> None:
    event = world.placed()
    terms = Terms(
        project="lab", price="p", price_book="sha256:" + "0" * 64, hold=Amount(amount="1", currency="EUR"), shots=1_000,
        qpu_us=1_234, qubits=2, erasable=True,
    )  # fmt: skip
    await world.log.append(world.submitted())
    event = event.model_copy(update={"data": event.data.model_copy(update={"terms": terms})})
    await run(event, await world.log.append(event))
    result = world.log.events(JobCompleted)[0].data.result
    assert result.inline is None
    assert await world.payloads.get("acme", result) == world.circuits.counts


async def test_backends_are_offered_once_and_again_when_they_change(world: World) -> None:
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
    groups, stated = {"emulated": "rack-2"}, {"emulated": StatedErrors(two_qubit_error=0.008)}
    await announcing(Instance("aer", "x", 3, 1536, control_groups=groups, specifications=stated))(offers)
    assert [it.data.slots for it in world.log.events(BackendRegistered)] == [2, 1, 3, 1]
    assert [it.data.control_group for it in world.log.events(BackendRegistered)] == [None, None, None, "rack-2"]
    *_, announced = (it.data.specification for it in world.log.events(BackendRegistered))
    assert announced == Specification(median_two_qubit_error_ppm=8000)


async def test_a_backend_of_a_kind_that_is_new_is_announced_as_a_device(world: World) -> None:
    described = Described.model_validate_json(world.offer("annealer", "annealer").model_dump_json())
    await AnnounceBackends(world.log, world.payloads, world.circuits, FixedClock(), me=ME)((described,))
    (registered,) = (it.data for it in world.log.events(BackendRegistered))
    assert (registered.kind, registered.slots, registered.memory_bytes) == ("annealer", 1, None)


async def test_a_calibration_that_the_log_does_not_take_is_passed_again(world: World) -> None:
    before, now = world.offer("torino", "emulated", digest(b"old")), world.offer("torino", "emulated", digest(b"new"))
    passed: list[Described] = []
    taken = asyncio.Event()

    async def changed(described: Described) -> None:
        passed.append(described)
        if len(passed) == 1:
            raise Stale("another executor was faster")
        taken.set()

    async def recalibrate(backend: str) -> Described:
        return now

    circuits = cast("ChildCircuits", SimpleNamespace(recalibrate=recalibrate))  # all it needs
    announce = AnnounceBackends(world.log, world.payloads, world.circuits, FixedClock(), me=ME)
    recalibrate_all = Recalibrate(circuits, 0, FixedClock(), changed, announce.failed)
    working = asyncio.ensure_future(recalibrate_all.run((before,)))
    await taken.wait()
    working.cancel()
    assert passed == [now, now]


async def test_why_a_calibration_fails_is_said_once_until_it_succeeds_or_the_reason_changes(world: World) -> None:
    before = world.offer("torino", "emulated", digest(b"old"))
    outcomes = iter([VendorAway("away"), VendorAway("away"), Unavailable("slow"), before, VendorAway("away")])
    seen: list[CalibrationAttempt] = []
    over = asyncio.Event()

    async def recalibrate(backend: str) -> Described:
        if newest := recalibrate_all.newest.get(backend):
            seen.append(newest)
        clock.advance(300)
        outcome = next(outcomes, None)
        if outcome is None:
            over.set()
            await asyncio.Event().wait()
        if isinstance(outcome, Exception):
            raise outcome
        return cast("Described", outcome)

    async def changed(described: Described) -> None:
        raise AssertionError("it did not change")

    circuits = cast("ChildCircuits", SimpleNamespace(recalibrate=recalibrate))  # all it needs
    clock = FixedClock()
    announce = AnnounceBackends(world.log, world.payloads, world.circuits, clock, me=ME)
    recalibrate_all = Recalibrate(circuits, 0, clock, changed, announce.failed)
    working = asyncio.ensure_future(recalibrate_all.run((before,)))
    await over.wait()
    working.cancel()
    said = [it.data.reason.code for it in world.log.events(BackendCalibrationFailed)]
    assert said == [VendorAway("").code, Unavailable("").code, VendorAway("").code]
    assert [it.reason is None for it in seen] == [False, False, False, True, False]
    assert seen[2].failing_since == seen[0].attempted_at < seen[2].attempted_at
    assert seen[4].failing_since == seen[4].attempted_at


@pytest.mark.parametrize(("before", "after", "suspect"), [("a", "a", False), ("a", "b", True), (None, "b", False)])
async def test_a_result_is_suspect_if_the_calibration_changed_while_it_ran(
    world: World, run: RunPlacement, before: str | None, after: str, suspect: bool
) -> None:
    world.circuits.calibration_of_run = before and digest(before.encode())

    async def calibrate() -> None:
        world.circuits.calibration_now = digest(after.encode())

    world.circuits.on_run = calibrate
    event, sequence = await world.place()
    await run(event, sequence)
    (end,) = world.log.events(JobCompleted)
    assert (end.data.suspect is not None) == suspect
    assert end.data.suspect is None or end.data.suspect.code == "recalibrated"
    assert end.data.uncertainty == WILSON


@pytest.mark.parametrize("stored", [True, False])
async def test_a_circuit_runs_under_the_calibration_that_was_asked_for_if_it_is_stored(
    world: World, run: RunPlacement, stored: bool
) -> None:
    snapshot = '{"digest": "x"}' + " " * 20_000
    payload = await world.payloads.put(PLATFORM, snapshot.encode(), "application/json")
    if not stored:
        payload = payload.model_copy(update={"digest": digest(b"gone")})
    world.circuits.calibration_of_run, world.circuits.calibration_now = digest(b"earlier"), digest(b"now")
    placed, sequence = await world.place()
    await run(placed.model_copy(update={"data": placed.data.model_copy(update={"calibration": payload})}), sequence)
    assert world.circuits.calibrations == [snapshot if stored else None]
    (end,) = world.log.events(JobCompleted)
    assert (end.data.calibration, end.data.suspect) == (digest(b"earlier"), None)
