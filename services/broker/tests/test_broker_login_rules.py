"""Logins with tokens of an issuer, without a server: how old a token may be, also after its key was forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queuebit_broker.grants import KeysOf
from queuebit_broker.logins import Logins
from queuebit_broker.proofs import Proof
from queuebit_broker.state import World
from queuebit_contracts.delegation import (
    MAX_LIFETIME_S,
    Delegation,
    DelegationGranted,
    DelegationRevoked,
    Revocation,
    delegation_id,
)
from queuebit_contracts.delegations import KEPT
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.topology import topology
from queuebit_kernel import FixedClock
from queuebit_runtime.callout import LoginRequest, UserLogin
from queuebit_runtime.keys import new_seed, public_key
from queuebit_testing.issuer import GITHUB, TestIssuer

ISSUER = TestIssuer()
URL = "https://token.actions.githubusercontent.com"
TENANTS = f"""
[tenant.acme.project.chem]
[tenant.acme.user.ci]
role = "submitter"
[tenant.acme.issuer.github]
url = "{URL}"
audience = "queuebit:acme"
jwks_url = "{URL}/.well-known/jwks"
claims = {{ repository = "acme/chem" }}
user = "ci"
"""
BEGIN = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


class Broker:
    """A broker that knows the issuer, at any time."""

    def __init__(self) -> None:
        self.world = World()
        self.world.directory = Directory(parse_tenants(TENANTS))

    async def _keys(self, tenant: str, proof: Proof) -> KeysOf:
        return {"github": ISSUER.jwks()["keys"]}

    async def login(self, token: str, at: datetime) -> UserLogin | str:
        logins = Logins(self.world, self._keys, FixedClock(at), topology(), "")
        return await logins(LoginRequest("N", "U", token))

    def grant(self, jti: str, at: datetime) -> str:
        name = delegation_id("acme", URL, jti)
        data = Delegation(
            tenant="acme", delegation=name, key=public_key(new_seed()), user="ci", scope="submit", issuer="github",
            subject="ci", proof="sha256:" + "0" * 64, granted_at=at, expires_at=at + timedelta(hours=1),
        )  # fmt: skip
        self.world.delegations.take(DelegationGranted(source="qb/broker", data=data))
        return name


def long_lived(**changed: Any) -> str:
    """A token that is valid for a week."""
    more = {"iss": URL, "audience": "queuebit:acme", "jti": "run-1", "exp": int((BEGIN + WEEK).timestamp())}
    return ISSUER.token(GITHUB, BEGIN, **{**more, **changed})


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.mark.parametrize(
    ("age", "lets_in"),
    [
        (timedelta(0), True),
        (timedelta(seconds=MAX_LIFETIME_S - 1), True),
        (timedelta(seconds=MAX_LIFETIME_S), False),
        (timedelta(days=6), False),
    ],
)
async def test_a_token_logs_in_for_twelve_hours_after_it_was_issued(
    broker: Broker, age: timedelta, lets_in: bool
) -> None:
    found = await broker.login(long_lived(), BEGIN + age)
    assert isinstance(found, UserLogin) is lets_in
    assert lets_in or found == "the token is older than 12 hours: get a new one from its issuer"


async def test_the_token_of_a_revoked_key_never_logs_in_also_when_the_key_was_forgotten(broker: Broker) -> None:
    name, token = broker.grant("run-1", BEGIN), long_lived()
    revoked = Revocation(tenant="acme", delegation=name, by="ann")
    broker.world.delegations.take(DelegationRevoked(source="qb/broker", data=revoked))
    for hours in range(0, 7 * 24, 3):
        at = BEGIN + timedelta(hours=hours)
        broker.grant(f"other {hours}", at)  # each fact lets old ones be forgotten
        assert isinstance(await broker.login(token, at), str)
    assert broker.world.delegations.find("acme", name) is None


def test_keys_are_forgotten_later_than_tokens_are_too_old() -> None:
    assert timedelta(seconds=MAX_LIFETIME_S) + timedelta(hours=1) < KEPT
