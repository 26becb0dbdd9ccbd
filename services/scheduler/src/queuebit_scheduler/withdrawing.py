"""Takes jobs from the last backend that they had, where a calibration says that it has less than they demand, or where
they cannot end before a window that was planned after their placement.

A job that may go to another backend is placed there, and its second placement ends the first. One that may go to none
waits again: a fact says so, guarded by the history of the job, so that a start and a withdrawal exclude each other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from queuebit_contracts.job import JobWithdrawn, Withdrawal
from queuebit_contracts.wire import Reason
from queuebit_kernel import Clock, Malformed, Stale, Unavailable, event_id
from queuebit_planning.constraints import probability
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent
from queuebit_scheduler.jobs import Outstanding
from queuebit_scheduler.state import State
from queuebit_scheduler.undecided import append_undecided
from queuebit_scheduling import Window
from queuebit_scheduling.reasons import in_words

__all__ = ["WithdrawJobs"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
"""The longest time between two looks: what the log refused is tried again."""


class WithdrawJobs:
    """Looks when scores changed, and each second, while this process leads."""

    def __init__(self, state: State, log: EventLog, clock: Clock, leads: Callable[[], bool]) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._leads = leads
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look soon."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _EVERY_S)
            self._wake.clear()
            await self.withdraw()

    async def withdraw(self) -> None:
        """Append the fact for each such job; what the log refuses is looked at again."""
        if not self._leads():
            return
        found = {
            it.accepted.key: (it, _out_of_time(it, window))
            for it, window in self._state.before_windows(self._clock.now())
        }
        found |= {it.accepted.key: (it, _below(it)) for it in self._state.stranded()}
        for it, reason in found.values():
            tenant, name = it.accepted.key
            try:
                await append_undecided(self._log, _withdrawn(it, reason), it.accepted.key, it.after)
            except Stale:
                _log.info("%s of %s moved while it was taken from %s", name, tenant, it.backend)
            except (Unavailable, Malformed) as fault:
                _log.warning("%s of %s is taken from %s later: %s", name, tenant, it.backend, fault)


def _below(it: Outstanding) -> Reason:
    accepted, backend = it.accepted, it.backend
    has, least = probability(accepted.candidate(backend).esp_ppm), probability(accepted.least_esp_ppm or 0)
    text = f"by its newest calibration {backend} has a fidelity of {has}, and the job demands {least}: it waits again"
    return Reason(code="below_fidelity", text=text)


def _out_of_time(it: Outstanding, window: Window) -> Reason:
    return Reason(code="window", text=f"{in_words(it.backend, window)}: it waits again")


def _withdrawn(it: Outstanding, reason: Reason) -> JobWithdrawn:
    accepted = it.accepted
    tenant, job = accepted.key
    return JobWithdrawn(
        id=event_id("withdrawn", tenant, job, str(it.after)),
        source="qb/scheduler",
        traceparent=current_traceparent(),
        provenanceid=accepted.provenanceid,
        data=Withdrawal(
            tenant=tenant,
            project=accepted.project,
            job=job,
            backend=it.backend,
            reason=reason,
        ),
    )
