"""What is decided about a login with a token, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from queuebit_broker.grants import KeysOf
from queuebit_broker.logins import STAFF, Logins
from queuebit_broker.proofs import Proof
from queuebit_broker.state import World
from queuebit_contracts.delegation import (
    AccessToken,
    Delegation,
    DelegationGranted,
    DelegationRevoked,
    Revocation,
    delegation_id,
)
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.topology import topology
from queuebit_kernel import SystemClock
from queuebit_runtime.callout import LoginRequest, UserLogin
from queuebit_runtime.keys import new_seed, public_key

from .test_broker_logins import ISSUER, JWKS, TENANTS, token


@pytest.fixture
def world() -> World:
    world = World()
    text = TENANTS.replace('user = "submitter"', 'user = "submitter"\nmax_lifetime_s = 120')
    world.directory = Directory(parse_tenants(text))
    return world


async def decided(world: World, text: str, name: str = "") -> UserLogin | str:
    async def keys_for(tenant: str, proof: Proof) -> KeysOf:
        del tenant, proof
        return {"github": JWKS}

    decide = Logins(world, keys_for, SystemClock(), topology(), "ops")
    return await decide(LoginRequest("N", "U", text, name))


def delegation(tenant: str, name: str, user: str, scope: str, seed: str, project: str | None = None) -> Delegation:
    now = datetime.now(UTC)
    return Delegation(
        tenant=tenant,
        delegation=name,
        key=public_key(seed),
        user=user,
        scope=scope,
        project=project,
        subject="test",
        proof="sha256:" + "0" * 64,
        granted_at=now,
        expires_at=now + timedelta(hours=1),
    )


async def test_a_connection_lasts_no_longer_than_keys_of_the_issuer_may(world: World) -> None:
    found = await decided(world, token())
    assert isinstance(found, UserLogin)
    assert found.name == f"acme/submitter/{delegation_id('acme', ISSUER, 'run-1')}"
    left = found.expires_at - datetime.now(UTC)
    assert timedelta(seconds=60) < left <= timedelta(seconds=120), "the token itself lasts for 300 s"


async def test_a_token_whose_key_was_revoked_opens_nothing(world: World) -> None:
    name = delegation_id("acme", ISSUER, "run-1")
    granted = delegation("acme", name, "submitter", "submit", new_seed())
    world.delegations.take(DelegationGranted(source="qb/broker", data=granted))
    assert isinstance(await decided(world, token()), UserLogin)
    revoked = Revocation(tenant="acme", delegation=name, by="admin")
    world.delegations.take(DelegationRevoked(source="qb/broker", data=revoked))
    assert "has ended: admin revoked it" in str(await decided(world, token()))
    assert isinstance(await decided(world, token(jti="run-2")), UserLogin)


@pytest.mark.parametrize(("project", "refusal"), [(None, None), ("chem", "is for project chem alone")])
async def test_a_key_for_one_project_has_no_rights_on_the_platform(
    world: World, project: str | None, refusal: str | None
) -> None:
    seed = new_seed()
    granted = delegation("ops", "d1", "operator", "operate", seed, project)
    world.delegations.take(DelegationGranted(source="qb/broker", data=granted))
    text = AccessToken("ops", "d1", seed).text()
    found = await decided(world, text, STAFF)
    assert isinstance(found, UserLogin) if refusal is None else refusal in str(found)
    assert isinstance(await decided(world, text), UserLogin), "in its own tenant it has"


async def test_a_refusal_has_no_part_of_the_token(world: World) -> None:
    text = token(aud="queuebit:other")
    why = await decided(world, text)
    assert isinstance(why, str)
    assert not [it for it in text.split(".") if it in why]
