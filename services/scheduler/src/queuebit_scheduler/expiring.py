"""Ends jobs that can no longer be in time: with a fact, so that their holds go back.

A job is in time if its result is there by its deadline, or by the end of the reservation that it names. It can no
longer be if a run that began now would end later, on the quickest backend that it may run on. A job that has started is
left alone: its run is paid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from queuebit_contracts.job import Expiry, JobExpired
from queuebit_contracts.wire import Reason, UnknownEvent
from queuebit_kernel import Clock, Malformed, Stale, Unavailable, event_id
from queuebit_runtime.log import EventLog, Stored
from queuebit_runtime.trace_context import current_traceparent
from queuebit_scheduler.state import Overdue, State
from queuebit_scheduler.undecided import append_undecided

__all__ = ["ExpireJobs"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
"""Between two looks at deadlines."""

_SOURCE: Final = "qb/scheduler"


class ExpireJobs:
    """Looks at deadlines every second, while this process leads.

    Whether a job is late is judged by the clock of the log: the difference to the own clock is that between the time
    that the newest event of a scheduler states and the time at which the log stored it. So a process with a wrong clock
    ends no job early, apart from the time that an append takes.
    """

    def __init__(self, state: State, log: EventLog, clock: Clock, leads: Callable[[], bool]) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._leads = leads
        self._ahead = timedelta()

    def evolve(self, stored: Stored) -> None:
        """Fold one event of the log: learn how far the own clock is ahead."""
        event = stored.event
        if not isinstance(event, UnknownEvent) and event.source == _SOURCE:
            self._ahead = event.time - stored.stored_at

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.expire()

    async def expire(self) -> None:
        """End what can no longer be in time; what the log refuses is looked at again with the next second."""
        if not self._leads():
            return
        now = self._clock.now() - self._ahead
        for it in self._state.overdue(now):
            try:
                await append_undecided(self._log, _expired(it), it.accepted.key, it.after)
            except Stale:
                _log.info("%s of %s moved while it expired", it.accepted.job.job, it.accepted.job.tenant)
            except (Unavailable, Malformed) as fault:
                _log.warning("%s of %s expires later: %s", it.accepted.job.job, it.accepted.job.tenant, fault)


def _why(it: Overdue) -> str:
    if it.placed is not None:
        return f"it was placed on {it.placed} and did not start in time"
    return "no backend had a place in time" if it.accepted.job.candidates else "none has the fidelity that it demands"


def _reason(it: Overdue) -> Reason:
    """What a job missed, and what its author can do."""
    slot = it.accepted.reservation
    if slot is not None and it.slot_is_over:
        text = f"reservation {slot} is over, and it ran only there: book another slot, or submit it without one"
        return Reason(code="reservation_over", text=text)
    takes = f" and takes about {it.takes_us / 1e6:.3g} s" if it.takes_us else ""
    limit = f"it had to end by {it.deadline:%Y-%m-%d %H:%M:%S} UTC{'' if slot is None else f' in reservation {slot}'}"
    again = "with a later deadline" if slot is None else "in a longer slot, or without a reservation"
    return Reason(code="deadline_missed", text=f"{limit}{takes}: {_why(it)}; submit it again {again}")


def _expired(it: Overdue) -> JobExpired:
    accepted, deadline = it.accepted, it.deadline
    tenant, job = accepted.key
    return JobExpired(
        id=event_id("expired", tenant, job),
        source=_SOURCE,
        traceparent=current_traceparent(),
        provenanceid=accepted.provenanceid,
        data=Expiry(
            tenant=tenant,
            project=accepted.project,
            job=job,
            reason=_reason(it),
            deadline=deadline,
            submitted_at=accepted.submitted_at,
            accepted_at=accepted.accepted_at,
            workload_class=accepted.workload_class,
        ),
    )
