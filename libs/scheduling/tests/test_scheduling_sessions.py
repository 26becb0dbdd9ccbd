"""Priority of sessions: who is next, what is counted, and what decisions without sessions keep."""

import json
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
    encode,
    explain,
    plan,
)
from queuebit_scheduling.policy import BURST_US, NEAR_US, SNAPSHOT_JOBS
from queuebit_scheduling.reasons import why_waiting
from queuebit_testing.snapshots import NOW_US, QUICK, grouped, snapshots

AER = BackendCapacity("aer", 1, 8, sessions=1)


def job(owner: str, name: str, order: int, session: str | None = None, us: int = 100) -> Job:
    return Job(owner, name, order, NOW_US - 10**9, "2q9", (Candidate("aer", us, 10**6),), session)


def snapshot(*jobs: Job, backend: BackendCapacity = AER, limit: int = 32) -> Snapshot:
    tenants = tuple(
        Tenant(name, 1, Served(10**6 * (name == "ses"), 1_000), 0) for name in sorted({it.tenant for it in jobs})
    )
    return Snapshot(POLICY.name, NOW_US, limit, (backend,), tenants, groups=grouped(POLICY, jobs))


OTHERS = (job("acme", "a1", 1), job("ses", "own", 2))
SESSION = (job("ses", "s1", 3, "S"), job("ses", "s2", 4, "S"))


def order(given_: Snapshot) -> list[str]:
    return [it.job[1] for it in plan(POLICY, given_).places]


def test_jobs_of_a_session_are_before_older_jobs_of_its_tenant_and_of_tenants_that_received_less() -> None:
    assert order(snapshot(*OTHERS, *SESSION)) == ["s1", "s2", "a1", "own"]


@pytest.mark.parametrize(("owed_us", "first"), [(BURST_US, "s1"), (BURST_US + 1, "a1")])
def test_jobs_of_a_session_take_the_turn_of_their_tenant_while_the_backend_owes_too_much(
    owed_us: int, first: str
) -> None:
    assert order(snapshot(*OTHERS, *SESSION, backend=replace(AER, owed_us=owed_us)))[0] == first


def test_what_a_session_receives_in_a_cycle_counts_in_the_same_cycle() -> None:
    jobs = [job("ses", f"s{n}", n, "S", us=BURST_US) for n in range(4)]
    waiting = (job("acme", "a1", 9), *jobs)
    assert order(snapshot(*waiting, backend=replace(AER, sessions=0, queue_us=9 * BURST_US)))[:3] == ["s0", "s1", "a1"]
    assert order(snapshot(*waiting)) == ["s0", "s1"], "two jobs, and more run time than other jobs wait behind"


def test_a_run_counts_for_sessions_only_while_a_job_without_a_session_waits() -> None:
    alone = plan(POLICY, snapshot(*SESSION, job("other", "o1", 5, "T"))).places
    assert {it.session for it in alone} == {None}
    beside = plan(POLICY, snapshot(*SESSION, OTHERS[0])).places
    assert [(it.job[1], it.session) for it in beside] == [("s1", "S"), ("s2", "S"), ("a1", None)]


def test_sessions_are_compared_as_their_tenants_are() -> None:
    assert order(snapshot(*SESSION, job("other", "o1", 5, "T")))[0] == "o1", "its tenant received less"


@pytest.mark.parametrize(
    ("taken", "backlog_us", "placed"),
    [(2, NEAR_US, False), (2, NEAR_US - 1, True), (1, NEAR_US, True)],
)
def test_other_jobs_bind_late_on_a_backend_with_a_session(taken: int, backlog_us: int, placed: bool) -> None:
    busy = replace(AER, taken=taken, backlog_us=backlog_us)
    assert order(snapshot(OTHERS[0], backend=busy)) == ["a1"] * placed
    assert order(snapshot(OTHERS[0], backend=replace(busy, sessions=0))) == ["a1"]
    assert order(snapshot(*SESSION, backend=busy)) == ["s1", "s2"]


def test_groups_of_sessions_do_not_hide_that_others_wait() -> None:
    groups = {f"s{n}": (job("ses", f"s{n}", n, f"S{n}"), 1) for n in range(2 * SNAPSHOT_JOBS)}
    tenants = (Tenant("ses", 1, Served(), 0), Tenant("zoe", 1, Served(10**9, 1_000), 0))
    world = Snapshot(POLICY.name, NOW_US, 32, (replace(AER, queue_depth=200),), tenants)
    assert len(POLICY.shown(world, groups)) == SNAPSHOT_JOBS
    shown = POLICY.shown(world, {**groups, "other": (job("zoe", "z1", 10**6), 1)})
    assert (len(shown), shown["other"]) == (SNAPSHOT_JOBS, 1)


def test_the_explanation_says_that_a_session_runs_first() -> None:
    found = explain(POLICY, snapshot(*OTHERS, *SESSION), ("ses", "s1"))
    assert found is not None
    assert (found.document()["session"], found.document()["runs_first"]) == ("S", True)
    owing = explain(POLICY, snapshot(*OTHERS, *SESSION, backend=replace(AER, owed_us=BURST_US + 1)), ("ses", "s1"))
    assert owing is not None
    assert (owing.session, owing.runs_first) == ("S", False)
    other = explain(POLICY, snapshot(*OTHERS, *SESSION), ("acme", "a1"))
    assert other is not None
    assert "session" not in other.document()


@pytest.mark.parametrize(
    ("waits", "backend", "reason"),
    [
        (SESSION[0], AER, "it runs first: session S; its turn has not come yet"),
        (SESSION[0], replace(AER, taken=8), "it runs first: session S; all 8 places on aer are taken"),
        (SESSION[0], replace(AER, owed_us=BURST_US + 1), "session S has received its part of the backend, and other "),
        (
            OTHERS[0],
            replace(AER, taken=2, backlog_us=NEAR_US),
            "a session has aer: other jobs are placed there shortly",
        ),
    ],
)
def test_a_waiting_job_says_what_a_session_means_for_it(waits: Job, backend: BackendCapacity, reason: str) -> None:
    assert why_waiting(waits, {"aer": backend}, NOW_US).startswith(reason)


def plain_job(job: Job) -> Job:
    candidates = tuple(replace(it, fallback=0) for it in job.candidates)
    return Job(job.tenant, job.job, job.sequence, job.accepted_us, job.size, candidates)


def plain_backend(it: BackendCapacity) -> BackendCapacity:
    return BackendCapacity(it.name, it.slots, it.queue_depth, it.taken, it.backlog_us, it.silent_since_us)


@QUICK
@given(snapshots())
def test_without_sessions_fallback_and_objectives_the_bytes_and_the_decisions_are_those_of_the_policy_before(
    given_: Snapshot,
) -> None:
    jobs = [plain_job(it) for group in given_.groups for it in group.jobs]
    backends = tuple(map(plain_backend, given_.backends))
    plain = replace(given_, policy="fair-share/3", backends=backends, groups=grouped(POLICY, jobs))
    document = json.loads(encode(plain))
    assert document["version"] == 1
    assert set(document["backends"]) == {
        "name",
        "slots",
        "queue_depth",
        "taken",
        "backlog_us",
        "silent_since_us",
    }
    assert plan(POLICIES["fair-share/3"], plain).places == plan(POLICIES["fair-share/6"], plain).places
