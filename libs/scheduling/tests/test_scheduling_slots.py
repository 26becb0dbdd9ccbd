"""Decisions before and in windows: short jobs run before a reservation, and only those of its holder in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from queuebit_scheduling import (
    POLICY,
    BackendCapacity,
    Candidate,
    Job,
    Place,
    Served,
    Snapshot,
    Tenant,
    Window,
    decode,
    encode,
    explain,
    plan,
    waiting,
)
from queuebit_testing.snapshots import NOW_US, grouped

S = 1_000_000
SLOT = Window(NOW_US + 100 * S, NOW_US + 200 * S, "reservation", "acme", "r1", "main", None)
NOW = replace(SLOT, start_us=NOW_US - 10 * S, end_us=NOW_US + 100 * S)
BUSY = BackendCapacity("busy", 1, 8, taken=1)


def backend(*windows: Window, taken: int = 1) -> BackendCapacity:
    return BackendCapacity("aer", 1, 8, taken=taken, windows=windows)


def job(owner: str, name: str, order: int, seconds: int, *others: str, user: str = "ann") -> Job:
    candidates = tuple(Candidate(it, seconds * S, 1_000_000) for it in ("aer", *others))
    return Job(owner, name, order, NOW_US, f"1q{seconds}", candidates, project="main", user=user)


def snapshot(where: BackendCapacity, *jobs: Job) -> Snapshot:
    tenants = tuple(Tenant(it, 1, Served(0, 0), 0) for it in sorted({it.tenant for it in jobs}))
    return Snapshot(POLICY.name, NOW_US, 32, (where, BUSY), tenants, groups=grouped(POLICY, [*jobs]))


def places(given: Snapshot) -> list[Place]:
    return [*plan(POLICY, given).places]


def test_short_jobs_run_before_a_reservation_and_a_long_one_does_not_block_them() -> None:
    jobs = [job("other", "long", 1, 90), job("other", "short", 2, 30), job("other", "next", 3, 30)]
    found = places(snapshot(backend(SLOT, taken=0), *jobs))
    assert [it.job[1] for it in found] == ["short", "next"]
    assert [it.start_by_us for it in found] == [SLOT.start_us - 30 * S - 30 * S // 4] * 2
    assert {it.reservation for it in found} == {None}


def test_in_a_reservation_only_jobs_of_its_holder_are_placed() -> None:
    jobs = [job("other", "foreign", 1, 1), job("acme", "own", 2, 1), job("acme", "long", 3, 90)]
    (found,) = places(snapshot(backend(NOW), *jobs))
    assert (found.job, found.reservation) == (("acme", "own"), "r1")
    assert found.start_by_us == NOW.end_us - S - S // 4


def test_only_its_users_use_a_reservation() -> None:
    mine, other = job("acme", "mine", 2, 1), job("acme", "other", 1, 1, user="bob")
    (found,) = places(snapshot(backend(replace(NOW, users=("ann",))), mine, other))
    assert found.job[1] == "mine"


def test_a_job_goes_to_another_backend_instead_of_into_a_window() -> None:
    (found,) = places(snapshot(backend(SLOT), job("other", "long", 1, 90, "busy")))
    assert (found.backend, found.start_by_us) == ("busy", None)
    step = next(iter(POLICY.steps(snapshot(backend(SLOT), job("other", "long", 1, 90, "busy")))))
    assert [it.free > 0 for it in step.targets] == [False, True]


def test_nothing_runs_in_a_maintenance_window_and_the_reason_names_it() -> None:
    closed = Window(NOW_US - S, NOW_US + 50 * S, "maintenance")
    given = snapshot(backend(closed), job("acme", "j1", 1, 1))
    assert places(given) == []
    (waits,) = waiting(plan(POLICY, given))
    assert waits.reason.startswith("aer has a maintenance window from")
    assert waits.reason.endswith("UTC, and the job cannot end in time")


def test_why_a_long_job_waits_is_the_reservation() -> None:
    (waits,) = waiting(plan(POLICY, snapshot(backend(SLOT), job("other", "long", 1, 90))))
    assert waits.reason.startswith("aer is reserved from")


def test_placed_jobs_count_so_that_a_queue_does_not_reach_into_a_window() -> None:
    jobs = [job("other", f"j{number}", number, 2) for number in range(8)]
    found = places(snapshot(backend(replace(SLOT, start_us=NOW_US + 10 * S)), *jobs))
    assert len(found) == 4, "4 x 2 s and a quarter more are 10 s"


def test_a_placement_of_one_tenant_takes_the_time_before_a_window_from_others() -> None:
    soon = replace(SLOT, start_us=NOW_US + 40 * S)
    jobs = [job("first", "j1", 1, 20), job("second", "j2", 2, 20)]
    assert [it.job[1] for it in places(snapshot(backend(soon), *jobs))] == ["j1"]


def test_jobs_of_a_session_do_not_run_in_a_reservation_of_another() -> None:
    first = replace(job("other", "j1", 1, 1), session="s1")
    where = replace(backend(NOW), sessions=1)
    assert places(snapshot(where, first)) == []
    own = replace(job("acme", "j2", 2, 1), session="s2")
    assert [it.job[1] for it in places(snapshot(where, first, own))] == ["j2"]


def test_a_decision_with_windows_recomputes_and_is_explained() -> None:
    given = snapshot(backend(SLOT, taken=0), job("other", "short", 2, 30), job("other", "long", 1, 90, "busy"))
    assert decode(encode(given)) == given
    assert places(decode(encode(given))) == places(given)
    found = explain(POLICY, given, ("other", "long"))
    assert found is not None
    assert any("is reserved from" in it.reason for it in found.considered)


@pytest.mark.parametrize("windows", [(), (replace(SLOT, start_us=0, end_us=1),)])
def test_windows_that_are_over_change_nothing(windows: tuple[Window, ...]) -> None:
    jobs = [job("other", "long", 1, 90), job("acme", "own", 2, 1)]
    found = places(snapshot(backend(*windows), *jobs))
    assert [(it.job[1], it.reservation, it.start_by_us) for it in found] == [("own", None, None), ("long", None, None)]
