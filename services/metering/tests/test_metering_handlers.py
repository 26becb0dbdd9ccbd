"""One charge and one settlement per job, for any repeated deliveries."""

import pytest

from queuebit_contracts.account import AccountSettled
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobCompleted, JobMetered, Metering, Terms
from queuebit_contracts.subjects import Aggregate
from queuebit_contracts.wire import Amount
from queuebit_kernel import Unavailable
from queuebit_metering.handlers import MeterJob
from queuebit_metering.policy import bill
from queuebit_metering.state import job_of
from queuebit_runtime.log import Stored
from queuebit_testing.memory import MemoryLog

from .conftest import Alone, Life


@pytest.fixture
async def log(life: Life) -> MemoryLog:
    log = MemoryLog()
    for event in (life.submitted(), life.accepted(), life.placed()):
        await log.append(event)
    return log


async def test_a_job_is_metered_then_settled(life: Life, log: MemoryLog) -> None:
    ended = life.completed()
    await log.append(ended)
    await MeterJob(log, Alone(), life.book)(ended)
    metered, settled = (stored.event for stored in log.stored[-2:])
    assert isinstance(metered, JobMetered)
    assert isinstance(settled, AccountSettled)
    assert metered.provenanceid == settled.provenanceid == ended.provenanceid
    assert settled.data.settled.amount == metered.data.charge.amount


async def test_a_second_delivery_changes_nothing(life: Life, log: MemoryLog) -> None:
    ended = life.completed()
    await log.append(ended)
    meter = MeterJob(log, Alone(), life.book)
    await meter(ended)
    before = len(log.stored)
    await meter(ended)
    assert len(log.stored) == before


async def test_a_crash_after_metering_is_made_good_by_the_first_bill(life: Life, log: MemoryLog) -> None:
    ended = life.completed()
    await log.append(ended)
    other = MemoryLog()
    other.stored = [*log.stored]
    await MeterJob(other, Alone(), life.book)(ended)
    (metered,), (settled,) = other.events(JobMetered), other.events(AccountSettled)
    await log.append(metered)  # the crash: metered, not settled
    await MeterJob(log, Alone(), life.book)(ended)
    assert len(log.events(JobMetered)) == 1
    assert [it.data for it in log.events(AccountSettled)] == [settled.data]


async def test_the_first_process_writes_the_bill(life: Life, log: MemoryLog) -> None:
    ended = life.completed()
    await log.append(ended)
    rival = JobMetered(source="qb/metering", data=_cheaper(life, ended))

    class _Late(MemoryLog):
        """The rival writes between the reading of the history and the append."""

        async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
            if isinstance(event, JobMetered) and not self.events(JobMetered):
                await super().append(rival)
            return await super().append(event, after=after, guard=guard)

    late = _Late()
    late.stored = [*log.stored]
    await MeterJob(late, Alone(), life.book)(ended)
    assert late.events(JobMetered) == [rival]
    [settled] = late.events(AccountSettled)
    assert settled.data.settled.amount == "0.00"


def _cheaper(life: Life, ended: JobCompleted) -> Metering:
    full = bill(job_of([life.accepted()]), ended, life.book)
    return full.model_copy(update={"charge": full.charge.model_copy(update={"amount": "0.00", "lines": ()})})


async def test_a_job_that_was_never_accepted_is_metered_and_touches_no_account(life: Life) -> None:
    log, ended = MemoryLog(), life.rejected()
    await log.append(life.submitted())
    await log.append(ended)
    await MeterJob(log, Alone(), life.book)(ended)
    [metered] = log.events(JobMetered)
    assert (metered.data.charge.amount, metered.data.hold) == ("0.00", None)
    assert log.events(AccountSettled) == []


async def test_a_history_without_the_end_is_not_believed(life: Life, log: MemoryLog) -> None:
    with pytest.raises(Unavailable, match="lags behind"):
        await MeterJob(log, Alone(), life.book)(life.cancelled())


async def test_a_job_that_ran_is_not_billed_without_the_terms_of_its_admission(life: Life) -> None:
    with pytest.raises(Unavailable, match="lags behind"):
        await MeterJob(MemoryLog(), Alone(), life.book)(life.completed())


async def test_an_outage_is_left_to_the_next_delivery(life: Life, log: MemoryLog) -> None:
    ended = life.completed()
    await log.append(ended)

    class _Down(MemoryLog):
        async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
            raise Unavailable("no answer")

    down = _Down()
    down.stored = [*log.stored]
    with pytest.raises(Unavailable):
        await MeterJob(down, Alone(), life.book)(ended)
    assert down.events(JobMetered) == []


class AppendOnly(MemoryLog):
    """Fails if it is read."""

    async def last(self, subject: str) -> Stored | None:
        raise AssertionError(f"{subject} was read")

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        raise AssertionError(f"the history of {aggregate.prefix} was read")


async def test_an_end_that_carries_its_terms_is_billed_without_a_read_of_the_log(life: Life) -> None:
    terms = Terms(
        project="main",
        price="aer-1",
        price_book=life.accepted().data.price_book,
        hold=Amount.of(life.hold),
        shots=life.shots,
        qpu_us=life.qpu_us,
        qubits=life.qubits,
    )
    ended, log = life.completed(), AppendOnly()
    await MeterJob(log, Alone(), life.book)(
        ended.model_copy(update={"data": ended.data.model_copy(update={"terms": terms})})
    )
    (metered,), (settled,) = log.events(JobMetered), log.events(AccountSettled)
    assert metered.data.charge == bill(job_of([life.accepted()]), ended, life.book).charge
    assert settled.data.settled.amount == metered.data.charge.amount
