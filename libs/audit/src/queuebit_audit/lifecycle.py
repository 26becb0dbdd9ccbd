"""I1: every submitted job has exactly one end, or somebody who still owes it one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from queuebit_audit.report import Verdict
from queuebit_audit.state import History, Job
from queuebit_contracts.job import TERMINAL
from queuebit_contracts.topology import topology
from queuebit_stack.recovery.record import runs

__all__ = ["Outstanding", "nothing_lost"]

_ONCE = ("accepted", "metered", "sealed")
_AFTER_THE_END = {*TERMINAL, "metered", "sealed", "submitted"}
"""A client that repeats its request without a guard does no harm: it is the same job."""


@dataclass(frozen=True, slots=True)
class Outstanding:
    """What the platform knows it has yet to do, beyond what `LOG` says."""

    since: int = 0
    """Where `LOG` ended before anybody was asked: whatever came later may still be on its way."""
    duties: Mapping[str, int] = field(default_factory=dict)
    """By durable: messages not delivered, or delivered and not settled."""
    undecided: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By tenant and job: why the broker cannot decide on it yet; not of all that it owes an answer."""
    queue: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By tenant and job: why the scheduler has not placed it yet."""

    def owes(self, duty: str, sequence: int) -> bool:
        """Whether a duty may still answer an event."""
        return sequence > self.since or self.duties.get(duty, 0) > 0


def nothing_lost(history: History, outstanding: Outstanding) -> Verdict:
    """Check every job's order of events, and that each unfinished one is still somebody's duty."""
    verdict = Verdict("I1", len(history.jobs), "jobs")
    waiting: Counter[str] = Counter()
    for job in history.jobs.values():
        name = f"{job.tenant}/{job.job}"
        for fault in _disorder(job):
            verdict.add(name, fault)
        if not job.finished:
            fault, reason = _due(job, outstanding)
            if fault:
                verdict.add(name, fault)
            else:
                waiting[reason] += 1
    for first, last in _holes(history):
        verdict.add("LOG", f"sequences {first} to {last} cannot be read: events were lost; `qb recover` mends the log")
    if history.given_up:
        verdict.notes.append(f"{len(history.given_up)} events were lost and given up: see recovered.json in the home")
    verdict.notes += [f"{count} jobs wait: {reason}" for reason, count in waiting.most_common()]
    return verdict


def _disorder(job: Job) -> Iterator[str]:
    names = job.names
    if names[0] != "submitted":
        yield f"its history begins with {names[0]}, not with submitted"
    for name in _ONCE:
        if (times := names.count(name)) > 1:
            yield f"it was {name} {times} times"
    if len(job.ends) > 1:
        yield f"it ended {len(job.ends)} times: {', '.join(job.ends)}"
    if not job.ends:
        yield from (f"it was {name}, but never ended" for name in ("metered", "sealed") if name in names)
        return
    for name in names[names.index(job.ends[0]) :]:
        if name not in _AFTER_THE_END:
            yield f"it was {name} after it had ended"


def _due(job: Job, outstanding: Outstanding) -> tuple[str, str]:
    """Why an unfinished job is lost, or else why it waits."""
    names = job.names
    if job.ends:
        duty, step = ("provenance-metered", "sealed") if "metered" in names else ("metering-ended", "metered")
        return _owed(job, outstanding, duty, f"it was {job.ends[0]}, but never {step}", f"to be {step}")
    if "placed" in names:
        lost = f"it was placed on {job.backend}, but never ended"
        return _owed(job, outstanding, _executor_of(job.backend or ""), lost, f"for {job.backend} to run it")
    if "accepted" in names:
        reason = outstanding.queue.get((job.tenant, job.job))
        if reason or job.events[-1][0] > outstanding.since:
            return "", reason or "to be placed"
        return "it was accepted, but the scheduler does not know it", ""
    lost = "it was submitted, but neither accepted nor rejected"
    reason = outstanding.undecided.get((job.tenant, job.job), "to be admitted")
    return _owed(job, outstanding, "broker-submitted", lost, reason)


def _owed(job: Job, outstanding: Outstanding, duty: str, lost: str, reason: str) -> tuple[str, str]:
    if outstanding.owes(duty, job.events[-1][0]):
        return "", reason
    return f"{lost}, and {duty} has nothing left to do (see the dead letters)", ""


def _executor_of(backend: str) -> str:
    for name, durable in topology().durable.items():
        if f"qb.job.*.*.placed.{backend}" in durable.filters:
            return name
    return f"executor of {backend}"


def _holes(history: History) -> Iterator[tuple[int, int]]:
    """Runs of sequences that should be there and were not read; the log begins at 1 and deletes nothing."""
    if len(history.sequences) == history.end:
        return
    before = 0
    for sequence in (*history.sequences, history.end + 1):
        yield from runs(it for it in range(before + 1, sequence) if it not in history.given_up)
        before = max(before, sequence)
