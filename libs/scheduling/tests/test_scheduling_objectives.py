"""What a job prefers of its candidates, and how the decision is explained and kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given

from queuebit_scheduling import (
    OBJECTIVES,
    POLICIES,
    POLICY,
    BackendCapacity,
    Candidate,
    Explanation,
    Job,
    Served,
    Snapshot,
    Tenant,
    decode,
    encode,
    explain,
    explain_stored,
    plan,
)
from queuebit_scheduling.objectives import BALANCE_US
from queuebit_testing.snapshots import NOW_US, QUICK, grouped, snapshots

MINUTE_US = 60_000_000
CHEAP = Candidate("cheap", 9 * MINUTE_US, 700_000, cost_rank=0)
SOON = Candidate("soon", 1 * MINUTE_US, 750_000, cost_rank=1)
GOOD = Candidate("good", 8 * MINUTE_US, 800_000, cost_rank=2)
"""Good takes seven minutes longer than soon, and its success probability is five percentage points higher."""


def snapshot(objective: str | None, *candidates: Candidate, backlogs: dict[str, int] | None = None) -> Snapshot:
    backends = tuple(
        BackendCapacity(it.backend, 1, 4, backlog_us=(backlogs or {}).get(it.backend, 0)) for it in candidates
    )
    job = Job("acme", "j1", 1, NOW_US - 7_000, "2q9", candidates, objective=objective)
    tenants = (Tenant("acme", 2, Served(600, 1_000), 0),)
    return Snapshot(POLICY.name, NOW_US, 32, backends, tenants, groups=grouped(POLICY, [job]))


def explained(given_: Snapshot) -> Explanation:
    found = explain(POLICY, given_, ("acme", "j1"))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("objective", "backend", "rule"),
    [
        pytest.param(None, "cheap", "cost", id="none: the cheapest"),
        pytest.param("cost", "cheap", "cost", id="cost"),
        pytest.param("time", "soon", "completion", id="time"),
        pytest.param("fidelity", "good", "success", id="fidelity"),
        pytest.param(
            "balanced", "good", "balance", id="balanced: fifteen minutes' worth of probability for seven minutes"
        ),
        pytest.param("surprise", "cheap", "cost", id="of a later version: the cheapest"),
    ],
)
def test_the_objective_decides_among_free_candidates(objective: str | None, backend: str, rule: str) -> None:
    found = explained(snapshot(objective, CHEAP, SOON, GOOD))
    assert (found.backend, found.rule) == (backend, rule)
    assert found.document().get("objective") == objective


def test_a_queue_in_front_of_the_better_device_changes_a_balanced_choice() -> None:
    assert explained(snapshot("balanced", CHEAP, SOON, GOOD, backlogs={"good": 9 * MINUTE_US})).backend == "soon"
    assert explained(snapshot("fidelity", CHEAP, SOON, GOOD, backlogs={"good": 9 * MINUTE_US})).backend == "good"


def test_three_minutes_are_worth_a_percentage_point() -> None:
    near, far = Candidate("near", MINUTE_US, 700_000), Candidate("far", 4 * MINUTE_US, 710_000)
    found = explained(snapshot("balanced", near, far))
    assert (found.backend, found.rule) == ("near", "completion")  # of equal balance: the sooner one
    assert "3 minutes" in explained(snapshot("balanced", SOON, GOOD)).decided


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_rule_has_a_sentence_for_people(objective: str) -> None:
    for rule, _ in POLICY.choice(objective):
        if rule == "fallback":
            continue
        found = [it for it in _cases(objective) if it.rule == rule]
        assert found, f"no case decides by {rule}"
        assert all("rule" not in it.decided for it in found)
        assert all("rule" not in row.reason for it in found for row in it.considered)


def _cases(objective: str) -> list[Explanation]:
    """Pairs of candidates that differ in one figure, or in none."""
    base = Candidate("a", 5 * MINUTE_US, 700_000, 1)
    others = [
        Candidate("b", 5 * MINUTE_US, 700_000, 0),
        Candidate("b", 4 * MINUTE_US, 700_000, 1),
        Candidate("b", 5 * MINUTE_US, 710_000, 1),
        Candidate("b", 5 * MINUTE_US - BALANCE_US, 699_999, 1),
        Candidate("b", 5 * MINUTE_US, 700_000, 1),
    ]
    return [explained(snapshot(objective, base, it)) for it in others]


def test_a_stored_decision_with_an_objective_is_of_version_4_and_recomputes() -> None:
    content = encode(snapshot("balanced", CHEAP, SOON, GOOD))
    assert json.loads(content)["version"] == 4
    assert encode(decode(content)) == content
    assert explain_stored(content, ("acme", "j1"), "good").rule == "balance"
    assert json.loads(encode(snapshot(None, CHEAP, SOON)))["version"] == 1


def test_a_decision_of_the_version_before_recomputes_as_it_was_made() -> None:
    given_ = snapshot(None, CHEAP, SOON, GOOD)
    earlier = replace(given_, policy="fair-share/5")
    assert explain_stored(encode(earlier), ("acme", "j1"), "cheap").rule == "cost"
    assert plan(POLICIES["fair-share/5"], earlier).places == plan(POLICY, given_).places


def test_jobs_with_different_objectives_are_not_of_one_group() -> None:
    jobs = [Job("acme", f"j-{it}", 1, NOW_US, "2q9", (CHEAP, GOOD), objective=it) for it in OBJECTIVES]
    assert len(grouped(POLICY, jobs)) == len(OBJECTIVES)


@QUICK
@given(snapshots())
def test_a_placement_is_the_least_by_the_rules_of_its_objective(given_: Snapshot) -> None:
    objectives = {job.key: job.objective for group in given_.groups for job in group.jobs}
    for step in POLICY.steps(given_):
        rules = [rule for _, rule in POLICY.choice(objectives[step.place.job])]
        free = {it.candidate.backend: tuple(rule(it) for rule in rules) for it in step.targets if it.free}
        assert free[step.place.backend] == min(free.values())
