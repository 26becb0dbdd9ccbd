"""Strategies for scheduling snapshots."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from queuebit_scheduling import (
    OBJECTIVES,
    PERIOD_US,
    POLICY,
    BackendCapacity,
    Candidate,
    CandidateGroup,
    Job,
    Policy,
    RunTime,
    Served,
    Snapshot,
    Tenant,
    Window,
)

__all__ = ["NOW_US", "QUICK", "crowded", "grouped", "job_on", "snapshots"]

QUICK = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
"""The same examples in every run, without a deadline."""

NOW_US = 1_000 * PERIOD_US
_NAMES = "abcd"
_FIGURES = st.integers(0, 10**6)
_SIZES = ("2q9", "5q14")
_WINDOWS = st.sampled_from(
    [Window(NOW_US + 5, NOW_US + 10, "maintenance"), Window(NOW_US - 5, NOW_US + 5, "reservation", "t0", "r1")]
)


def grouped(policy: Policy, jobs: Iterable[Job], *, hidden: Collection[str] = ()) -> tuple[CandidateGroup, ...]:
    """Return the groups of these jobs; a group with a job in `hidden` has more jobs than the snapshot."""
    groups: dict[Hashable, list[Job]] = {}
    for job in jobs:
        groups.setdefault(policy.group(job), []).append(job)
    return tuple(CandidateGroup(tuple(own), len(own) + any(it.job in hidden for it in own)) for own in groups.values())


def job_on(backends: Collection[str], name: str, order: int, seconds: int = 10, **changes: object) -> Job:
    """Return a job of ann, in the project `main` of acme, that takes some seconds of QPU time on each of the backends.

    Args:
        backends: where it may run.
        name: of the job.
        order: its place among the jobs of its tenant.
        seconds: how long it runs.
        changes: further fields of the job.
    """
    candidates = tuple(Candidate(it, seconds * 1_000_000, 10**6) for it in backends)
    made = Job("acme", name, order, NOW_US, f"2q{seconds}", candidates, project="main", user="ann")
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a job


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any snapshot that the state can produce, and more."""
    backends = [
        BackendCapacity(
            name,
            draw(st.integers(1, 3)),
            draw(st.integers(0, 4)),
            draw(st.integers(0, 4)),
            draw(_FIGURES),
            draw(st.none() | _FIGURES),
            draw(st.sampled_from((0, 0, 10**6, 10**8))),
            draw(st.integers(0, 1)),
            draw(st.none() | st.integers(NOW_US - 10, NOW_US)),
            draw(st.none() | st.none() | _FIGURES),
            tuple(draw(st.sets(_WINDOWS, max_size=2))),
            draw(st.sampled_from((0, 0, 10**6))),
        )
        for name in sorted(draw(st.sets(st.sampled_from(_NAMES))))
    ]
    tenants = [
        Tenant(f"t{n}", draw(st.integers(1, 5)), Served(draw(_FIGURES), draw(st.integers(0, 1_000))), draw(_FIGURES))
        for n in range(draw(st.integers(1, 3)))
    ]
    pairs = draw(st.sets(st.tuples(st.sampled_from(_NAMES), st.sampled_from(_SIZES))))
    run_times = tuple(RunTime(backend, size, draw(st.integers(1, 10**6))) for backend, size in sorted(pairs))
    jobs = [draw(_jobs(order, tenants, 10**6, fallback=True)) for order in range(draw(st.integers(0, 12)))]
    hidden = [it.job for it in jobs if draw(st.integers(0, 3)) == 0]
    return Snapshot(
        POLICY.name,
        NOW_US,
        draw(st.integers(1, 6)),
        tuple(backends),
        tuple(tenants),
        run_times,
        grouped(POLICY, jobs, hidden=hidden),
    )


@st.composite
def crowded(draw: st.DrawFn) -> Snapshot:
    """Snapshots with more jobs than places, without hidden jobs, and with a high limit of the cycle."""
    names = draw(st.sets(st.sampled_from(_NAMES), min_size=1))
    backends = [BackendCapacity(name, 1, draw(st.integers(1, 3)), backlog_us=draw(_FIGURES)) for name in sorted(names)]
    tenants = [Tenant(f"t{n}", draw(st.integers(1, 5)), Served(draw(_FIGURES), 1_000), 0) for n in range(2)]
    jobs = [draw(_jobs(order, tenants, 10**3)) for order in range(draw(st.integers(8, 16)))]
    return Snapshot(POLICY.name, NOW_US, 32, tuple(backends), tuple(tenants), groups=grouped(POLICY, jobs))


@st.composite
def _jobs(draw: st.DrawFn, order: int, tenants: list[Tenant], most_us: int, *, fallback: bool = False) -> Job:
    names = sorted(draw(st.sets(st.sampled_from(_NAMES), min_size=1)))
    asked = draw(st.integers(1, len(names))) if fallback else len(names)
    candidates = [
        Candidate(name, draw(st.integers(1, most_us)), draw(_FIGURES), draw(st.integers(0, 2)), max(0, n - asked))
        for n, name in enumerate(names, start=1)
    ]
    after_us = draw(st.integers(0, 10)) if asked < len(names) else 0
    owner, size = draw(st.sampled_from(tenants)).name, draw(st.sampled_from(_SIZES))
    session = draw(st.sampled_from((None, "s1", "s2"))) if len(candidates) == 1 else None
    objective = draw(st.sampled_from((None, None, *OBJECTIVES)))
    accepted_us = NOW_US - draw(_FIGURES)
    job = Job(owner, f"j{order}", order, accepted_us, size, tuple(candidates), session, after_us, objective)
    project, user = draw(st.sampled_from((None, "p1", "p2"))), draw(st.sampled_from((None, "ann", "bob")))
    workload_class = draw(st.sampled_from((None, None, "batch", "interactive", "other")))
    priority, deadline_us = draw(st.integers(-2, 2)), draw(st.none() | st.integers(NOW_US, NOW_US + 10**6))
    return replace(
        job,
        project=project,
        user=user,
        workload_class=workload_class,
        priority=priority,
        deadline_us=deadline_us,
    )
