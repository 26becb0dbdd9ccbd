"""Each accepted hybrid job gets one end, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.hybrid import (
    PYTHON,
    HybridAcceptance,
    HybridAccepted,
    HybridCompleted,
    HybridFailed,
    HybridStarted,
    HybridSubmission,
    HybridTerms,
    HybridUsage,
)
from queuebit_contracts.wire import Amount, Payload
from queuebit_hybrid.handlers import RunHybridJobs
from queuebit_hybrid.policy import Measured
from queuebit_hybrid.usage_file import Progress, UsageFiles
from queuebit_kernel import Superseded, Unavailable, digest
from queuebit_runtime.payloads import describe
from queuebit_testing.memory import MemoryLog, MemoryPayloads

TERMS = HybridTerms(project="main", price="p", price_book=digest(b""), hold=Amount(amount="1"), max_time_s=10)
USED = HybridUsage(time_us=2_000_000)


class Attempt:
    """An attempt that ends when it is released."""

    result: bytes | None = b"1"

    def __init__(self, released: asyncio.Event) -> None:
        self._released = released

    def progress(self) -> Progress:
        return Progress(usage=USED)

    def stop(self) -> None:
        self._released.set()

    async def run(self, source: str, left_s: float) -> Measured:
        await self._released.wait()
        return Measured(0)


class Runs:
    """Children that are no processes."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.finished: list[str] = []

    def attempt(self, job: HybridAcceptance, before: Progress) -> Attempt:
        return Attempt(self.released)

    async def finish(self, job: HybridAcceptance | HybridSubmission) -> None:
        self.finished.append(job.hybrid)


class FullDisk(UsageFiles):
    """Files that cannot be written."""

    def write(self, tenant: str, hybrid: str, progress: Progress) -> None:
        raise OSError("no space left on device")


class Log(MemoryLog):
    """A log that does not answer while `away`."""

    away = False

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        if self.away:
            raise Unavailable("the log does not answer")
        return await super().append(event, after=after, guard=guard)


def accepted(file: Payload) -> HybridAccepted:
    data = HybridAcceptance(
        tenant="acme",
        hybrid="habc",
        user="ada",
        delegation="d1",
        file=file,
        parameters="{}",
        purpose="test",
        terms=TERMS,
        submitted_at=datetime(2026, 11, 29, tzinfo=UTC),
    )
    return HybridAccepted(source="qb/broker", data=data)


class Place:
    """A service with one accepted hybrid job."""

    def __init__(self, files: UsageFiles, event: HybridAccepted) -> None:
        self.log, self.runs, self.event = Log(), Runs(), event
        self.run = RunHybridJobs(self.log, MemoryPayloads(), self.runs, files, "hybrid-1", 1)

    async def deliver(self) -> None:
        await self.run(self.event, await self.log.append(self.event))

    def names(self) -> Sequence[str]:
        return [it.subject.rpartition(".")[2] for it in self.log.stored]

    async def started(self) -> None:
        while not self.log.events(HybridStarted):
            await asyncio.sleep(0)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(UsageFiles(tmp_path), accepted(describe(b"pass", PYTHON)))


async def test_a_job_starts_and_ends_with_its_result_and_what_it_used(place: Place) -> None:
    place.runs.released.set()
    await place.deliver()
    assert place.names() == ["accepted", "started", "completed"]
    (end,) = place.log.events(HybridCompleted)
    assert (end.data.attempt, end.data.usage, end.data.result and end.data.result.inline) == (1, USED, "1")
    assert place.runs.finished == ["habc"]
    with pytest.raises(Superseded):
        await place.deliver()


async def test_a_small_result_that_must_be_erasable_is_in_no_event(tmp_path: Path) -> None:
    event = accepted(describe(b"pass", PYTHON))
    place = Place(
        UsageFiles(tmp_path), event.model_copy(update={"data": event.data.model_copy(update={"erasable": True})})
    )
    place.runs.released.set()
    await place.deliver()
    (end,) = place.log.events(HybridCompleted)
    assert end.data.result is not None
    assert (end.data.result.inline, end.data.result.digest) == (None, digest(b"1"))


async def test_a_second_delivery_waits_and_reports_a_job_whose_end_could_not_be_stored(place: Place) -> None:
    """It was acknowledged then, and the job had no end for ever."""
    first = asyncio.ensure_future(place.deliver())
    await place.started()
    second = asyncio.ensure_future(place.deliver())
    await asyncio.sleep(0)
    place.log.away = True
    place.runs.released.set()
    with pytest.raises(Unavailable):
        await first
    place.log.away = False
    await second
    (end,) = place.log.events(HybridFailed)
    assert (end.data.reason.code, end.data.usage) == ("lost", USED)


async def test_what_a_job_used_is_billed_although_it_cannot_be_written_to_disk(tmp_path: Path) -> None:
    place = Place(FullDisk(tmp_path), accepted(describe(b"pass", PYTHON)))
    place.runs.released.set()
    await place.deliver()
    (end,) = place.log.events(HybridCompleted)
    assert end.data.usage == USED


async def test_a_file_that_is_not_stored_fails_before_it_starts(tmp_path: Path) -> None:
    place = Place(UsageFiles(tmp_path), accepted(describe(b"#" * 100_000, PYTHON)))
    await place.deliver()
    assert place.names() == ["accepted", "failed"]
    (end,) = place.log.events(HybridFailed)
    assert (end.data.reason.code, end.data.attempt) == ("file_missing", 0)
