"""Programs at a vendor: submitted in parts, each once, with a result or failure for each item."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuebit_contracts.job import ItemSummary, JobCompleted, JobDispatched, JobFailed, JobPlaced, JobUsageReported
from queuebit_contracts.program import CIRCUIT, PROGRAM, Item, Program
from queuebit_contracts.results import ItemResult, Results
from queuebit_contracts.usage import quantities, shots_of
from queuebit_executor import events
from queuebit_executor.answers import Submitted
from queuebit_executor.errors import UsagePending
from queuebit_executor.manifest import Manifest
from queuebit_executor.program_run import ProgramWork, item_works
from queuebit_executor.remote import RunRemotely
from queuebit_executor.remote_parts import split, token_of
from queuebit_executor.remote_work import RemoteWork
from queuebit_executor.state import recall
from queuebit_kernel import FixedClock, Superseded, digest
from queuebit_runtime.payloads import describe

from .conftest import World
from .remote_vendor import LOST, Vendor, runner

SHOTS = (101, 102, 103, 104, 105)
"""Of the items: the fake vendor's counts say by them which item ran."""


@pytest.fixture
def vendor(world: World) -> Vendor:
    return Vendor(world.log)


@pytest.fixture
def clock(world: World) -> FixedClock:
    return FixedClock(world.placed().time)


@pytest.fixture
def run(world: World, vendor: Vendor, clock: FixedClock) -> RunRemotely:
    return runner(world, vendor, clock)


def batch(shots: Sequence[int] = SHOTS) -> Program:
    circuit = describe(b"OPENQASM 3.0; ...", CIRCUIT)
    return Program(circuits=(circuit,), items=tuple(Item(shots=it) for it in shots))


async def place(world: World, program: Program | None = None) -> tuple[JobPlaced, int]:
    return await world.place(carried=describe((program or batch()).content(), PROGRAM))


def items_in(end: JobCompleted | JobFailed) -> tuple[ItemResult, ...]:
    assert end.data.result is not None
    assert end.data.result.inline is not None
    return Results.model_validate_json(end.data.result.inline).items


def completed(world: World) -> JobCompleted:
    (end,) = world.log.events(JobCompleted)
    return end


async def submit_part(world: World, vendor: Vendor, event: JobPlaced, number: int, *, record: bool) -> None:
    """What an executor did that ended then."""
    work = ProgramWork(batch(), {0: b"OPENQASM 3.0; ..."})
    works = [*item_works(event.data, work, "")][number * 2 : number * 2 + 2]
    taken = await vendor.submit(event.data.backend, works, "acme", budget_us=10**9, token=token_of(event, number))
    assert isinstance(taken, Submitted)
    if record:
        past = recall(await world.log.history(world.job))
        remote = RemoteWork(world.payloads, world.circuits, vendor, lambda step: step())
        planned = await remote.run(event, work, past)
        about = await remote.part(event, planned.parts[number], taken.manifest)
        await world.log.append(
            events.dispatched(LOST, event, 1, taken, token_of(event, number), part=about, number=number)
        )


