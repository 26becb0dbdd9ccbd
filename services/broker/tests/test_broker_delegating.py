"""Delegated keys from the grant to the end: what they may submit and cancel, and until when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.delegating import DelegateKeys
from queuebit_broker.errors import Forbidden
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.delegation import (
    DelegateRequest,
    Delegation,
    DelegationAnswer,
    DelegationGranted,
    DelegationRevoked,
    RevokeRequest,
)
from queuebit_contracts.directory import changes
from queuebit_contracts.job import JobAccepted, JobCancelled, JobSubmitted, Signature
from queuebit_contracts.tenants import parse_tenants
from queuebit_kernel import Malformed, Unavailable
from queuebit_runtime.keys import new_seed, public_key, sign
from queuebit_testing.issuer import GITHUB, GITHUB_URL, TestIssuer

from .broker_office import SEEDS, TENANTS, Delivery, Office, submission

ISSUER = TestIssuer()
SEED = new_seed()
TRUSTING = (
    TENANTS
    + f"""
[tenant.acme.user.ci]
[tenant.acme.issuer.github]
url = "{GITHUB_URL}"
audience = "queuebit:acme"
jwks_url = "{GITHUB_URL}/.well-known/jwks"
claims = {{ repository = "acme/chem" }}
user = "ci"
project = "main"
"""
)


class KeySets:
    """An issuer's keys, or none that can be read."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.down = False

    async def keys(self, url: str, key_id: str | None) -> Sequence[Mapping[str, Any]]:
        self.asked.append((url, key_id))
        if self.down:
            raise Unavailable(f"{url} does not answer")
        keys: Sequence[Mapping[str, Any]] = ISSUER.jwks()["keys"]
        return keys


