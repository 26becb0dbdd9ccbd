"""A decision of the scheduler for 10,000 waiting jobs and 50 backends, in memory: few tenants, many, objectives, and
jobs to move."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from tests.bench.report import Report, percentile

from queuebit_contracts.backend import BackendRegistered, Registration
from queuebit_contracts.job import Candidate, JobAccepted, JobPlaced, Placement
from queuebit_kernel import digest
from queuebit_scheduler.state import State
from queuebit_scheduling import Place, encode, plan
from queuebit_testing.build import NOON, accepted

__all__ = ["measure_decisions"]

BACKENDS = tuple(f"backend-{number:02}" for number in range(50))
CYCLE = 32
"""Placements of a full cycle."""


def measure_decisions(report: Report, jobs: int = 10_000) -> None:
    """Snapshot, its stored form and digest, and the plan of one cycle."""
    now = NOON + timedelta(seconds=5)
    for tenants, floor_ms, objective, users in (
        (10, 250, None, 1),
        (10, 250, "balanced", 1),
        (1000, 100, None, 1),
        (1000, 250, "balanced", 10),
    ):
        state = _state(jobs, tenants, now, objective, users)
        took = [_cycle_ms(state, now, least=1 if objective else CYCLE) for _ in range(7)]
        what = f"{CYCLE} placements: {jobs:,} jobs, {len(BACKENDS)} backends, {tenants:,} tenants"
        what = f"up to {what}, {objective}" if objective else what
        what = f"{what}, {users} users each" if users > 1 else what
        report.add(what, f"{percentile(took, 0.5):.1f} ms", f"floor: {floor_ms} ms")
    state = _unbalanced(jobs, now)
    took, moved = [_cycle_ms(state, now, least=1) for _ in range(7)], _moved(state, now)
    what = f"{moved} moves of 400 placed jobs: {jobs:,} jobs wait, {len(BACKENDS)} backends"
    report.add(what, f"{percentile(took, 0.5):.1f} ms", "floor: 250 ms")


def _unbalanced(jobs: int, now: datetime) -> State:
    """Half of the backends are free, but only for placed jobs: those that wait may run on the other half alone."""
    state, half = State(16), len(BACKENDS) // 2
    for number, name in enumerate(BACKENDS[:half], start=1):
        state.evolve(_registered(name), number, now)
    sequence = 100
    for number in range(half * 16):
        own = BACKENDS[number % half], *BACKENDS[half:]
        event = _accepted(f"p{number}", f"t{number % 10}", own, 1_100_000, "time")
        state.evolve(event, sequence := sequence + 1, now)
    while (snapshot := state.snapshot(now, CYCLE)) is not None and (found := plan(state.policy, snapshot).places):
        for place in found:
            state.reserve(place.job, place.backend)
            state.evolve(_placed(place), sequence := sequence + 1, now)
    for number, name in enumerate(BACKENDS[half:], start=half + 1):
        state.evolve(_registered(name), number, now)
    for number in range(jobs):
        state.evolve(_accepted(f"j{number}", f"t{number % 10}", BACKENDS[:half], 1000), sequence := sequence + 1, now)
    return state


def _moved(state: State, now: datetime) -> int:
    snapshot = state.snapshot(now, CYCLE)
    return 0 if snapshot is None else sum(it.moved is not None for it in plan(state.policy, snapshot).places)


def _registered(name: str) -> BackendRegistered:
    data = Registration(backend=name, stack="aer", vendor="bench", kind="qpu", qubits=30, max_shots=10**6)
    return BackendRegistered(source="qb/bench", data=data)


def _accepted(job: str, tenant: str, on: Sequence[str], qpu_us: int, objective: str | None = None) -> JobAccepted:
    event = accepted(job, tenant=tenant)
    candidates = tuple(Candidate(backend=it, price="p", hold="0.01", qpu_us=qpu_us) for it in on)
    changes = {"candidates": candidates, "objective": objective}
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})


def _placed(place: Place) -> JobPlaced:
    (tenant, job), unknown = place.job, digest(b"")
    data = Placement(
        tenant=tenant, project="main", job=job, backend=place.backend, shots=1, circuit=unknown, seed=1, qpu_us=1,
        policy="p", snapshot=unknown, scores=(), submitted_at=NOON, accepted_at=NOON,
    )  # fmt: skip
    return JobPlaced(source="qb/bench", data=data)


def _state(jobs: int, tenants: int, now: datetime, objective: str | None, users: int) -> State:
    state = State(8)
    for number, name in enumerate(BACKENDS, start=1):
        data = Registration(backend=name, stack="aer", vendor="bench", kind="simulator", qubits=30, max_shots=10**6)
        state.evolve(BackendRegistered(source="qb/bench", data=data), number, now)
    candidates = tuple(
        Candidate(backend=name, price="p", hold="0.01", qpu_us=1000, esp_ppm=900_000 + number)
        for number, name in enumerate(BACKENDS)
    )
    for number in range(jobs):
        event = accepted(f"j{number}", tenant=f"t{number % tenants}")
        user = f"u{number // tenants % users}"
        changes = {"candidates": candidates, "objective": objective, "user": user}
        event = event.model_copy(update={"data": event.data.model_copy(update=changes)})
        state.evolve(event, 100 + number, now)
    return state


def _cycle_ms(state: State, now: datetime, least: int) -> float:
    """Processor time: other processes use the same cores.

    With an objective, jobs may wait for a better backend: then a cycle is not full.
    """
    began = time.process_time()
    snapshot = state.snapshot(now, CYCLE)
    if snapshot is None or len(plan(state.policy, snapshot).places) < least or not digest(encode(snapshot)):
        raise RuntimeError("there is work and room, and the cycle places too few")
    return (time.process_time() - began) * 1000
