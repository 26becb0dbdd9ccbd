"""Usage that comes late, in any order, twice, and through crashes: the money always adds up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queuebit_contracts.account import AccountCorrected, AccountSettled
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import Ended, JobCorrected, JobMetered, JobUsageReported
from queuebit_contracts.subjects import Aggregate
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Stale, Unavailable
from queuebit_metering.errors import Unbillable
from queuebit_metering.handlers import CorrectBill, MeterJob
from queuebit_metering.policy import correct
from queuebit_metering.state import job_of
from queuebit_runtime.log import Stored
from queuebit_testing.memory import MemoryLog

from .conftest import Alone, Life


class Crash(Exception):
    """The process ends here."""


class Shaky(MemoryLog):
    """A log that others use too, and whose writers end at given appends, before or after the event is stored."""

    def __init__(self, crashes: Sequence[tuple[int, bool]] = ()) -> None:
        super().__init__()
        self._crashes = dict(crashes)
        self._appends = 0

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        await asyncio.sleep(0)
        self._appends += 1
        stored_first = self._crashes.get(self._appends)
        if stored_first is False:
            raise Crash
        sequence = await super().append(event, after=after, guard=guard)
        if stored_first is True:
            raise Crash
        return sequence

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        found = await super().history(aggregate, reaching=reaching)
        await asyncio.sleep(0)
        return found


async def deliver_all(
    log: Shaky, life: Life, ended: Ended, reports: Sequence[JobUsageReported], random: Random
) -> None:
    """Deliver everything, twice and side by side, and again until each delivery is acknowledged.

    A report is stored when it is delivered first: handlers that run side by side see different ones.
    """
    due: list[Ended | JobUsageReported] = [ended, ended, *reports, *reports]

    async def once(event: Ended | JobUsageReported) -> Ended | JobUsageReported | None:
        for _ in range(random.randint(0, 3)):
            await asyncio.sleep(0)
        try:
            if isinstance(event, JobUsageReported):
                await CorrectBill(log, life.book)(event, await MemoryLog.append(log, event, after=0))
            else:
                await MeterJob(log, Alone(), life.book)(event)
        except (Crash, Stale, Unavailable):
            return event
        return None

    while due:
        random.shuffle(due)
        failed = await asyncio.gather(*map(once, due[:4]))
        due = [*due[4:], *(it for it in failed if it is not None)]


Report = tuple[int, int, bool]
"""Microseconds, shots, and whether they are final."""


def known(history: list[Stored]) -> list[AnyEvent]:
    return [it.event for it in history if not isinstance(it.event, UnknownEvent)]


REPORTS = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 2000), st.booleans()), max_size=4)
CRASHES = st.lists(st.tuples(st.integers(1, 20), st.booleans()), max_size=4, unique_by=lambda it: it[0])
QUICK = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(
    end=st.sampled_from(["completed", "not final", "cancelled", "failed"]),
    reports=REPORTS,
    crashes=CRASHES,
    random=st.randoms(use_true_random=False),
)
def test_money_is_conserved_in_any_order_through_crashes(
    life_of: type[Life], end: str, reports: list[Report], crashes: list[tuple[int, bool]], random: Random
) -> None:
    asyncio.run(_conserved(life_of(), end, reports, crashes, random))


async def _conserved(
    life: Life, end: str, reports: list[Report], crashes: list[tuple[int, bool]], random: Random
) -> None:
    log = Shaky(crashes)
    ends: dict[str, Callable[[], Ended]] = {
        "completed": life.completed,
        "not final": lambda: life.completed(final=False),
        "cancelled": life.cancelled,
        "failed": lambda: life.failed(qpu_us=700, at_limit=True),
    }
    ended = ends[end]()
    for event in (life.submitted(), life.accepted(), life.placed(), life.started(reports_usage=True), ended):
        await MemoryLog.append(log, event)
    said = [
        life.reported(number, qpu_us=time, shots=shots, final=final)
        for number, (time, shots, final) in enumerate(reports, start=1)
    ]
    await deliver_all(log, life, ended, said, random)

    (metered,) = log.events(JobMetered)
    corrections = [it.data for it in log.events(JobCorrected)]
    settled = [it.data for it in log.events(AccountSettled)]
    adjusted = [Decimal(it.data.delta.amount) for it in log.events(AccountCorrected)]
    assert [it.revision for it in corrections] == [*range(1, len(corrections) + 1)]

    history = known(await log.history(job_aggregate("acme", life.job)))
    job = job_of(history)
    assert correct(job, life.book) is None, "nothing that was reported is left out"
    assert job.charge is not None
    charge = Decimal(job.charge.amount)
    assert Decimal(metered.data.charge.amount) + sum(Decimal(it.delta.amount) for it in corrections) == charge
    if not job.final:
        assert not settled
        assert not adjusted
        assert charge == 0
        return
    (settlement,) = settled
    assert Decimal(settlement.settled.amount) + Decimal(settlement.released.amount) == life.hold.amount
    assert Decimal(settlement.settled.amount) + sum(adjusted) == charge <= life.hold.amount
    straight = job_of([*(it for it in history if not isinstance(it, JobCorrected)), life.metered(ended, *history[:4])])
    at_once = (correct(straight, life.book) or straight).charge
    assert at_once is not None
    assert charge == Decimal(at_once.amount), "the order of arrival does not change the charge"


@pytest.fixture
async def log(life: Life) -> MemoryLog:
    log = MemoryLog()
    for event in (life.submitted(), life.accepted(), life.placed()):
        await log.append(event)
    return log


async def test_a_report_waits_until_its_job_is_metered(life: Life, log: MemoryLog) -> None:
    report = life.reported(1)
    sequence = await log.append(report)
    with pytest.raises(Unavailable, match="not metered yet"):
        await CorrectBill(log, life.book)(report, sequence)
    ended = life.completed(final=False)
    await log.append(ended)
    await MeterJob(log, Alone(), life.book)(ended)
    assert log.events(AccountSettled) == []
    await CorrectBill(log, life.book)(report, sequence)
    assert [it.event.type for it in log.stored[-3:]] == [
        "qb.job.metered.v1",
        "qb.job.corrected.v1",
        "qb.account.settled.v1",
    ]
    (settled,) = log.events(AccountSettled)
    assert (settled.data.settled.amount, settled.data.revision) == ("0.002023", 1)


async def test_usage_of_a_job_that_is_unknown_or_was_never_accepted_is_not_charged(life: Life) -> None:
    log, unknown = MemoryLog(), life.reported(1)
    sequence = await log.append(unknown)
    with pytest.raises(Unavailable, match="not metered yet"):
        await CorrectBill(log, life.book)(unknown, sequence)
    assert [it.event for it in log.stored] == [unknown], "it is delivered again, and at last a dead letter"
    rejected = life.rejected()
    await log.append(life.submitted())
    await log.append(rejected)
    await MeterJob(log, Alone(), life.book)(rejected)
    with pytest.raises(Unbillable, match="was never accepted"):
        await CorrectBill(log, life.book)(unknown, sequence)
    assert not any((log.events(JobCorrected), log.events(AccountSettled), log.events(AccountCorrected)))


async def test_a_report_after_the_settlement_changes_the_account_once(life: Life, log: MemoryLog) -> None:
    ended = life.completed(qpu_us=9000)
    await log.append(ended)
    await MeterJob(log, Alone(), life.book)(ended)
    report = life.reported(1, qpu_us=1500)
    sequence = await log.append(report)
    for _ in range(2):
        await CorrectBill(log, life.book)(report, sequence)
    (adjusted,) = log.events(AccountCorrected)
    assert adjusted.data.delta.amount == "-0.000085"
    assert len(log.events(JobCorrected)) == len(log.events(AccountSettled)) == 1


async def test_a_settlement_that_came_in_between_is_corrected_on_the_account(life: Life, log: MemoryLog) -> None:
    """The process that metered a final bill ends before it settles; another one corrects the bill, and both settle."""
    ended = life.completed(qpu_us=9000)
    await log.append(ended)
    await log.append(life.metered(ended))
    report = life.reported(1, qpu_us=1500)
    sequence = await log.append(report)

    class Overtaken(MemoryLog):
        async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
            sequence = await super().append(event, after=after, guard=guard)
            if isinstance(event, JobCorrected):
                await MeterJob(self, Alone(), life.book)(ended)
            return sequence

    overtaken = Overtaken()
    overtaken.stored = log.stored
    await CorrectBill(overtaken, life.book)(report, sequence)
    (settled,) = overtaken.events(AccountSettled)
    (adjusted,) = overtaken.events(AccountCorrected)
    assert (settled.data.settled.amount, adjusted.data.delta.amount) == ("0.002108", "-0.000085")


async def test_a_cancelled_run_is_billed_for_what_it_used(life: Life, log: MemoryLog) -> None:
    ended, report = life.cancelled(), life.reported(1, shots=0)
    await log.append(life.started(reports_usage=True))
    await log.append(ended)
    await MeterJob(log, Alone(), life.book)(ended)
    assert log.events(AccountSettled) == []
    await CorrectBill(log, life.book)(report, await log.append(report))
    (settled,) = log.events(AccountSettled)
    assert settled.data.settled.amount == "0.001023", "one task and its time"


async def test_two_reports_at_once_are_two_corrections_in_a_row(life: Life, log: MemoryLog) -> None:
    ended = life.completed(final=False)
    await log.append(ended)
    await MeterJob(log, Alone(), life.book)(ended)
    first, second = life.reported(1, qpu_us=9000), life.reported(2, qpu_us=1500)

    class Overtaken(MemoryLog):
        async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
            if isinstance(event, JobCorrected) and not self.events(JobCorrected) and event.data.report == 1:
                await CorrectBill(self, life.book)(second, await super().append(second))
            return await super().append(event, after=after, guard=guard)

    overtaken = Overtaken()
    overtaken.stored = log.stored
    await CorrectBill(overtaken, life.book)(first, await overtaken.append(first))
    corrections = [it.data for it in overtaken.events(JobCorrected)]
    assert [(it.revision, it.report, it.delta.amount) for it in corrections] == [(1, 2, "0.002023")]
    (settled,) = overtaken.events(AccountSettled)
    assert settled.data.settled.amount == "0.002023"