class Desk:
    """A broker's office with trusted issuers."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.key_sets = KeySets()

    async def open(self) -> None:
        await self.office.open()
        self.office.world.directory = type(self.office.world.directory)()
        for event in changes(self.office.world.directory, parse_tenants(TRUSTING), "ada"):
            await self.office.log.append(event)
        await self.office.catch_up()

    @property
    def keys(self) -> DelegateKeys:
        office = self.office
        return DelegateKeys(
            log=office.log, follower=office.follower, world=office.world, key_sets=self.key_sets, clock=office.clock
        )

    def token(self, **changes: object) -> str:
        return ISSUER.token(GITHUB, self.office.clock.now(), **changes)  # type: ignore[arg-type]

    async def ask(self, proof: str | None = None, *, seed: str = SEED, **fields: Any) -> DelegationAnswer:
        request = DelegateRequest(key=public_key(seed), proof=proof or self.token(), **fields)
        return await self.keys.delegate("acme", request)

    async def granted(self, **fields: Any) -> Delegation:
        answer = await self.ask(**fields)
        assert answer.delegation is not None, answer.errors
        return answer.delegation

    async def submit(self, delegation: str | None, *, seed: str = SEED, **changes: Any) -> Delivery:
        event, body = submission(**changes)
        document = json.loads(body)
        content = {name: it for name, it in document["data"].items() if name != "proof"}
        proof = {"key": public_key(seed), "signature": sign(seed, content)}
        document["data"]["proof"] = proof | ({"delegation": delegation} if delegation else {})
        event, body = JobSubmitted.model_validate(document), json.dumps(document).encode()
        event = event.model_copy(update={"time": self.office.clock.now()})
        sequence = await self.office.log.append(event)
        return Delivery(event=event, body=body, subject=subjects.subject_of(event), sequence=sequence)

    async def reasons(self, delegation: str | None, **changes: Any) -> list[str]:
        """Why a submission is rejected; nothing if it is accepted."""
        await self.office.deliver(await self.submit(delegation, **changes))
        return [] if self.office.log.events(JobAccepted) else self.office.reasons()

    async def revoke(
        self, delegation: str, *, seed: str, of: str | None = None, tenant: str = "acme"
    ) -> DelegationAnswer:
        content = {"tenant": tenant, "delegation": delegation}
        proof = Signature(key=public_key(seed), signature=sign(seed, content), delegation=of)
        return await self.keys.revoke("acme", RevokeRequest(**content, proof=proof))


@pytest.fixture
async def desk(office: Office) -> Desk:
    desk = Desk(office)
    await desk.open()
    return desk


async def test_a_grant_is_a_fact_without_the_proof(desk: Desk) -> None:
    proof = desk.token()
    answer = await desk.ask(proof, lifetime_s=600)
    (event,) = desk.office.log.events(DelegationGranted)
    assert answer == DelegationAnswer(delegation=event.data)
    assert subjects.subject_of(event) == f"qb.delegation.acme.{event.data.delegation}.granted"
    stored = event.to_bytes().decode()
    assert not any(part in stored for part in proof.split("."))
    assert desk.key_sets.asked == [(f"{GITHUB_URL}/.well-known/jwks", ISSUER.key_id("RS256"))]


async def test_the_same_request_has_the_same_answer(desk: Desk) -> None:
    proof = desk.token()
    first = await desk.ask(proof)
    desk.office.clock.advance(60)
    assert await desk.ask(proof) == first
    assert len(desk.office.log.events(DelegationGranted)) == 1


async def test_a_proof_gives_one_key(desk: Desk) -> None:
    proof = desk.token()
    await desk.ask(proof)
    again = await desk.ask(proof, seed=new_seed())
    assert [it.code for it in again.errors] == ["proof_used"]
    renewed = await desk.ask(desk.token(sha="another"), seed=new_seed())
    assert [it.code for it in renewed.errors] == ["proof_used"], "its jti counts"
    assert len(desk.office.log.events(DelegationGranted)) == 1


async def test_of_two_requests_with_one_proof_at_once_one_gets_a_key(desk: Desk) -> None:
    proof = desk.token()
    answers = await asyncio.gather(*(desk.ask(proof, seed=new_seed()) for _ in range(4)))
    assert sorted(len(it.errors) for it in answers) == [0, 1, 1, 1]


async def test_keys_that_cannot_be_read_are_no_refusal(desk: Desk) -> None:
    desk.key_sets.down = True
    with pytest.raises(Unavailable, match="does not answer"):
        await desk.ask()
    with pytest.raises(Malformed):
        await desk.ask("no token")
    assert not desk.office.log.events(DelegationGranted)


async def test_a_job_names_the_delegation_it_was_submitted_under(desk: Desk) -> None:
    delegation = await desk.granted()
    assert await desk.reasons(delegation.delegation) == []
    (accepted,) = desk.office.log.events(JobAccepted)
    assert (accepted.data.user, accepted.data.delegation) == ("ci", delegation.delegation)


async def test_a_users_own_job_names_none(desk: Desk) -> None:
    assert await desk.reasons(None, seed=SEEDS["ann"]) == []
    (accepted,) = desk.office.log.events(JobAccepted)
    assert accepted.data.delegation is None
    assert b"delegation" not in accepted.to_bytes()


async def test_a_delegated_key_without_its_delegation_is_unknown(desk: Desk) -> None:
    await desk.granted()
    assert await desk.reasons(None) == ["bad_proof"]


async def test_a_key_of_another_delegation_is_refused(desk: Desk) -> None:
    delegation = await desk.granted()
    assert await desk.reasons(delegation.delegation, seed=new_seed()) == ["unknown_delegation"]


async def test_an_invented_delegation_is_refused(desk: Desk) -> None:
    assert await desk.reasons("dinvented") == ["unknown_delegation"]


async def test_a_key_to_read_submits_nothing(desk: Desk) -> None:
    delegation = await desk.granted(scope="read")
    assert await desk.reasons(delegation.delegation) == ["scope_forbids"]


async def test_a_key_for_one_project_submits_to_no_other(desk: Desk) -> None:
    delegation = await desk.granted()
    assert delegation.project == "main"
    assert await desk.reasons(delegation.delegation, project="sim") == ["scope_forbids"]


async def test_a_submission_counts_by_the_time_at_which_the_log_has_it(desk: Desk) -> None:
    delegation = await desk.granted(lifetime_s=60)
    delivery = await desk.submit(delegation.delegation)
    desk.office.clock.advance(7200)  # it waited
    in_time = delivery["event"].model_copy(update={"time": delegation.expires_at - timedelta(microseconds=1)})
    await desk.office.deliver({**delivery, "event": in_time})
    assert desk.office.log.events(JobAccepted)


async def test_a_submission_after_the_end_is_refused(desk: Desk) -> None:
    delegation = await desk.granted(lifetime_s=60)
    delivery = await desk.submit(delegation.delegation)
    late = delivery["event"].model_copy(update={"time": delegation.expires_at})
    await desk.office.deliver({**delivery, "event": late})
    assert desk.office.reasons() == ["delegation_expired"]


@pytest.mark.parametrize("gone", ["user", "issuer", "tenant"])
async def test_what_is_removed_takes_its_keys_along(desk: Desk, gone: str) -> None:
    delegation = await desk.granted()
    document = parse_tenants(TRUSTING)
    acme = document.tenant["acme"]
    less: dict[str, Any] = {
        "user": {"user": {name: it for name, it in acme.user.items() if name != "ci"}},
        "issuer": {"issuer": {}},
    }
    rest = {"acme": acme.model_copy(update=less[gone])} if gone in less else {}
    desired = document.model_copy(update={"tenant": {"evil": document.tenant["evil"], **rest}})
    for event in changes(desk.office.world.directory, desired, "ada"):
        await desk.office.log.append(event)
    await desk.office.catch_up()
    assert "delegation_revoked" in await desk.reasons(delegation.delegation)


async def test_another_broker_learns_of_a_key_before_it_refuses(desk: Desk) -> None:
    delegation = await desk.granted()
    desk.office.restart()
    assert desk.office.world.delegations.find("acme", delegation.delegation) is None
    assert await desk.reasons(delegation.delegation) == []


@pytest.mark.parametrize(
    ("who", "reason"),
    [("itself", None), ("boss", None), ("ann", "role_forbids"), ("vic", "role_forbids"), ("eve", "role_forbids")],
)
async def test_who_may_end_a_key(desk: Desk, who: str, reason: str | None) -> None:
    delegation = await desk.granted()
    answer = await desk.revoke(delegation.delegation, seed=SEED if who == "itself" else SEEDS[who])
    assert [it.code for it in answer.errors] == ([reason] if reason else [])
    ended = desk.office.log.events(DelegationRevoked)
    assert [it.data.by for it in ended] == ([] if reason else ["ci" if who == "itself" else who])
    assert await desk.reasons(delegation.delegation) == ([] if reason else ["delegation_revoked"])


async def test_to_end_a_key_twice_is_one_fact(desk: Desk) -> None:
    delegation = await desk.granted()
    first, again = [await desk.revoke(delegation.delegation, seed=SEEDS["boss"]) for _ in range(2)]
    assert first == again == DelegationAnswer(delegation=delegation)
    assert len(desk.office.log.events(DelegationRevoked)) == 1
    assert [it.code for it in (await desk.ask()).errors] == ["delegation_revoked"]


async def test_a_forged_request_to_end_a_key_is_refused(desk: Desk) -> None:
    delegation = await desk.granted()
    for answer in (
        await desk.revoke(delegation.delegation, seed=SEEDS["boss"], tenant="evil"),
        await desk.revoke("dunknown", seed=SEEDS["boss"]),
    ):
        assert answer.errors
    other = await desk.granted(proof=desk.token(jti="2"), seed=(second := new_seed()))
    answer = await desk.revoke(delegation.delegation, seed=second, of=other.delegation)
    assert [it.code for it in answer.errors] == ["role_forbids"], "of one user, but another key"
    assert not desk.office.log.events(DelegationRevoked)


@pytest.mark.parametrize(
    ("scope", "project", "allowed"), [("submit", "main", True), ("submit", "sim", False), ("read", "main", False)]
)
async def test_a_delegated_key_cancels_what_its_user_may(desk: Desk, scope: str, project: str, allowed: bool) -> None:
    submitting = await desk.granted()
    delivery = await desk.submit(submitting.delegation)
    await desk.office.deliver(delivery)
    document = parse_tenants(TRUSTING.replace('project = "main"\n', f'project = "{project}"\n'))
    for event in changes(desk.office.world.directory, document, "ada"):
        await desk.office.log.append(event)
    seed = new_seed()
    using = await desk.granted(proof=desk.token(jti="2"), seed=seed, scope=scope)
    job = delivery["event"].data.job
    content = {"tenant": "acme", "job": job, "reason": ""}
    proof = {"key": public_key(seed), "signature": sign(seed, content), "delegation": using.delegation}
    body = json.dumps({"source": "qb/client", "type": "qb.job.cancel.v1", "data": {**content, "proof": proof}}).encode()
    cancel = CancelJobs(desk.office.log, desk.office.follower, desk.office.world)
    event_ = desk_cancel(body).model_copy(update={"time": desk.office.clock.now()})
    if allowed:
        await cancel(event_, body=body, subject=f"qb.command.acme.{job}.cancel")
        (cancelled,) = desk.office.log.events(JobCancelled)
        assert (cancelled.data.by, cancelled.data.delegation) == ("ci", using.delegation)
    else:
        with pytest.raises(Forbidden):
            await cancel(event_, body=body, subject=f"qb.command.acme.{job}.cancel")


def desk_cancel(body: bytes) -> Any:
    from queuebit_contracts.command import CancelJob

    return CancelJob.model_validate_json(body)


async def test_a_snapshot_keeps_the_keys(desk: Desk) -> None:
    delegation = await desk.granted()
    await desk.revoke(delegation.delegation, seed=SEED)
    encode = desk.office.world.freeze()
    assert encode is not None
    again = World()
    again.thaw([*encode()])()
    assert [*again.delegations.all()] == [*desk.office.world.delegations.all()]
    assert again.delegations.find("acme", delegation.delegation) is not None
