"""Billing each job once, however often it is heard that it ended."""

from __future__ import annotations

from queuebit_contracts.account import AccountSettled
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import Ended, JobAccepted, JobCompleted, JobFailed, JobMetered, Metering
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.subjects import subject_of
from queuebit_kernel import Stale, Unavailable, event_id
from queuebit_metering.policy import bill, settle
from queuebit_metering.state import job_of
from queuebit_pricing import PriceBook
from queuebit_runtime.log import EventLog
from queuebit_runtime.stored import known_events
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["MeterJob"]


class MeterJob:
    """Appends `metered`, then `settled`, each at most once.

    Whatever was metered first is the bill: a repeat reads it and goes on, so that a crash between the two facts is
    made good by the next delivery.
    """

    def __init__(self, log: EventLog, book: PriceBook) -> None:
        self._log = log
        self._book = book

    async def __call__(self, ended: Ended) -> None:
        job = job_of(await self._past(ended))
        bill_ = job.metered or await self._meter(bill(job, ended, self._book), ended.provenanceid)
        await self._settle(bill_, ended.provenanceid)

    async def _past(self, ended: Ended) -> list[AnyEvent]:
        """What the bill rests on: the terms of admission for a job that ran, the whole history for any other."""
        aggregate = job_aggregate(ended.data.tenant, ended.data.job)
        if isinstance(ended, JobCompleted | JobFailed):
            accepted = await self._log.last(aggregate.event("accepted"))
            if accepted is not None and isinstance(accepted.event, JobAccepted):
                return [accepted.event]
        history = known_events(await self._log.history(aggregate))
        if all(event.id != ended.id for event in history):
            raise Unavailable(f"{aggregate.everything} is read from a replica that lags behind {ended.type}")
        return history

    async def _meter(self, data: Metering, provenanceid: str | None) -> Metering:
        event = JobMetered(
            id=event_id("metered", data.tenant, data.job),
            source="qb/metering",
            traceparent=current_traceparent(),
            provenanceid=provenanceid,
            data=data,
        )
        try:
            await self._log.append(event, after=0)
        except Stale as error:
            first = await self._log.last(subject_of(event))
            if first is None or not isinstance(first.event, JobMetered):
                raise Unavailable(f"{subject_of(event)} exists and cannot be read yet") from error
            return first.event.data
        return data

    async def _settle(self, bill_: Metering, provenanceid: str | None) -> None:
        data = settle(bill_)
        if data is None:
            return
        event = AccountSettled(
            id=event_id("settled", data.tenant, data.job),
            source="qb/metering",
            traceparent=current_traceparent(),
            provenanceid=provenanceid,
            data=data,
        )
        try:
            await self._log.append(event, after=0)
        except Stale:
            return  # settled already: there is one settlement a job, and it follows from the bill
