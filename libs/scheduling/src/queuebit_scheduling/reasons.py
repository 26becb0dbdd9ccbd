"""Explains in words why a job waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from queuebit_scheduling.classes import class_of, is_late
from queuebit_scheduling.cycle import completion_us
from queuebit_scheduling.fallback import due_us
from queuebit_scheduling.plan import Cycle, Target
from queuebit_scheduling.policy import POLICY
from queuebit_scheduling.snapshot import BackendCapacity, Candidate, Job, Key
from queuebit_scheduling.usage import moment_of
from queuebit_scheduling.windows import Window, obstacle

__all__ = ["Waiting", "in_words", "seconds_ahead", "unavailable", "waiting", "why_placed", "why_waiting"]


_SEE_STATUS = "see in `qb status` whether its executor is up"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that is not placed, and the reason."""

    job: Key
    reason: str


def waiting(plan: Cycle) -> tuple[Waiting, ...]:
    """Return the jobs of a snapshot that are not placed in its cycle."""
    placed = {it.job for it in plan.places}
    backends, at_us = {it.name: it for it in plan.snapshot.backends}, plan.snapshot.at_us
    left = (job for group in plan.snapshot.groups for job in group.jobs if job.key not in placed)
    return tuple(Waiting(it.key, why_waiting(it, backends, at_us)) for it in left)


def why_waiting(job: Job, backends: Mapping[str, BackendCapacity], at_us: int, placed: int = 0) -> str:
    """Return why a job is not placed yet.

    Args:
        job: the job.
        backends: the registered backends by name.
        at_us: now, which decides whether the job may run on its fallback.
        placed: how many jobs of its class its user has placed.
    """
    most = class_of(job.workload_class).per_user
    if most is not None and placed >= most:
        return f"{job.user} has {placed} placed jobs of the class {job.workload_class}, as many as a user may have"
    reason, own = _why_waiting(job, backends, at_us), backends.get(job.candidates[0].backend)
    if job.spot:
        return f"it is a spot job, and runs while no other job wants the backend: {reason}"
    if job.session is None or own is None:
        return reason
    return f"{_turn_of_session(job.session, first=POLICY.precedes(own))}; {reason}"


def _turn_of_session(session: str, *, first: bool) -> str:
    """Return what the priority of a session means for a job, as a part of a sentence."""
    if first:
        return f"it runs first: session {session}"
    return f"session {session} has received its part of the backend, and other jobs are next"


def _why_waiting(job: Job, backends: Mapping[str, BackendCapacity], at_us: int) -> str:
    usable = POLICY.usable(job, backends, at_us)
    reason = _why_not_in_time(job, usable, backends, at_us) or _why_not_now(job, usable, backends, at_us)
    due, others = due_us(job, backends), [it.backend for it in job.candidates if it.fallback]
    if due is None or not others:
        return reason
    if usable[0].fallback:
        return f"what it asked for is out of service, so that it falls back: {reason}"
    if at_us < due:
        return f"{reason}; from {moment_of(due):%Y-%m-%d %H:%M:%S} UTC on it may run on {' or '.join(others)} instead"
    return f"{reason}; its fallback does not answer either: {' and '.join(others)}"


def _why_not_now(job: Job, usable: Sequence[Candidate], backends: Mapping[str, BackendCapacity], at_us: int) -> str:
    """Why none of these candidates is taken now."""
    known = [(it, backends[it.backend]) for it in usable if it.backend in backends]
    late = is_late(job)
    free = {it.name: POLICY.free(it, late=late, tenant=job.tenant) for _, it in known}
    if not any(free.values()) and (open_ := [it.name for _, it in known if POLICY.free(it, tenant=job.tenant)]):
        what = "spot jobs" if job.spot else f"jobs of the class {job.workload_class}"
        return f"{what} are placed on {open_[0]} shortly before they run"
    targets = [Target(it, it.qpu_us, here, free[here.name], completion_us(here, it.qpu_us)) for it, here in known]
    choice = POLICY.choice(job.objective)
    chosen = min((it for it in targets if it.free), key=lambda it: tuple(rule(it) for _, rule in choice), default=None)
    better = None if chosen is None else POLICY.awaited(job, targets, chosen, at_us)
    if better is not None:
        name = better.candidate.backend
        return f"it waits for a place on {name}, which is better for its objective {job.objective} than what is free"
    return _why_not_on([it.backend for it in usable], backends)


