"""When a job runs on its fallback: a pure rule over the facts about backends.

A job that has a fallback switches when all backends that it asked for have been out of service, or isolated, for as
long as its project allows, and a backend of the fallback answers. It returns when one of its own is in service again.
Both ends of an interruption are facts, and the second needs answers for some time, so that jobs do not go back and
forth.
"""

from __future__ import annotations

from collections.abc import Mapping

from queuebit_scheduling.plan import FellBack
from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job

__all__ = ["answers", "due_us", "fell_back", "usable"]


def answers(backend: BackendCapacity | None) -> bool:
    """Whether a backend is registered, does not count as stopped and is not isolated."""
    return backend is not None and backend.slots > 0 and backend.takes_jobs


def usable(job: Job, backends: Mapping[str, BackendCapacity], at_us: int) -> tuple[Candidate, ...]:
    """Return the candidates where a job may be placed at a moment.

    Args:
        job: a job that has not started.
        backends: the registered backends by name.
        at_us: the moment.
    """
    for it in job.candidates:  # this is asked for each waiting job: a loop takes half of the time of `any`
        if it.fallback:
            break
    else:
        return job.candidates
    own = tuple(it for it in job.candidates if not it.fallback)
    others = tuple(it for it in job.candidates if it.fallback)
    if not own:
        return others
    due = due_us(job, backends)
    switched = due is not None and at_us >= due and any(answers(backends.get(it.backend)) for it in others)
    return others if switched else own


def due_us(job: Job, backends: Mapping[str, BackendCapacity]) -> int | None:
    """Return from when on a job may run on its fallback; None while one of its own backends is in service."""
    found = fell_back(job, backends)
    return None if found is None else found.since_us + job.fallback_after_us


def fell_back(job: Job, backends: Mapping[str, BackendCapacity]) -> FellBack | None:
    """Return which backends of a job are out of service or isolated, and since when the last of them is.

    None if one is in service, or if the job has only its fallback, because its own were out at its admission.
    """
    own = [it.backend for it in job.candidates if not it.fallback]
    known = [it for it in map(backends.get, own) if it is not None]
    out = [since for it in known if (since := _out_since_us(it)) is not None]
    return FellBack(tuple(own), max(out)) if own and len(out) == len(own) else None


def _out_since_us(backend: BackendCapacity) -> int | None:
    return backend.isolated_since_us if backend.out_since_us is None else backend.out_since_us
