"""I1: every submitted job, hybrid or not, has exactly one end, or a consumer that still has to handle it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from queuebit_audit.hybrids import hybrid_course
from queuebit_audit.job_state import Job
from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_contracts.catalog import CATALOG, NUMBERED
from queuebit_stack.recovery.record import runs

__all__ = ["Outstanding", "nothing_lost"]

_ONCE = ("accepted", "metered", "sealed")
_AFTER_THE_END = {"submitted"} | {
    it.name for it in CATALOG.values() if it.noun == "job" and (it.terminal or it.state is None)
}
"""Events that may occur more than once: a client that repeats a request means the same job."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """Work that the services have not finished, from their consumers and answers."""

    since: int = 0
    """The end of `LOG` before the services were asked: later events may still be in flight."""
    pending: Mapping[str, int] = field(default_factory=dict)
    """By consumer: messages not delivered, or delivered and not settled."""
    undecided: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By tenant and job: why the broker has not decided on it yet; may be incomplete."""
    queue: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By tenant and job: why the scheduler has not placed it yet."""
    executors: Mapping[str, str] = field(default_factory=dict)
    """By backend: the durable that delivers its placements."""

    def owes(self, consumer: str, sequence: int) -> bool:
        """Whether a consumer may still handle an event."""
        return sequence > self.since or self.pending.get(consumer, 0) > 0


def nothing_lost(history: History, outstanding: Outstanding) -> Verdict:
    """Check the order of every job's events, and that a consumer still has each unfinished one."""
    verdict = Verdict("I1", len(history.jobs), "jobs")
    waiting: Counter[str] = Counter()
    for job in history.jobs.values():
        for fault in _disorder(job):
            verdict.add(job.subject, fault)
        if not job.finished:
            fault, reason = _due(job, outstanding)
            if fault:
                verdict.add(job.subject, fault)
            else:
                waiting[reason] += 1
    for key, hybrid in history.hybrids.items():
        for fault in hybrid_course(hybrid, outstanding):
            verdict.add("/".join(key), fault)
    for first, last in _holes(history):
        verdict.add("LOG", f"sequences {first} to {last} cannot be read: events are lost; see `qb recover`")
    if history.given_up:
        verdict.notes.append(f"{len(history.given_up)} events are lost and given up: see recovered.json in the home")
    verdict.notes += [f"{count} jobs wait: {reason}" for reason, count in waiting.most_common()]
    return verdict


def _disorder(job: Job) -> Iterator[str]:
    names = job.names
    if names[0] != "submitted":
        yield f"its history begins with {names[0]}, not with submitted"
    numbered = (name for name in dict.fromkeys(names) if name.partition(" ")[0] in NUMBERED and " " in name)
    for name in (*_ONCE, *numbered):
        if (times := names.count(name)) > 1:
            yield f"it was {name} {times} times"
    if len(job.ends) > 1:
        yield f"it ended {len(job.ends)} times: {', '.join(job.ends)}"
    for before, name in pairwise(it for it in names if it in ("placed", "withdrawn", "started")):
        if before == "withdrawn" and name == "started":
            yield "it was started after it had been withdrawn from its backend"
    if not job.ends:
        yield from (f"it was {name}, but never ended" for name in ("metered", "sealed") if name in names)
        return
    for name in names[names.index(job.ends[0]) :]:
        if name.partition(" ")[0] not in _AFTER_THE_END:
            yield f"it was {name} after it had ended"


def _due(job: Job, outstanding: Outstanding) -> tuple[str, str]:
    """The fault of an unfinished job, or the reason why it waits."""
    names = job.names
    if job.ends and job.unbilled:
        lost = f"report {job.unbilled} of its usage was never billed"
        return _owed(job, outstanding, "metering-reported", lost, "for their late usage to be billed")
    if job.ends and {"metered", "sealed"} <= {*names}:
        lost = "a correction of its bill has no receipt"
        return _owed(job, outstanding, "provenance-corrected", lost, "for the receipt of a correction")
    if job.ends:
        consumer, step = ("provenance-metered", "sealed") if "metered" in names else ("metering-ended", "metered")
        return _owed(job, outstanding, consumer, f"it was {job.ends[0]}, but never {step}", f"to be {step}")
    if "placed" in names and not _withdrawn(names):
        lost = f"it was placed on {job.backend}, but never ended"
        executor = outstanding.executors.get(job.backend or "", f"the executor of {job.backend}")
        return _owed(job, outstanding, executor, lost, f"for {job.backend} to run it")
    if "accepted" in names:
        reason = outstanding.queue.get((job.tenant, job.job))
        if reason or job.last > outstanding.since:
            return "", reason or "to be placed"
        return "it was accepted, but the scheduler does not list it", ""
    lost = "it was submitted, but neither accepted nor rejected"
    reason = outstanding.undecided.get((job.tenant, job.job), "to be admitted")
    return _owed(job, outstanding, "broker-submitted", lost, reason)


def _withdrawn(names: Sequence[str]) -> bool:
    """Whether the newest event about the place of a job says that it has none any more."""
    return next(it for it in reversed(names) if it in ("placed", "withdrawn")) == "withdrawn"


def _owed(job: Job, outstanding: Outstanding, consumer: str, lost: str, reason: str) -> tuple[str, str]:
    if outstanding.owes(consumer, job.last):
        return "", reason
    return f"{lost}, and {consumer} has no message left (see the dead letters)", ""


def _holes(history: History) -> Iterator[tuple[int, int]]:
    """Runs of missing sequences; the log begins at 1 and deletes nothing."""
    if len(history.sequences) == history.end:
        return
    before = 0
    for sequence in (*history.sequences, history.end + 1):
        yield from runs(it for it in range(before + 1, sequence) if it not in history.given_up)
        before = max(before, sequence)
