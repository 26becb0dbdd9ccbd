"""Logins with tokens, on a real nats-server: what is let in, what is refused, and what a connection may do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import nats
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from nats.aio.client import Client

from queuebit_broker.grants import KeysOf
from queuebit_broker.login_limit import LoginLimit
from queuebit_broker.logins import STAFF, Logins
from queuebit_broker.proofs import Proof
from queuebit_broker.state import World
from queuebit_contracts.delegation import AccessToken, Delegation, DelegationGranted, DelegationRevoked, Revocation
from queuebit_contracts.directory import Directory
from queuebit_contracts.roles import ROLE_OF, ROLES, VERBS_OF, Role
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.topology import inbox_of_key
from queuebit_kernel import SystemClock, to_base64url
from queuebit_runtime.callout import Callout
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.tasks import Tasks
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

ISSUER = "https://token.actions.githubusercontent.com"
KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
JWKS = [{**RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "k1", "use": "sig", "alg": "RS256"}]
USERS = "".join(f"[tenant.{tenant}.user.{role}]\nrole = '{role}'\n" for tenant in ("acme", "ops") for role in ROLES)
TENANTS = f"""
[tenant.acme]
[tenant.acme.project.chem]
[tenant.acme.issuer.github]
url = "{ISSUER}"
audience = "queuebit:acme"
jwks_url = "{ISSUER}/.well-known/jwks"
claims = {{ repository_owner_id = "65", repository = "acme/{{project}}", ref = "refs/heads/main" }}
user = "submitter"
[tenant.evil.user.eve]
[tenant.ops]
{USERS}
"""


def token(key: Any = KEY, kid: str = "k1", **changed: Any) -> str:  # a private key, and any JSON
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": "queuebit:acme",
        "sub": "repo:acme/chem:ref:refs/heads/main",
        "iat": now,
        "exp": now + 300,
        "jti": "run-1",
        "repository_owner_id": "65",
        "repository": "acme/chem",
        "ref": "refs/heads/main",
    }
    whole = {name: it for name, it in (claims | changed).items() if it is not None}
    return jwt.encode(whole, key, algorithm="RS256", headers={"kid": kid})


def part(document: object) -> str:
    return to_base64url(json.dumps(document).encode())


def unsigned() -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'k1'})}.{token().split('.')[1]}."


def confused() -> str:
    """Signed with HMAC, with the public key of the issuer as the secret."""
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{token().split('.')[1]}"
    secret = json.dumps(JWKS[0]).encode()
    return f"{signed}.{to_base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


MOST = 40
"""Logins that may fail in a minute: more than any other test here lets fail."""


class Platform:
    """A server, and what decides on its logins."""

    def __init__(self, folder: Path) -> None:
        self.server = NatsServer(folder, tuple((it, "ann", "submitter") for it in ("acme", "evil", "ops")), tokens=True)
        self.world = World()
        self.world.directory = Directory(parse_tenants(TENANTS))
        self.tasks = Tasks()
        self.now = 0.0
        self.refused: list[tuple[str, str]] = []

    async def keys_for(self, tenant: str, proof: Proof) -> KeysOf:
        return {"github": JWKS}

    async def begin(self) -> None:
        await self.server.start()
        self.broker = await self.server.connect("broker")
        logins = Logins(self.world, self.keys_for, SystemClock(), self.server.wanted, "ops")
        limit = LoginLimit(logins, MOST, lambda: self.now, lambda name, code: self.refused.append((name, code)))
        await Callout("broker", self.tasks, self.server.login_seed, limit, SystemClock()).listen(self.broker)
        await self.broker.flush()

    async def end(self) -> None:
        await self.broker.close()
        await self.tasks.close()

    def delegated(self, role: Role, tenant: str = "acme", lifetime: timedelta = timedelta(hours=1)) -> AccessToken:
        now, seed = datetime.now(UTC), new_seed()
        name = f"d{len([*self.world.delegations.all()])}"
        scope = next(it for it, worth in ROLE_OF.items() if worth == role)
        data = Delegation(
            tenant=tenant,
            delegation=name,
            key=public_key(seed),
            user=role,
            scope=scope,
            subject="test",
            proof="sha256:" + "0" * 64,
            granted_at=now,
            expires_at=now + lifetime,
        )
        self.world.delegations.take(DelegationGranted(source="qb/broker", data=data))
        return AccessToken(tenant, name, seed)

    async def connect(self, text: str, key: str = "d1", tenant: str = "acme", **more: Any) -> tuple[Client, list[str]]:
        """A connection with a token, and what the server complains about."""
        complaints = list[str]()

        async def note(error: Exception) -> None:
            complaints.append(str(error))

        given = {"user": more["user"], "password": text} if "user" in more else {"token": text}
        client = await nats.connect(
            self.server.url,
            **given,
            inbox_prefix=inbox_of_key(tenant, key).encode(),
            allow_reconnect=False,
            connect_timeout=10,
            error_cb=note,
        )
        return client, complaints

    async def refuses(self, text: str, key: str = "d1", tenant: str = "acme", **more: Any) -> bool:
        """Whether a login with this token fails."""
        try:
            client, _ = await self.connect(text, key, tenant, **more)
            await client.flush()  # nats-py takes any line of the server for the end of a login
        except (nats.errors.Error, OSError):
            return True
        await client.close()
        return False


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    it = Platform(tmp_path)
    await it.begin()
    yield it
    await it.end()
    it.server.kill()


async def denied(client: Client, complaints: Sequence[str], subject: str) -> bool:
    """Whether the server refuses to publish there."""
    before = len(complaints)
    await client.publish(subject, b"{}")
    await client.flush()
    await client.flush()
    return any(f'publish to "{subject.lower()}"' in it.lower() for it in complaints[before:])


async def test_a_workload_token_opens_the_tenant_of_its_repository_alone(platform: Platform) -> None:
    client, complaints = await platform.connect(token())
    assert not await denied(client, complaints, "qb.identity.acme.delegate")
    assert not await denied(client, complaints, "qb.job.acme.j1.submitted")
    for subject in (
        "qb.job.evil.j1.submitted",
        "qb.identity.evil.delegate",
        "qb.job.acme.j1.accepted",
        "qb.admin.tenants",
    ):
        assert await denied(client, complaints, subject)
    for subject in ("qb.job.evil.>", "qb.>", ">", "_INBOX.>", "_INBOX.t.acme.ann.>", "$SYS.REQ.USER.AUTH"):
        await client.subscribe(subject)
    await client.flush()
    await client.flush()
    assert len([it for it in complaints if "subscription" in it.lower()]) == 6
    log = (platform.server.folder / "nats.log").read_text()
    assert re.search(r' - "acme/user:acme/submitter/d[a-z0-9]+" - Publish Violation - Subject "qb.job.evil', log)
    await client.close()


BAD: dict[str, Callable[[], str]] = {
    "expired": lambda: token(exp=int(time.time()) - 61, iat=int(time.time()) - 400),
    "expired, within the skew": lambda: token(exp=int(time.time()) - 5, iat=int(time.time()) - 400),
    "of the future": lambda: token(iat=int(time.time()) + 600),
    "wrong audience": lambda: token(aud="queuebit:evil"),
    "wrong issuer": lambda: token(iss="https://gitlab.com"),
    "another repository owner": lambda: token(repository_owner_id="66"),
    "another branch": lambda: token(ref="refs/pull/1/merge"),
    "a claim is missing": lambda: token(ref=None),
    "another key": lambda: token(OTHER),
    "unknown kid": lambda: token(kid="k2"),
    "alg none": unsigned,
    "alg HS256 with the public key": confused,
    "changed": lambda: token()[:-8] + "AAAAAAAA",
    "no token": lambda: "x",
    "an access token that is none": lambda: "qbt_x",
    "an access token that was not granted": lambda: AccessToken("acme", "d9", new_seed()).text(),
}


async def test_every_other_token_is_refused(platform: Platform) -> None:
    for name, made in BAD.items():
        assert await platform.refuses(made()), name
    log = (platform.server.folder / "nats.log").read_text()
    assert "ask its issuer for the audience" not in log
    assert token().split(".")[0] not in log


async def test_too_many_failed_logins_of_an_address_stop_new_tokens_from_there_for_a_minute(platform: Platform) -> None:
    known, new = platform.delegated("viewer"), platform.delegated("submitter")
    assert not await platform.refuses(known.text(), known.delegation)
    for _ in range(MOST):
        assert await platform.refuses("x")
    assert platform.refused == []
    assert await platform.refuses(new.text(), new.delegation, user="the name it gives")
    assert platform.refused == [("the name it gives", "too_many_failed_logins")]
    assert f"more than {MOST} logins from 127.0.0.1 failed in 60 s" in (platform.server.folder / "nats.log").read_text()
    assert not await platform.refuses(known.text(), known.delegation)
    ann = await platform.server.connect("acme/ann", allow_reconnect=False)
    await ann.close()
    platform.now += 60
    assert not await platform.refuses(new.text(), new.delegation)


async def test_a_delegated_key_has_the_rights_of_its_role_and_ends_with_its_revocation(platform: Platform) -> None:
    for role in ROLES:
        key = platform.delegated(role)
        client, complaints = await platform.connect(key.text(), key.delegation)
        assert await denied(client, complaints, "qb.job.acme.j1.submitted") is ("submit" not in VERBS_OF[role])
        assert await denied(client, complaints, "qb.query.acme.jobs") is ("read" not in VERBS_OF[role])
        assert await denied(client, complaints, "qb.query.acme.charges") is ("charges" not in VERBS_OF[role])
        assert await denied(client, complaints, "qb.query.acme.audit") is ("audit" not in VERBS_OF[role])
        assert await denied(client, complaints, "qb.admin.windows")
        await client.close()
    data = Revocation(tenant="acme", delegation=key.delegation, by="ann")
    platform.world.delegations.take(DelegationRevoked(source="qb/broker", data=data))
    assert await platform.refuses(key.text())


async def test_a_connection_ends_with_its_token_and_the_token_opens_no_other(platform: Platform) -> None:
    key = platform.delegated("submitter", lifetime=timedelta(seconds=2))
    client, _ = await platform.connect(key.text(), key.delegation)
    async with asyncio.timeout(20):
        while client.is_connected:
            await asyncio.sleep(0.05)
    assert await platform.refuses(key.text(), key.delegation)


async def test_a_connection_has_a_limit_of_subscriptions(platform: Platform) -> None:
    key = platform.delegated("viewer")
    client, complaints = await platform.connect(key.text(), key.delegation)
    for number in range(300):
        await client.subscribe(f"qb.job.acme.j{number}.>")
    async with asyncio.timeout(20):
        while client.is_connected and not any("maximum subscriptions" in it.lower() for it in complaints):
            await asyncio.sleep(0.05)
    assert "maximum subscriptions exceeded" in (platform.server.folder / "nats.log").read_text().lower()
    await client.close()


async def test_only_the_operators_own_people_have_rights_on_the_platform(platform: Platform) -> None:
    expected = {"operator": "qb.admin.windows", "finance": "qb.admin.bill", "admin": "qb.admin.tenants"}
    others = {"qb.admin.windows", "qb.admin.bill", "qb.admin.tenants"}
    for role, subject in expected.items():
        key = platform.delegated(role, "ops")  # type: ignore[arg-type]  # a role
        client, complaints = await platform.connect(key.text(), key.delegation, "ops", user=STAFF)
        assert not await denied(client, complaints, subject)
        if role != "admin":
            for other in others - {subject}:
                assert await denied(client, complaints, other)
        assert await denied(client, complaints, "qb.job.acme.j1.submitted")
        assert await denied(client, complaints, "qb.account.acme.main.funded")
        await client.close()
    key = platform.delegated("auditor", "ops")
    client, complaints = await platform.connect(key.text(), key.delegation, "ops", user=STAFF)
    assert not await denied(client, complaints, "$JS.API.DIRECT.GET.LOG")
    for subject in (*others, "qb.replay.broker-submitted", "$JS.API.STREAM.MSG.DELETE.DEAD"):
        assert await denied(client, complaints, subject)
    await client.close()
    for role, tenant in (("viewer", "ops"), ("submitter", "ops"), ("admin", "acme")):
        key = platform.delegated(role, tenant)  # type: ignore[arg-type]  # a role
        assert await platform.refuses(key.text(), key.delegation, tenant, user=STAFF)


async def test_while_no_broker_decides_users_with_keys_log_in_and_tokens_wait(platform: Platform) -> None:
    await platform.broker.close()
    ann = await platform.server.connect("acme/ann", allow_reconnect=False)
    scheduler = await platform.server.connect("scheduler", allow_reconnect=False)
    assert ann.is_connected
    assert scheduler.is_connected
    assert await platform.refuses(platform.delegated("submitter").text())
    await ann.close()
    await scheduler.close()
    platform.broker = await platform.server.connect("broker")


async def test_no_service_answers_logins_but_the_broker_and_no_user_asks_for_them(platform: Platform) -> None:
    for name in ("gateway", "scheduler", "telemetry", "operator"):
        complaints = list[str]()

        async def note(error: Exception, into: list[str] = complaints) -> None:
            into.append(str(error))

        client = await nats.connect(platform.server.url, nkeys_seed_str=platform.server.seeds[name], error_cb=note)
        await client.subscribe("$SYS.REQ.USER.AUTH")
        await client.publish("$SYS.REQ.USER.AUTH", b"x")
        await client.flush()
        await client.flush()
        assert len(complaints) == 2
        await client.close()
