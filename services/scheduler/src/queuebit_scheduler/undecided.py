"""Appends what the scheduler says about a job that has not started, guarded by the history of the job."""

from __future__ import annotations

from typing import Any

from queuebit_contracts.job import JobAccepted, JobSubmitted
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import Event, UnknownEvent
from queuebit_kernel import Stale
from queuebit_runtime.log import EventLog
from queuebit_scheduling import Key

__all__ = ["UNDECIDING", "append_undecided"]

_TRIES = 5
"""How often one fact is tried again after repeated submissions of the job came first."""

UNDECIDING = JobSubmitted | JobAccepted | UnknownEvent
"""Events that do not change where a job is."""


async def append_undecided(log: EventLog, fact: Event[Any], key: Key, after: int) -> None:
    """Append a fact about a job whose newest event about its place has the sequence `after`.

    Raises:
        Stale: it started, ended or was placed again, which the view will show.
        Unavailable: the log did not confirm.
        Malformed: its history cannot be read.
    """
    history = job_aggregate(*key)
    newest = after
    for _ in range(_TRIES):
        try:
            await log.append(fact, after=newest, guard=history.everything)
        except Stale:
            past = await log.history(history, reaching=newest + 1)
            if any(later.sequence > after and not isinstance(later.event, UNDECIDING) for later in past):
                raise
            newest = past[-1].sequence
        else:
            return
    raise Stale(f"{history.prefix} moved {_TRIES} times")
