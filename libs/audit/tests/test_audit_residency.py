"""Placements outside the rule of a tenant are found, and no others."""

from __future__ import annotations

import pytest

from queuebit_audit.residency import Registered, ResidencyFacts
from queuebit_contracts.tenants import Tenant

EUROPE = Tenant(regions=("eu-de",))
IBM = Tenant(vendors=("ibm",))
ANYWHERE = Tenant()
BACKENDS = (
    Registered("torino", "ibm", "us-east-1"),
    Registered("garnet", "iqm", "eu-de"),
    Registered("aer", "qiskit", None),
)


def placed(at_submission: Tenant, at_acceptance: Tenant, backend: str) -> ResidencyFacts:
    facts = ResidencyFacts({it.backend: it for it in BACKENDS})
    facts.asked("acme/j1", at_submission)
    facts.accepted("acme/j1", at_acceptance)
    facts.placed("acme/j1", backend, 7)
    return facts


@pytest.mark.parametrize(
    ("rule", "backend", "why"),
    [
        (EUROPE, "torino", "is in us-east-1, and data of the tenant stay in eu-de"),
        (EUROPE, "aer", "has no known region"),
        (IBM, "garnet", "is of iqm, and data of the tenant go to ibm alone"),
    ],
)
def test_a_placement_outside_the_rule_is_found(rule: Tenant, backend: str, why: str) -> None:
    ((job, text),) = placed(rule, rule, backend).faults
    assert job == "acme/j1"
    assert text.startswith(f"sequence 7 places it on {backend}, which {why}")


@pytest.mark.parametrize(("rule", "backend"), [(EUROPE, "garnet"), (IBM, "torino")])
def test_a_placement_inside_the_rule_counts_as_checked(rule: Tenant, backend: str) -> None:
    facts = placed(rule, rule, backend)
    assert (facts.faults, facts.placements) == ([], 1)


@pytest.mark.parametrize(("before", "after"), [(ANYWHERE, EUROPE), (EUROPE, ANYWHERE)])
def test_a_rule_that_changes_while_the_broker_decides_is_no_fault(before: Tenant, after: Tenant) -> None:
    assert placed(before, after, "torino").faults == []


def test_a_job_that_is_moved_is_judged_by_each_placement() -> None:
    facts = placed(EUROPE, EUROPE, "garnet")
    facts.placed("acme/j1", "torino", 9)
    assert [job for job, _ in facts.faults] == ["acme/j1"]
