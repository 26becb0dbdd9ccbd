"""Jobs that wait for a full backend because it is the better choice: when, for how long, and how many."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from queuebit_scheduling import (
    POLICIES,
    POLICY,
    BackendCapacity,
    Candidate,
    Job,
    Served,
    Snapshot,
    Tenant,
    explain,
    plan,
    waiting,
)
from queuebit_scheduling.objectives import AWAIT_FIRST_US, AWAIT_US, AWAITED_JOBS
from queuebit_testing.snapshots import NOW_US, QUICK, grouped, snapshots

MINUTE_US = 60_000_000
GOOD = BackendCapacity("good", 1, 4, taken=4, backlog_us=2 * MINUTE_US)
POOR = BackendCapacity("poor", 100, 100)
BOTH = (Candidate("good", MINUTE_US, 900_000), Candidate("poor", 2 * MINUTE_US, 800_000))


def job(name: str = "j1", order: int = 1, objective: str | None = "balanced", **changes: object) -> Job:
    made = Job("acme", name, order, NOW_US, "2q9", BOTH, objective=objective)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a job


def snapshot(*jobs: Job, good: BackendCapacity = GOOD, limit: int = 64) -> Snapshot:
    tenants = (Tenant("acme", 1, Served(), 0),)
    return Snapshot(POLICY.name, NOW_US, limit, (good, POOR), tenants, groups=grouped(POLICY, jobs))


def placed(given_: Snapshot) -> list[tuple[str, str]]:
    return [(it.job[1], it.backend) for it in plan(POLICY, given_).places]


@pytest.mark.parametrize(
    ("objective", "backlog", "waits"),
    [
        ("balanced", 2, True),  # a point is worth three minutes, and ten points are better
        ("balanced", 40, False),
        ("fidelity", 40, True),
        ("time", 2, False),
        ("time", 0, True),
        ("cost", 0, False),
        (None, 0, False),
    ],
)
def test_a_job_waits_if_the_full_backend_is_the_better_choice(objective: str | None, backlog: int, waits: bool) -> None:
    given_ = snapshot(job(objective=objective), good=replace(GOOD, backlog_us=backlog * MINUTE_US))
    assert placed(given_) == ([] if waits else [("j1", "poor")])
    if waits:
        [why] = waiting(plan(POLICY, given_))
        assert why.reason.startswith("it waits for a place on good, which is better for its objective")


@pytest.mark.parametrize(("waited_us", "waits"), [(AWAIT_FIRST_US - 1, True), (AWAIT_FIRST_US, False)])
def test_an_interactive_job_waits_for_ten_seconds_at_most(waited_us: int, waits: bool) -> None:
    given_ = snapshot(job(accepted_us=NOW_US - waited_us, workload_class="interactive"))
    assert (placed(given_) == []) is waits
    assert plan(POLICIES["fair-share/8"], replace(given_, policy="fair-share/8")).places == ()


@pytest.mark.parametrize(("waited_us", "waits"), [(AWAIT_US - 1, True), (AWAIT_US, False)])
def test_it_waits_for_ten_minutes_at_most(waited_us: int, waits: bool) -> None:
    given_ = snapshot(job(accepted_us=NOW_US - waited_us))
    assert (placed(given_) == []) is waits
    found = explain(POLICY, given_, ("acme", "j1"))
    assert (found is None) is waits
    if found is not None:
        assert found.considered[1].reason == "all 4 places were taken, and the job did not wait for it any longer"


def test_so_many_wait_as_it_is_worth_behind_the_others_and_the_rest_is_placed() -> None:
    """Ten points are worth thirty minutes: two minutes of load, then one minute for each job that waits."""
    jobs = [job(f"j{n:02}", n) for n in range(40)]
    left = [it.job[1] for it in waiting(plan(POLICY, snapshot(*jobs)))]
    assert left[:29] == [f"j{n:02}" for n in range(29)]
    assert len(left) <= AWAITED_JOBS
    assert placed(snapshot(*jobs))[0] == ("j29", "poor")


def test_not_more_wait_than_a_cycle_allows() -> None:
    jobs = [job(f"j{n:02}", n, "fidelity") for n in range(AWAITED_JOBS + 3)]
    assert placed(snapshot(*jobs)) == [(f"j{n:02}", "poor") for n in range(AWAITED_JOBS, AWAITED_JOBS + 3)]


@pytest.mark.parametrize(("objective", "placed_on"), [("time", []), ("cost", ["poor"]), (None, ["poor"])])
def test_a_backend_with_places_is_waited_for_if_it_has_enough_run_time(
    objective: str | None, placed_on: list[str]
) -> None:
    good = replace(GOOD, queue_depth=16, taken=2, backlog_us=MINUTE_US // 2)
    given_ = snapshot(job(objective=objective), good=good)
    assert [backend for _, backend in placed(given_)] == placed_on
    later = snapshot(job(objective=objective, accepted_us=NOW_US - AWAIT_US), good=good)
    found = explain(POLICY, later, ("acme", "j1"))
    assert found is not None
    waited = ", and the job did not wait for it any longer" if objective == "time" else ""
    assert found.considered[1].reason == f"jobs of 30 s were placed there already{waited}"


def test_a_backend_that_is_isolated_or_silent_is_not_waited_for() -> None:
    for good in (replace(GOOD, isolated_since_us=1), replace(GOOD, silent_since_us=1)):
        assert placed(snapshot(job(), good=good)) == [("j1", "poor")]


def test_a_snapshot_shows_jobs_behind_those_that_wait() -> None:
    world = replace(snapshot(job()), groups=(), backends=(GOOD, replace(POOR, queue_depth=1)), limit=32)
    assert POLICY.shown(world, {"g": (job(), 500)}) == {"g": 32}
    assert POLICY.shown(world, {"g": (job(objective=None), 500)}) == {"g": 1}


def test_a_version_before_does_not_wait() -> None:
    given_ = replace(snapshot(job()), policy="fair-share/6")
    assert [it.backend for it in plan(POLICIES["fair-share/6"], given_).places] == ["poor"]


@QUICK
@given(snapshots())
def test_no_job_waits_while_a_better_one_is_free(given_: Snapshot) -> None:
    for step in POLICY.steps(given_):
        chosen = next(it for it in step.targets if it.candidate.backend == step.place.backend)
        assert chosen.free
