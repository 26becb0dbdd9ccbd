"""What an executor leaves at a vendor, and reports, when a placement is not needed any more."""

from __future__ import annotations

from typing import Any

import pytest

from queuebit_contracts.job import JobDispatched, JobPlaced, JobUsageReported, Measure
from queuebit_contracts.usage import quantities
from queuebit_executor import events
from queuebit_executor.answers import Submitted
from queuebit_executor.instance import Instance
from queuebit_executor.remote import RunRemotely
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, Superseded

ME = Instance("vendor", "executor-vendor@here:1", slots=2, memory_mb=1536)


class Vendor:
    """Has the runs that were given to it; each has used a second."""

    def __init__(self) -> None:
        self.handles: dict[str, str] = {}
        self.cancelled: list[str] = []

    async def find(self, backend: str, source: bytes, token: str) -> Submitted:
        return Submitted(handle=self.handles.get(token))

    async def cancel(self, backend: str, handle: str) -> None:
        self.cancelled.append(handle)

    async def usage(self, backend: str, handle: str) -> tuple[Measure, ...]:
        return (Measure(metric="qpu-time", quantity="1000000", unit="microsecond"),)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def run(world: Any, vendor: Vendor) -> RunRemotely:
    return RunRemotely(
        world.log,
        world.payloads,
        world.circuits,
        FixedClock(),
        JobWatch(world.log),
        me=ME,
        vendor=vendor,
        poll_s=0.01,
        pauses=(0,),
    )


async def placed_and_dispatched(world: Any, vendor: Vendor, backend: str, attempt: int) -> tuple[JobPlaced, int]:
    event = world.placed(backend=backend)
    sequence = await world.log.append(event)
    token = f"j1-{event.id}"
    vendor.handles[token] = f"run-{token}"
    await world.log.append(events.started(ME, event, attempt, event.time, reports_usage=True))
    submitted = Submitted(handle=f"run-{token}", qubits=2)
    await world.log.append(events.dispatched(ME, event, attempt, submitted, token))
    return event, sequence


async def test_a_placement_that_was_replaced_leaves_the_newer_run_and_its_usage_alone(
    world: Any, vendor: Vendor, run: RunRemotely
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
    assert (report.data.backend, quantities(report.data.usage)["qpu-time"]) == ("vendor-b", 1_000_000)
    assert len(world.log.events(JobDispatched)) == 2
