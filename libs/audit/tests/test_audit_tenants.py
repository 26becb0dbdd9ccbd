"""Jobs are judged by the facts about tenants that held when they were submitted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from queuebit_contracts.delegation import Delegation, DelegationGranted
from queuebit_contracts.directory import Directory, changes
from queuebit_contracts.job import JobAccepted, JobSubmitted
from queuebit_contracts.tenants import Tenant, Tenants, User
from queuebit_kernel import digest, job_id
from queuebit_runtime.keys import new_seed, public_key

from .conftest import Recording

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
KEYS = {name: public_key(new_seed()) for name in ("acme", "beta")}


def _facts(recording: Recording, role: str, revoked_after: int | None = None) -> None:
    """Put facts before the history that give each tenant's key to a user, and take them away at a place."""
    for at, it in enumerate(recording.events):
        if isinstance(it, JobSubmitted):
            proof = it.data.proof.model_copy(update={"key": KEYS[it.data.tenant]})
            recording.events[at] = it.model_copy(update={"data": it.data.model_copy(update={"proof": proof})})
    owners = {name: {"ann": User(role=role, keys=(key,))} for name, key in KEYS.items()}
    document = Tenants.model_construct(tenant={name: Tenant(user=users) for name, users in owners.items()})
    directory = Directory()
    facts = changes(directory, document, "ops")
    for fact in facts:
        directory.take(fact)
    if revoked_after is not None:
        none_left = Tenants(tenant={name: Tenant() for name in owners})
        at = revoked_after
        recording.events[at:at] = changes(directory, none_left, "ops")
    recording.events[:0] = facts


def test_jobs_of_members_hold(recording: Recording) -> None:
    _facts(recording, "submitter")
    assert recording.judged()["I3"].holds


def test_a_key_that_is_revoked_after_the_submission_was_good_for_it(recording: Recording) -> None:
    _facts(recording, "submitter", revoked_after=recording.find(JobAccepted))
    unauthorised = {subject for subject, _ in recording.history().unauthorised}
    assert f"qb.job.acme.{job_id('acme', 'k1')}.accepted" not in unauthorised
    assert f"qb.job.acme.{job_id('acme', 'k2')}.accepted" in unauthorised, "it was submitted later"


@pytest.mark.parametrize("role", ["viewer", "submitter"])
def test_a_job_of_a_viewer_or_of_a_revoked_key_must_not_be_accepted(recording: Recording, role: str) -> None:
    _facts(recording, role, revoked_after=0 if role == "submitter" else None)
    verdict = recording.judged()["I3"]
    assert not verdict.holds
    accepted = sum(isinstance(it, JobAccepted) for it in recording.events)
    assert len(recording.history().unauthorised) == accepted
    assert recording.judged()["I2"].holds


def test_a_log_without_facts_about_tenants_is_of_version_01_and_not_judged_by_them(recording: Recording) -> None:
    assert recording.history().unauthorised == []
    assert recording.judged()["I3"].holds


@pytest.mark.parametrize(
    ("changes_to_it", "holds"),
    [({}, True), ({"scope": "read"}, False), ({"project": "other"}, False), ({"expires_at": LONG_AGO}, False)],
)
def test_a_job_of_a_delegated_key_is_judged_by_its_delegation(
    recording: Recording, changes_to_it: dict[str, Any], holds: bool
) -> None:
    _facts(recording, "submitter")
    key = "U" + "C" * 55
    for at, it in enumerate(recording.events):
        if isinstance(it, JobSubmitted):
            proof = it.data.proof.model_copy(update={"key": key, "delegation": "d1"})
            recording.events[at] = it.model_copy(update={"data": it.data.model_copy(update={"proof": proof})})
    first = next(at for at, it in enumerate(recording.events) if isinstance(it, JobSubmitted))
    for tenant in KEYS:
        delegation = Delegation(
            tenant=tenant,
            delegation="d1",
            key=key,
            user="ann",
            scope="submit",
            subject="ann",
            proof=digest(b"a JWT"),
            granted_at=LONG_AGO,
            expires_at=LONG_AGO.replace(year=2126),
        ).model_copy(update=changes_to_it)
        recording.events.insert(first, DelegationGranted(source="qb/broker", data=delegation))
    assert recording.judged()["I3"].holds is holds