def _why_not_in_time(
    job: Job, usable: Sequence[Candidate], backends: Mapping[str, BackendCapacity], at_us: int
) -> str | None:
    """Why a job cannot end in time on any of these backends; None if it can on one that is registered."""
    found = []
    for it in usable:
        if (backend := backends.get(it.backend)) is None:
            continue
        if (window := obstacle(job, backend, it.qpu_us, at_us)) is None:
            return None
        found.append(in_words(it.backend, window))
    return "; ".join(found) or None


def in_words(backend: str, window: Window) -> str:
    """Return why a window keeps a job from a backend, as a sentence."""
    start, end = moment_of(window.start_us), moment_of(window.end_us)
    what = f"{backend} is reserved" if window.reservation is not None else f"{backend} has a {window.kind} window"
    return f"{what} from {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC, and the job cannot end in time"


def _why_not_on(names: Sequence[str], backends: Mapping[str, BackendCapacity]) -> str:
    """Why none of these backends takes a job."""
    registered = [backends[name] for name in names if name in backends]
    if not registered:
        absent = f"{names[0]} has not" if len(names) == 1 else f"none of {', '.join(names)} has"
        return f"{absent} registered yet: see in `qb status` whether its executor runs"
    if any(POLICY.free(backend) for backend in registered):
        return "its turn has not come yet"
    if busy := [it.name for it in registered if POLICY.free(it, first=True)]:
        return f"a session has {busy[0]}: other jobs are placed there shortly before they run"
    silent = [unavailable(backend) for backend in registered if not backend.takes_jobs]
    full = [backend for backend in registered if backend.takes_jobs]
    if not full:
        isolated = all(it.silent_since_us is None for it in registered)
        return f"{' and '.join(silent)}: {'see why in `qb backends`' if isolated else _SEE_STATUS}"
    taken = [f"all {it.queue_depth} places on {it.name}" for it in full if it.taken >= it.queue_depth]
    reasons = [f"{' and '.join(taken)} are taken"] if taken else []
    enough = [it for it in full if it.taken < it.queue_depth]
    reasons += [
        f"jobs of {seconds_ahead(it)} s are placed on {it.name}, which takes the next when less is left"
        for it in enough
    ]
    return "; ".join((*reasons, *silent))


def seconds_ahead(backend: BackendCapacity) -> int:
    """Return the placed run time of a backend, in seconds."""
    return backend.backlog_us // 1_000_000


def why_placed(
    backend: BackendCapacity,
    ahead: int,
    *,
    confirmed: bool,
    started: bool,
    moves: int = 0,
    left: Sequence[str] = (),
) -> str | None:
    """Return why a placed job does not run, or None if it runs.

    Args:
        backend: the backend of the placement.
        ahead: the number of jobs that were placed there earlier and have not ended.
        confirmed: whether the log contains the placement.
        started: whether a worker has started it.
        moves: how often it gave way to a job that goes before it.
        left: the backends that it was moved away from.
    """
    if backend.silent_since_us is None and backend.isolated_since_us is not None and not started:
        return f"it is placed on {backend.name}, and {unavailable(backend)}: it moves when another backend takes it"
    if backend.silent_since_us is not None:
        state = f"it was started on {backend.name}" if started else f"it is placed on {backend.name}"
        return f"{state}, and {unavailable(backend)}: it goes on when its executor is up, see `qb status`"
    if started:
        return None
    if not confirmed:
        return f"it is about to be placed on {backend.name}"
    slots = "its slot" if backend.slots == 1 else f"one of its {backend.slots} slots"
    behind = f"; {ahead} jobs were placed there before it" if ahead > 1 else "; 1 job was placed there before it"
    times = "once" if moves == 1 else f"{moves} times"
    moved = f"; it gave way {times} to a job that goes before it" if moves else ""
    moved += f"; it was moved there from {left[-1]}, because it ends sooner there" if left else ""
    return f"it is placed on {backend.name} and waits for {slots}{behind if ahead else ''}{moved}"


def unavailable(backend: BackendCapacity) -> str:
    """Return since when a backend has not answered or is isolated, as a sentence."""
    if backend.silent_since_us is None:
        since = moment_of(backend.isolated_since_us or 0)
        return f"{backend.name} has been isolated since {since:%Y-%m-%d %H:%M:%S} UTC"
    since = moment_of(backend.silent_since_us)
    return f"{backend.name} has not answered since {since:%Y-%m-%d %H:%M:%S} UTC"
