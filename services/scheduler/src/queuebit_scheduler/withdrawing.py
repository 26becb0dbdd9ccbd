"""Takes jobs from the last backend that they had, where a calibration says that it has less than they demand.

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
from queuebit_kernel import Malformed, Stale, Unavailable, event_id
from queuebit_planning.constraints import probability
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent
from queuebit_scheduler.jobs import Outstanding
from queuebit_scheduler.state import State
from queuebit_scheduler.undecided import append_undecided

__all__ = ["WithdrawJobs"]

_log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
"""The longest time between two looks: what the log refused is tried again."""


class WithdrawJobs:
    """Looks when scores changed, and each second, while this process leads."""

    def __init__(self, state: State, log: EventLog, leads: Callable[[], bool]) -> None:
        self._state = state
        self._log = log
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
        for it in self._state.stranded():
            tenant, name = it.accepted.key
            try:
                await append_undecided(self._log, _withdrawn(it), it.accepted.key, it.after)
            except Stale:
                _log.info("%s of %s moved while it was taken from %s", name, tenant, it.backend)
            except (Unavailable, Malformed) as fault:
                _log.warning("%s of %s is taken from %s later: %s", name, tenant, it.backend, fault)


def _withdrawn(it: Outstanding) -> JobWithdrawn:
    accepted, backend = it.accepted, it.backend
    tenant, job = accepted.key
    has, least = probability(accepted.candidate(backend).esp_ppm), probability(accepted.least_esp_ppm or 0)
    text = f"by its newest calibration {backend} has a fidelity of {has}, and the job demands {least}: it waits again"
    return JobWithdrawn(
        id=event_id("withdrawn", tenant, job, str(it.after)),
        source="qb/scheduler",
        traceparent=current_traceparent(),
        provenanceid=accepted.provenanceid,
        data=Withdrawal(
            tenant=tenant,
            project=accepted.project,
            job=job,
            backend=backend,
            reason=Reason(code="below_fidelity", text=text),
        ),
    )
