"""Explanations of placements: every rule as a sentence, and no data of other tenants."""

import json

import pytest
from hypothesis import given

from queuebit_scheduling import (
    POLICY,
    BackendCapacity,
    Candidate,
    Explanation,
    Job,
    Served,
    Snapshot,
    Tenant,
    Unexplained,
    encode,
    explain,
    explain_stored,
    plan,
)
from queuebit_testing.snapshots import NOW_US, QUICK, grouped, snapshots


def explained(*candidates: Candidate, **changes: int | None) -> Explanation:
    """Explain one job on the empty backends a, b and c; `changes` makes some silent or full."""
    backends = tuple(
        BackendCapacity(name, 1, 4, 4 if f"{name}_full" in changes else 0, 0, changes.get(f"{name}_silent_us"))
        for name in "abc"
    )
    job = Job("acme", "j1", 1, NOW_US - 7_000, "2q9", candidates)
    tenants = (Tenant("acme", 2, Served(600, 1_000), 0),)
    snapshot = Snapshot(POLICY.name, NOW_US, 32, backends, tenants, groups=grouped(POLICY, [job]))
    found = explain(POLICY, snapshot, job.key)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("candidates", "chosen", "rule"),
    [
        pytest.param((Candidate("a", 9, 10, 1), Candidate("b", 90, 10, 0)), "b", "cost", id="cost"),
        pytest.param((Candidate("a", 90, 10), Candidate("b", 9, 10)), "b", "completion", id="completion"),
        pytest.param((Candidate("a", 9, 10), Candidate("b", 9, 11)), "b", "success", id="success"),
        pytest.param((Candidate("a", 9, 10), Candidate("b", 9, 10)), "a", "name", id="name"),
        pytest.param((Candidate("a", 9, 10), Candidate("absent", 1, 10)), "a", "only", id="only"),
        pytest.param(
            (Candidate("a", 9, 10), Candidate("b", 9, 9), Candidate("c", 9, 10, 1)), "a", "success", id="closest rival"
        ),
    ],
)
def test_the_rule_that_decided_is_named(candidates: tuple[Candidate, ...], chosen: str, rule: str) -> None:
    found = explained(*candidates)
    assert (found.backend, found.rule) == (chosen, rule)
    assert found.considered[0].backend == chosen


def test_each_candidate_says_why_the_job_did_not_go_there() -> None:
    found = explained(
        Candidate("a", 9, 10),
        Candidate("b", 1, 10),
        Candidate("c", 1, 10),
        Candidate("absent", 1, 10),
        b_full=1,
        c_silent_us=NOW_US,
    )
    assert {it.backend: it.reason for it in found.considered} == {
        "a": "",
        "absent": "absent had not registered",
        "b": "all 4 places were taken",
        "c": "c has not answered since 1970-01-01 02:46:40 UTC",
    }
    assert {it.backend: it.completion_us for it in found.considered} == {"a": 9, "absent": None, "b": 1, "c": None}


def test_an_explanation_has_the_figures_of_the_decision() -> None:
    found = explained(Candidate("a", 9_000, 10))
    assert (found.waited_us, found.position, dict(found.waiting)) == (7_000, 1, {"acme": 1})
    [contender] = found.contenders
    assert (contender.usage_us, contender.cost_us, contender.share, contender.rank_us) == (600, 4_500, 2, 2_550)


def test_a_tenant_sees_only_the_rank_of_other_tenants() -> None:
    jobs = [Job(name, f"job-of-{name}", n, NOW_US, "2q9", (Candidate("a", 9, 10),)) for n, name in enumerate("xyz", 1)]
    tenants = tuple(Tenant(name, 1, Served(n * 1_000, 1_000), 0) for n, name in enumerate("xyz"))
    snapshot = Snapshot(POLICY.name, NOW_US, 32, (BackendCapacity("a", 1, 9),), tenants, groups=grouped(POLICY, jobs))
    found = explain(POLICY, snapshot, ("y", "job-of-y"))
    assert found is not None
    document = found.document("y")
    assert document["tenants"] == [
        {"tenant": "y", "share": 1, "usage_us": 1000, "cost_us": 9, "rank_us": 1009},
        {"tenant": "other-2", "rank_us": 2009},
    ]
    assert document["waiting"] == {"y": 1}
    text = json.dumps(document)
    assert all(secret not in text for secret in ('"x"', '"z"', "job-of-x", "job-of-z"))
    assert found.document()["waiting"] == {"x": 1, "y": 1, "z": 1}


@pytest.mark.parametrize(
    ("changes", "backend", "why"),
    [
        ({}, "b", "differs from this placement"),
        ({"policy": "other/9"}, "a", "does not have the policy other/9"),
        ({"version": 2}, "a", "cannot be read"),
    ],
)
def test_a_stored_decision_that_differs_is_refused(changes: dict[str, object], backend: str, why: str) -> None:
    job = Job("acme", "j1", 1, NOW_US, "2q9", (Candidate("a", 9, 10),))
    tenants = (Tenant("acme", 1, Served(), 0),)
    snapshot = Snapshot(POLICY.name, NOW_US, 32, (BackendCapacity("a", 1, 9),), tenants, groups=grouped(POLICY, [job]))
    assert explain_stored(encode(snapshot), job.key, "a").backend == "a"
    content = json.dumps({**json.loads(encode(snapshot)), **changes}).encode()
    with pytest.raises(Unexplained, match=why):
        explain_stored(content, job.key, backend)


@QUICK
@given(snapshots())
def test_every_placement_can_be_explained_and_no_other(given_: Snapshot) -> None:
    places = {it.job: it for it in plan(POLICY, given_).places}
    for group in given_.groups:
        for job in group.jobs:
            found = explain(POLICY, given_, job.key)
            assert (found.backend if found else None) == (places[job.key].backend if job.key in places else None)
