"""Bills each job once, and corrects the bill when usage comes later. Repeats and any order of messages are safe."""

from __future__ import annotations

from queuebit_contracts.account import AccountCorrected, AccountSettled, Adjustment, Settlement
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    Correction,
    Ended,
    JobAccepted,
    JobCompleted,
    JobCorrected,
    JobFailed,
    JobMetered,
    JobUsageReported,
    Metering,
)
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wildcards import every
from queuebit_kernel import Stale, Unavailable, event_id
from queuebit_metering.bills import Bills
from queuebit_metering.policy import adjustments, bill, correct, settle
from queuebit_metering.state import Job, evolve, job_of
from queuebit_pricing import PriceBook
from queuebit_runtime.log import EventLog
from queuebit_runtime.stored import known_events
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["CorrectBill", "MeterJob"]

_SOURCE = "qb/metering"
_TRIES = 5
"""How often a correction is decided again because another one was stored first."""


class MeterJob:
    """Appends `metered`, then `settled` if the bill is final, each at most once.

    Both are stored with those of other jobs, or one after the other. The first `metered` is the bill. A repeat reads it
    and continues, so that after a crash between the two facts the next delivery appends the second.
    """

    def __init__(self, log: EventLog, bills: Bills, book: PriceBook) -> None:
        self._log = log
        self._bills = bills
        self._book = book

    async def __call__(self, ended: Ended, *, again: bool = False) -> None:
        """Bill a job that ended.

        Args:
            ended: its end.
            again: whether it may be billed already: other jobs should not share a batch that is then refused.
        """
        job = await self._past(ended)
        if job.metered is not None:
            settled = _settled(Job(metered=job.metered), ended.provenanceid)
        else:
            metered = _metered(bill(job, ended, self._book), ended.provenanceid)
            settled = _settled(Job(metered=metered.data), ended.provenanceid)
            if not again and await self._bills.store([metered] if settled is None else [metered, settled]):
                return
            first = await self._meter(metered)
            if first is not metered.data:
                settled = _settled(Job(metered=first), ended.provenanceid)
        if settled is not None:
            await _settle(self._log, settled)

    async def _past(self, ended: Ended) -> Job:
        """What the bill is computed from.

        For a job that ran, these are the terms of its admission: its end carries them, or else they are read from
        `accepted`. For any other job it is the whole history.
        """
        aggregate = job_aggregate(ended.data.tenant, ended.data.job)
        if isinstance(ended, JobCompleted | JobFailed):
            if ended.data.terms is not None:
                return job_of([ended])
            accepted = await self._log.last(aggregate.event("accepted"))
            if accepted is not None and isinstance(accepted.event, JobAccepted):
                return job_of([accepted.event])
        history = known_events(await self._log.history(aggregate))
        if all(it.id != ended.id for it in history):
            raise Unavailable(f"the replica that answered for {aggregate.everything} lags behind {ended.type}")
        return job_of(history)

    async def _meter(self, event: JobMetered) -> Metering:
        """Append a bill; return the first one of the job."""
        try:
            await self._log.append(event, after=0)
        except Stale as error:
            first = await self._log.last(subject_of(event))
            if first is None or not isinstance(first.event, JobMetered):
                raise Unavailable(f"{subject_of(event)} exists and cannot be read yet") from error
            return first.event.data
        return event.data


class CorrectBill:
    """Bills usage that came after the end of a job: appends `corrected`, then `settled` once the bill is final.

    If the hold was settled before, the difference becomes `corrected` on the account. Each fact has its own subject,
    which takes one event, and each correction is guarded by the one before. So after a repeat, or a crash between two
    facts, only the missing facts are appended.
    """

    def __init__(self, log: EventLog, book: PriceBook) -> None:
        self._log = log
        self._book = book

    async def __call__(self, report: JobUsageReported, sequence: int) -> None:
        """Bring the bill up to date.

        Args:
            report: usage of a job; all reports in the job's history are considered.
            sequence: its place in the log.

        Raises:
            Unavailable: the job is not metered yet; the report is delivered again later.
            Stale: other processes corrected the bill again and again.
        """
        job = await self._corrected(report, sequence)
        event = _settled(job, report.provenanceid)
        if event is not None:
            settled = await _settle(self._log, event)
            for data in adjustments(job, settled):
                await _once(self._log, _adjusted(data, report.provenanceid))

    async def _corrected(self, report: JobUsageReported, sequence: int) -> Job:
        tenant, name, reaching = report.data.tenant, report.data.job, sequence
        for _ in range(_TRIES):
            history = await self._log.history(job_aggregate(tenant, name), reaching=reaching)
            job = job_of(known_events(history))
            if job.metered is None:
                raise Unavailable(f"usage of job {name} was reported, and the job is not metered yet")
            correction = correct(job, self._book)
            if correction is None:
                return job
            event = _correction(correction, report)
            last = max((it.sequence for it in history if isinstance(it.event, JobCorrected)), default=0)
            try:
                await self._log.append(event, after=last, guard=every(JobCorrected, tenant=tenant, job=name))
            except Stale:
                reaching = max(reaching, last + 1)
            else:
                return evolve(job, event)
        raise Stale(f"other processes corrected the bill of job {name} {_TRIES} times; the report is delivered again")


async def _settle(log: EventLog, event: AccountSettled) -> Settlement:
    """Settle the hold unless it was settled before; return the settlement that counts."""
    return event.data if await _once(log, event) else await _settled_before(log, event)


async def _settled_before(log: EventLog, event: AccountSettled) -> Settlement:
    first = await log.last(subject_of(event))
    if first is None or not isinstance(first.event, AccountSettled):
        raise Unavailable(f"{subject_of(event)} exists and cannot be read yet")
    return first.event.data


async def _once(log: EventLog, event: AnyEvent) -> bool:
    """Append the only event of its subject; False if the subject has one."""
    try:
        await log.append(event, after=0)
    except Stale:
        return False
    return True


def _metered(data: Metering, provenanceid: str | None) -> JobMetered:
    return JobMetered(
        id=event_id("metered", data.tenant, data.job),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=provenanceid,
        data=data,
    )


def _settled(job: Job, provenanceid: str | None) -> AccountSettled | None:
    """The settlement by the last bill; None if nothing was held, or the bill is not final."""
    data = settle(job)
    if data is None:
        return None
    revision = [] if data.revision is None else [str(data.revision)]  # settlements of two bills are two events
    return AccountSettled(
        id=event_id("settled", data.tenant, data.job, *revision),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=provenanceid,
        data=data,
    )


def _correction(data: Correction, report: JobUsageReported) -> JobCorrected:
    return JobCorrected(
        id=event_id("corrected", data.tenant, data.job, str(data.revision), str(data.report)),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=report.provenanceid,
        data=data,
    )


def _adjusted(data: Adjustment, provenanceid: str | None) -> AccountCorrected:
    return AccountCorrected(
        id=event_id("account-corrected", data.tenant, data.job, str(data.revision)),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=provenanceid,
        data=data,
    )
