"""How often an executor starts a run at a vendor, and what it leaves and reports when a placement is not needed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from queuebit_contracts.job import JobCompleted, JobDispatched, JobFailed, JobPlaced, JobUsageReported, Measure
from queuebit_contracts.query import UsageAnswer, UsageRequest
from queuebit_contracts.usage import is_final, quantities
from queuebit_executor import events
from queuebit_executor.answers import Submitted
from queuebit_executor.errors import NotOwed, UsagePending, VendorAway, VendorSilent
from queuebit_executor.instance import Instance
from queuebit_executor.manifest import Manifest, SentItem
from queuebit_executor.remote import RunRemotely
from queuebit_executor.stated_usage import StateUsage
from queuebit_kernel import FixedClock, Settle, Superseded
from queuebit_runtime.payloads import describe

from .conftest import World
from .remote_vendor import COMPILED, LOST, ME, WEEK_S, Vendor, runner


@pytest.fixture
def vendor(world: World) -> Vendor:
    return Vendor(world.log)


@pytest.fixture
def clock(world: World) -> FixedClock:
    return FixedClock(world.placed().time)


@pytest.fixture
def run(world: World, vendor: Vendor, clock: FixedClock) -> RunRemotely:
    return runner(world, vendor, clock)


async def placed_and_dispatched(world: World, vendor: Vendor, backend: str, attempt: int) -> tuple[JobPlaced, int]:
    event = world.placed(backend=backend)
    sequence = await world.log.append(event)
    token = f"j1-{event.id}"
    vendor.handles[token] = f"run-{token}"
    await world.log.append(events.started(ME, event, attempt, event.time))
    submitted = Submitted(handle=f"run-{token}")
    await world.log.append(events.dispatched(ME, event, attempt, submitted, token))
    return event, sequence


async def test_a_placement_that_was_replaced_leaves_the_newer_run_and_its_usage_alone(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    """The older placement must not take the newer one's handle for its own, nor report the usage in its place."""
    older, at = await placed_and_dispatched(world, vendor, "vendor-a", 1)
    newer, later = await placed_and_dispatched(world, vendor, "vendor-b", 2)
    await world.log.append(world.cancelled())
    with pytest.raises(Superseded):
        await run(older, at, redelivered=True)
    assert vendor.cancelled == [f"run-j1-{older.id}"]
    assert world.log.events(JobUsageReported) == []
    with pytest.raises(Superseded):
        await run(newer, later, redelivered=True)
    assert vendor.cancelled[1:] == [f"run-j1-{newer.id}"]
    (report,) = world.log.events(JobUsageReported)
    assert (report.data.backend, quantities(report.data.usage)["qpu-time"]) == ("vendor-b", Decimal(1_000_000))
    assert len(world.log.events(JobDispatched)) == 2


@pytest.mark.parametrize("call", ["submit", "ended", "collect"])
async def test_a_plugin_that_always_fails_at_a_call_fails_the_job(
    world: World, vendor: Vendor, run: RunRemotely, call: str
) -> None:
    """Before, the call was repeated forever: the job never ended, and its hold stayed."""
    vendor.failing = {call}
    await run(*await world.place())
    (failed,) = world.log.events(JobFailed)
    assert failed.data.reason.code == "crashed"
    assert all(it in failed.data.reason.text for it in ("aer", "5", f"{call} failed"))
    assert is_final(failed.data.usage)
    assert len(vendor.cancelled) == (call != "submit"), "what the vendor has is cancelled"


async def test_a_run_whose_vendor_failed_is_cancelled(world: World, vendor: Vendor, run: RunRemotely) -> None:
    """Its state may not be known: before, it could go on at the vendor for a job that had failed."""
    vendor.refused = "vendor_failed"
    await run(*await world.place())
    (failed,) = world.log.events(JobFailed)
    assert failed.data.reason.code == "vendor_failed"
    assert vendor.cancelled == list(vendor.handles.values())