async def test_a_program_is_submitted_in_parts_and_has_a_result_for_each_item(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence = await place(world)
    await run(event, sequence)
    dispatched = [it.data for it in world.log.events(JobDispatched)]
    assert [it.token for it in dispatched] == [token_of(event, number) for number in range(3)]
    assert [(it.part.first, it.part.items) for it in dispatched if it.part] == [(0, 2), (2, 2), (4, 1)]
    assert vendor.recorded_at_first_poll == [it.handle for it in dispatched], "all parts, before any is waited for"
    end = completed(world)
    assert [it.counts for it in items_in(end)] == [{"00": it} for it in SHOTS]
    assert [len(it.compilations) for it in items_in(end)] == [1] * 5
    assert end.data.items == ItemSummary(total=5, completed=5, failed=0)
    used = quantities(end.data.usage)
    assert used == {"qpu-time": 3_000_000, "shots": sum(SHOTS), "qubits": 2}, "the sum of all parts"


async def test_a_later_part_has_the_time_that_the_earlier_ones_leave(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    await run(*await place(world))
    assert vendor.budgets == [10_000_000, 9_998_000, 9_996_000]


@pytest.mark.parametrize("lost", [False, True])
async def test_a_run_that_a_search_does_not_show_yet_may_be_of_an_earlier_compilation(
    world: World, vendor: Vendor, run: RunRemotely, lost: bool
) -> None:
    """`submit` returns the earlier run; its outcomes are trusted only if there is one for each circuit."""
    event, sequence = await place(world)
    if lost:
        await world.log.append(events.started(LOST, event, 1, event.time))
        await submit_part(world, vendor, event, 0, record=False)
        vendor.hides = 3
    await run(event, sequence, redelivered=lost)
    parts = [it.data.part for it in world.log.events(JobDispatched)]
    contents = [await world.payloads.get("acme", it.content) for it in parts if it is not None]
    assert [Manifest.model_validate_json(it).rebuilt for it in contents] == [lost] * 3
    assert len(vendor.handles) == 3


@pytest.mark.parametrize("recorded", [0, 1, 2, 3])
@pytest.mark.parametrize("unrecorded", [False, True])
async def test_after_a_crash_each_part_is_at_the_vendor_once(
    world: World, vendor: Vendor, run: RunRemotely, recorded: int, unrecorded: bool
) -> None:
    """The executor ended after it recorded so many parts, and before or after it submitted the next one."""
    event, sequence = await place(world)
    await world.log.append(events.started(LOST, event, 1, event.time))
    for number in range(recorded):
        await submit_part(world, vendor, event, number, record=True)
    if unrecorded and recorded < 3:
        await submit_part(world, vendor, event, recorded, record=False)
    await run(event, sequence, redelivered=True)
    tokens = [token_of(event, number) for number in range(3)]
    assert vendor.submitted == tokens, "each once"
    assert [it.data.token for it in world.log.events(JobDispatched)] == tokens
    end = completed(world)
    assert [it.counts for it in items_in(end)] == [{"00": it} for it in SHOTS]
    assert end.data.attempt == (1 if recorded or unrecorded else 2), "an attempt with a part at the vendor goes on"


async def test_parts_that_are_recorded_keep_their_items_if_the_limit_changes(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence = await place(world)
    await world.log.append(events.started(LOST, event, 1, event.time))
    await submit_part(world, vendor, event, 0, record=True)
    vendor.most = 1
    await run(event, sequence, redelivered=True)
    parts = [it.data.part for it in world.log.events(JobDispatched)]
    assert [(it.first, it.items) for it in parts if it] == [(0, 2), (2, 1), (3, 1), (4, 1)]
    assert [it.counts for it in items_in(completed(world))] == [{"00": it} for it in SHOTS]


async def test_a_part_that_the_vendor_refuses_leaves_the_others_their_results(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    vendor.refusing = {1}
    await run(*await place(world))
    end = completed(world)
    assert [it.state for it in items_in(end)] == ["completed", "completed", "failed", "failed", "completed"]
    assert {it.reason.code for it in items_in(end) if it.reason} == {"does_not_fit"}
    assert end.data.items == ItemSummary(total=5, completed=3, failed=2)
    assert quantities(end.data.usage)["qpu-time"] == 2_000_000


async def test_an_item_that_does_not_fit_is_left_out_and_the_others_run(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    vendor.unfit = {101, 102, 104}
    await run(*await place(world))
    found = items_in(completed(world))
    assert [it.counts for it in found] == [None, None, {"00": 103}, None, {"00": 105}]
    assert len(world.log.events(JobDispatched)) == 2, "a part without any circuit is not submitted"


async def test_what_a_vendor_ran_before_it_stopped_the_rest_is_kept(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    vendor.preempted = {102, 103}
    await run(*await place(world))
    end = completed(world)
    assert [it.reason.code if it.reason else "" for it in items_in(end)] == ["", "preempted", "preempted", "", ""]
    assert shots_of(end.data.usage) == 101 + 104 + 105


async def test_a_program_of_which_nothing_runs_fails(world: World, vendor: Vendor, run: RunRemotely) -> None:
    vendor.unfit = {*SHOTS}
    await run(*await place(world))
    (failed,) = world.log.events(JobFailed)
    assert (failed.data.reason.code, failed.data.items) == ("does_not_fit", ItemSummary(total=5, completed=0, failed=5))
    assert world.log.events(JobDispatched) == []


async def test_all_parts_of_a_cancelled_job_are_cancelled_and_their_usage_is_reported_once(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    """Also the one that was submitted and not recorded. No shots are charged that the vendor did not take."""
    event, sequence = await place(world)
    await world.log.append(events.started(LOST, event, 1, event.time))
    await submit_part(world, vendor, event, 0, record=True)
    await submit_part(world, vendor, event, 1, record=False)
    await world.log.append(world.cancelled())
    vendor.preempted, vendor.final = {101, 103, 104}, False
    with pytest.raises(UsagePending):
        await run(event, sequence, redelivered=True)
    vendor.final = True
    with pytest.raises(Superseded):
        await run(event, sequence, redelivered=True)
    assert set(vendor.cancelled) == {f"run-{token_of(event, number)}" for number in range(2)}
    assert len(vendor.submitted) == 2
    (report,) = world.log.events(JobUsageReported)
    assert quantities(report.data.usage) == {"qpu-time": 2_000_000, "shots": 102, "qubits": 2}


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_part_without_a_record_is_found_behind_one_that_was_refused(
    world: World, vendor: Vendor, run: RunRemotely, cancelled: bool
) -> None:
    """The log does not record refusals. Before, the run of a cancelled job went on at the vendor without a bill."""
    event, sequence = await place(world)
    await world.log.append(events.started(LOST, event, 1, event.time))
    await submit_part(world, vendor, event, 1, record=False)
    if not cancelled:
        await run(event, sequence, redelivered=True)
        assert vendor.submitted == [token_of(event, number) for number in (1, 0, 2)], "each once"
        assert [it.counts for it in items_in(completed(world))] == [{"00": it} for it in SHOTS]
        return
    await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await run(event, sequence, redelivered=True)
    assert vendor.cancelled == [f"run-{token_of(event, 1)}"]
    (report,) = world.log.events(JobUsageReported)
    assert quantities(report.data.usage) == {"qpu-time": 1_000_000, "shots": 103 + 104, "qubits": 2}


async def test_items_are_suspect_whose_part_was_submitted_under_another_calibration(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence = await place(world)
    await world.log.append(events.started(LOST, event, 1, event.time))
    vendor.calibrated = digest(b"old")
    await submit_part(world, vendor, event, 0, record=True)
    vendor.calibrated = digest(b"new")
    await run(event, sequence, redelivered=True)
    end = completed(world)
    assert end.data.suspect is not None
    assert end.data.suspect.code == "recalibrated"
    assert [it.suspect is not None for it in items_in(end)] == [True, True, False, False, False]


async def test_a_result_is_not_suspect_while_the_calibration_stays(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    vendor.calibrated = digest(b"same")
    await run(*await place(world))
    end = completed(world)
    assert (end.data.suspect, [it.suspect for it in items_in(end)]) == (None, [None] * 5)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=40), st.integers(1, 8), st.integers(1, 8), st.integers(0, 40))
def test_a_split_has_each_item_once_in_order(counts: list[int], most: int, later: int, recorded: int) -> None:
    first = split(counts, most)
    assert [it for part in first for it in part] == [*range(len(counts))]
    assert all(sum(counts[it] for it in part) <= most or len(part) == 1 for part in first)
    known = dict(list(enumerate(first))[:recorded])
    again = split(counts, later, known)
    assert [it for part in again for it in part] == [*range(len(counts))]
    assert all(again[number] == part for number, part in known.items())


@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(1, 6), st.integers(1, 6), st.data())
def test_a_split_keeps_recorded_parts_also_behind_refused_ones(
    counts: list[int], most: int, later: int, data: st.DataObject
) -> None:
    first = dict(enumerate(split(counts, most)))
    known = {number: first[number] for number in data.draw(st.sets(st.sampled_from([*first])))}
    again = split(counts, later, known)
    assert [it for part in again for it in part] == [*range(len(counts))]
    assert all(again[number] == part for number, part in known.items())