async def test_a_run_that_was_submitted_before_the_plugin_failed_is_followed(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence = await world.place()
    vendor.failing, vendor.handles = {"submit"}, {f"j1-{event.id}": "run-found"}
    await run(event, sequence)
    assert len(world.log.events(JobCompleted)) == 1


async def test_the_hold_of_a_job_stays_until_its_plugin_can_say_what_it_used(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence = await world.place()
    vendor.failing = {"usage"}
    with pytest.raises(UsagePending):
        await run(event, sequence)
    (completed,) = world.log.events(JobCompleted)
    assert not is_final(completed.data.usage)
    with pytest.raises(UsagePending):
        await run(event, sequence, redelivered=True)
    vendor.failing = set()
    with pytest.raises(Superseded):
        await run(event, sequence, redelivered=True)
    (report,) = world.log.events(JobUsageReported)
    assert quantities(report.data.usage)["qpu-time"] == 1_000_000


async def test_a_cancelled_job_is_settled_though_its_plugin_fails(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    placed, at = await placed_and_dispatched(world, vendor, "vendor-a", 1)
    await world.log.append(world.cancelled())
    vendor.failing = {"find", "cancel"}
    with pytest.raises(Superseded):
        await run(placed, at, redelivered=True)
    assert len(world.log.events(JobUsageReported)) == 1


async def placed(world: World) -> tuple[JobPlaced, int, str]:
    """A placement, its sequence, and the token of its run."""
    event, sequence = await world.place(carried=describe(world.bell.encode(), "text/x-openqasm"))
    return event, sequence, f"j1-{event.id}"


async def lost_attempt(world: World, event: JobPlaced) -> None:
    """Another executor started the job, and ended."""
    await world.log.append(events.started(LOST, event, 1, event.time))


async def test_the_handle_is_recorded_before_the_run_is_asked_for(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence, token = await placed(world)
    await run(event, sequence)
    assert vendor.submitted == [token]
    assert vendor.recorded_at_first_poll == [f"run-{token}"]
    assert [it.data.attempt for it in world.log.events(JobCompleted)] == [1]


async def test_a_run_whose_handle_was_lost_is_found_and_not_started_again(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence, token = await placed(world)
    await lost_attempt(world, event)
    vendor.handles[token] = f"run-{token}"
    await run(event, sequence, redelivered=True)
    assert vendor.submitted == []
    assert vendor.recorded_at_first_poll == [f"run-{token}"]
    assert [it.data.attempt for it in world.log.events(JobCompleted)] == [1], "the run that was found is attempt 1"


async def test_a_run_whose_handle_is_recorded_is_followed_by_it(world: World, vendor: Vendor, run: RunRemotely) -> None:
    """The recorded handle counts, even if the vendor finds nothing by the token any more."""
    event, sequence, token = await placed(world)
    await lost_attempt(world, event)
    sent = SentItem(circuits=1, compilations=(COMPILED,), qubits=2, shots=1_000)
    taken = Submitted(handle="run-of-old", manifest=Manifest(items=(sent,)))
    await world.log.append(events.dispatched(LOST, event, 1, taken, token))
    await run(event, sequence, redelivered=True)
    assert vendor.submitted == []
    assert [it.data.handle for it in world.log.events(JobDispatched)] == ["run-of-old"]
    assert len(world.log.events(JobCompleted)) == 1


async def test_a_submission_that_never_arrived_is_made_by_the_next_attempt(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence, token = await placed(world)
    await lost_attempt(world, event)
    await run(event, sequence, redelivered=True)
    assert vendor.submitted == [token]
    assert [it.data.attempt for it in world.log.events(JobCompleted)] == [2]


async def test_usage_that_is_not_final_keeps_the_placement_until_it_is_reported(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    event, sequence, token = await placed(world)
    vendor.final = False
    for redelivered in (False, True):
        with pytest.raises(UsagePending):
            await run(event, sequence, redelivered=redelivered)
    assert world.log.events(JobUsageReported) == []
    vendor.final = True
    with pytest.raises(Superseded):
        await run(event, sequence, redelivered=True)
    (report,) = world.log.events(JobUsageReported)
    assert (report.data.revision, quantities(report.data.usage)["qpu-time"]) == (1, Decimal(1_000_000))
    assert vendor.submitted == [token]


async def test_usage_that_never_comes_is_asked_for_a_week_and_then_left_to_an_operator(
    world: World, vendor: Vendor, run: RunRemotely, clock: FixedClock
) -> None:
    """The placement becomes a dead letter, so that it takes no place from others. Replaying it asks again."""
    event, at = await placed_and_dispatched(world, vendor, "vendor-a", 1)
    await world.log.append(world.cancelled().model_copy(update={"time": clock.now()}))
    vendor.final = False
    with pytest.raises(UsagePending):
        await run(event, at, redelivered=True)
    clock.advance(WEEK_S)
    with pytest.raises(VendorSilent, match=r"has yet to state what j1 used; nothing has changed for 7 days") as silent:
        await run(event, at, redelivered=True)
    assert silent.value.settle is Settle.DEAD_LETTER
    assert world.log.events(JobUsageReported) == []
    vendor.final = True
    with pytest.raises(Superseded):
        await run(event, at, redelivered=True)
    assert len(world.log.events(JobUsageReported)) == 1


async def test_a_run_that_a_vendor_cannot_be_asked_for_is_left_to_an_operator_after_a_week(
    world: World, vendor: Vendor, run: RunRemotely, clock: FixedClock
) -> None:
    """The job is not failed: the vendor may have the run, and charge for it."""
    vendor.away = True
    event, sequence, _ = await placed(world)
    await lost_attempt(world, event)
    with pytest.raises(VendorAway):
        await run(event, sequence, redelivered=True)
    clock.advance(WEEK_S)
    before = len(await world.log.history(world.job))
    with pytest.raises(VendorSilent, match="does not answer; nothing has changed for 7 days"):
        await run(event, sequence, redelivered=True)
    assert len(await world.log.history(world.job)) == before


QPU_TIME = Measure(metric="qpu-time", quantity="1500", unit="microsecond")


async def test_usage_that_never_comes_is_stated_by_the_operator(
    world: World, vendor: Vendor, run: RunRemotely, clock: FixedClock
) -> None:
    """By any executor: the vendor's stack may be gone. The placement, when it is delivered again, has nothing to do."""
    state = StateUsage(world.log, me=Instance("aer", "executor-aer@here:2", slots=1, memory_mb=1536))
    asked = UsageRequest(tenant="acme", job="j1", measures=(QPU_TIME,), by="ops")
    with pytest.raises(NotOwed, match="has not ended after a run"):
        await state(asked)
    event, at = await placed_and_dispatched(world, vendor, "vendor-a", 1)
    await world.log.append(world.cancelled())
    with pytest.raises(NotOwed, match="only final usage"):
        await state(asked.model_copy(update={"measures": (QPU_TIME.model_copy(update={"final": False}),)}))
    assert await state(asked) == UsageAnswer(revision=1)
    (report,) = world.log.events(JobUsageReported)
    assert (report.data.backend, report.data.attempt, report.data.reason) == ("vendor-a", 1, "stated by ops")
    with pytest.raises(NotOwed, match="is final: nothing is owed"):
        await state(asked)
    vendor.final = False
    with pytest.raises(Superseded):
        await run(event, at, redelivered=True)
    assert len(world.log.events(JobUsageReported)) == 1


async def test_a_run_that_is_found_without_its_compilation_is_followed_and_fails(
    world: World, vendor: Vendor, run: RunRemotely
) -> None:
    """It was taken for a run that the vendor never received, and went on there without a job."""
    event, sequence, token = await placed(world)
    await lost_attempt(world, event)
    vendor.handles[token], vendor.compiles = f"run-{token}", False
    await run(event, sequence, redelivered=True)
    (failed,) = world.log.events(JobFailed)
    assert failed.data.reason.code == "compilation_lost"
    assert quantities(failed.data.usage)["qpu-time"] == 1_000_000
    assert vendor.submitted == []
