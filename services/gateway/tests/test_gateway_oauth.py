"""Tokens over HTTP: exchange, use, and end. The broker behind it is the real decision on a log in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from queuebit.errors import Unreachable
from queuebit_contracts.delegation import AccessToken, Delegation, DelegationAnswer, DelegationRevoked, Revocation
from queuebit_contracts.delegations import Delegations
from queuebit_contracts.directory import Directory
from queuebit_contracts.tenants import parse_tenants
from queuebit_contracts.wire import Reason
from queuebit_gateway.callers import Callers
from queuebit_gateway.oauth import OAuth
from queuebit_gateway.settings import Settings
from queuebit_gateway.tokens import Tokens
from queuebit_gateway.web import web_app
from queuebit_kernel import FixedClock, digest
from queuebit_runtime.keys import new_seed, verify
from queuebit_testing.issuer import GITHUB, TestIssuer
from queuebit_testing.memory import MemoryLog

from .asgi import Answer, send
from .conftest import Bus, platform

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
PROOF = TestIssuer().token(GITHUB, NOON)
TENANTS = '[tenant.acme.user.ci]\n[tenant.acme.user.ann]\nrole = "admin"\n'
TOKEN = "urn:ietf:params:oauth:token-type:"
GOOD = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token": PROOF,
    "subject_token_type": TOKEN + "id_token",
    "audience": "acme",
}


class Front:
    """A gateway, and a broker that grants what is asked, or refuses it for these reasons."""

    def __init__(self, bus: Bus) -> None:
        self.bus, self.clock = bus, FixedClock(NOON)
        self.directory, self.delegations = Directory(parse_tenants(TENANTS)), Delegations()
        self.reasons: tuple[Reason, ...] = ()
        bus.answers["qb.identity.acme.delegate"] = self.delegate
        bus.answers["qb.identity.acme.revoke"] = self.revoke
        self.tokens = tokens = Tokens(self.directory, self.delegations, self.clock)
        of = platform(MemoryLog(), bus)
        self.callers = Callers(self.directory, self.clock, tokens)
        routes = [*OAuth(of, tokens).routes(), Route("/who", self.who)]
        self.app: ASGIApp = web_app(Settings(), of, self.callers, further=routes)

    def delegate(self, asked: Any) -> Mapping[str, object]:
        if self.reasons:
            return DelegationAnswer(errors=self.reasons).model_dump(mode="json")
        delegation = Delegation(
            tenant="acme",
            delegation="d1",
            key=asked["key"],
            user="ci",
            scope=asked["scope"] or "submit",
            project=asked["project"],
            subject="repo:acme/chem",
            proof=digest(asked["proof"].encode()),
            granted_at=NOON,
            expires_at=NOON + timedelta(seconds=asked["lifetime_s"] or 3600),
        )
        return DelegationAnswer(delegation=delegation).model_dump(mode="json")

    def revoke(self, asked: Any) -> Mapping[str, object]:
        content = {"tenant": asked["tenant"], "delegation": asked["delegation"]}
        assert verify(asked["proof"]["key"], content, asked["proof"]["signature"])
        data = Revocation(**content, by="ci")
        self.delegations.take(DelegationRevoked(source="qb/broker", data=data))
        return {"errors": []}

    async def who(self, request: Request) -> Response:
        caller = await self.callers(request)
        assert caller.signer is not None
        proof = caller.signer({"some": "content"})
        return JSONResponse([caller.tenant, caller.user, caller.role, proof.model_dump(mode="json")])

    async def post(self, form: Mapping[str, object], path: str = "/oauth/token", **headers: str) -> Answer:
        given = {"content-type": "application/x-www-form-urlencoded", **headers}
        return await send(self.app, "POST", path, headers=[*given.items()], body=urlencode(form).encode())

    async def use(self, token: str) -> Answer:
        return await send(self.app, "GET", "/who", headers=[("authorization", f"Bearer {token}")])


@pytest.fixture
def front(bus: Bus) -> Front:
    return Front(bus)


async def test_a_pipeline_exchanges_its_token_and_uses_the_key(front: Front) -> None:
    answer = await front.post({**GOOD, "scope": "submit", "project": "chem", "expires_in": 600})
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    issued = answer.json()
    assert {name: it for name, it in issued.items() if name != "access_token"} == {
        "issued_token_type": TOKEN + "access_token",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "submit",
        "tenant": "acme",
        "delegation": "d1",
        "user": "ci",
        "project": "chem",
        "expires_at": "2026-11-29T12:10:00.000000Z",
    }
    ((_, asked),) = front.bus.asked
    assert asked["proof"] == PROOF
    assert AccessToken.read(issued["access_token"]).seed not in json.dumps(asked), "the secret half stays here"
    tenant, user, role, proof = (await front.use(issued["access_token"])).json()
    assert (tenant, user, role, proof["delegation"], proof["key"]) == ("acme", "ci", "submitter", "d1", asked["key"])
    assert verify(proof["key"], {"some": "content"}, proof["signature"])


async def test_each_exchange_has_a_new_key(front: Front) -> None:
    for _ in range(2):
        await front.post(GOOD)
    assert front.bus.asked[0][1]["key"] != front.bus.asked[1][1]["key"]


async def test_the_tenant_may_be_in_the_audience_of_the_proof(front: Front) -> None:
    without = {name: it for name, it in GOOD.items() if name != "audience"}
    assert (await front.post(without)).status == 200
    other = TestIssuer().token(GITHUB, NOON, audience=["https://github.com/acme"])
    answer = await front.post({**without, "subject_token": other})
    assert (answer.status, answer.json()["error"]) == (400, "invalid_target")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"subject_token_type": TOKEN + "saml2"}, "invalid_request"),
        ({"requested_token_type": TOKEN + "refresh_token"}, "invalid_request"),
        ({"requested_token_type": TOKEN + "access_token"}, None),
        ({"actor_token": "x"}, "invalid_request"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token": "x" * 20_000}, "invalid_request"),
        ({"scope": "root"}, "invalid_scope"),
        ({"scope": "read submit"}, None),
        ({"project": "../x"}, "invalid_request"),
        ({"expires_in": "43201"}, "invalid_request"),
        ({"expires_in": "soon"}, "invalid_request"),
        ({"audience": "no tenant"}, "invalid_target"),
        ({"audience": "queuebit:acme"}, None),
    ],
)
async def test_what_is_wrong_with_a_request_is_said_by_rfc_6749(
    front: Front, changes: dict[str, str], error: str | None
) -> None:
    answer = await front.post({**GOOD, **changes})
    assert (answer.status, answer.json().get("error")) == ((400, error) if error else (200, None))
    assert PROOF not in answer.body.decode()
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("proof_expired", 400, "invalid_request"),
        ("scope_too_wide", 400, "invalid_scope"),
        ("unknown_tenant", 400, "invalid_target"),
        ("unavailable", 503, "temporarily_unavailable"),
    ],
)
async def test_the_brokers_reasons_are_passed_on(front: Front, code: str, status: int, error: str) -> None:
    front.reasons = (Reason(code=code, text='it is "so"\n'), Reason(code="other", text="and ünlike"))
    answer = await front.post(GOOD)
    assert (answer.status, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"] == "it is 'so'; and nlike", "the characters of RFC 6749"
    assert [it["code"] for it in answer.json()["reasons"]] == [code, "other"]
    assert ("retry-after" in answer.headers) is (status == 503)


async def test_a_silent_broker_is_no_refusal(front: Front) -> None:
    def silent(_: object) -> Mapping[str, object]:
        raise Unreachable("no answer")

    front.bus.answers["qb.identity.acme.delegate"] = silent
    assert (await front.post(GOOD)).status == 503


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps(GOOD).encode()),
        (
            "application/x-www-form-urlencoded",
            urlencode([*GOOD.items(), ("scope", "read"), ("scope", "admin")]).encode(),
        ),
        ("application/x-www-form-urlencoded", b"\xff\xfe=%"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % it for it in range(99))),
    ],
)
async def test_what_is_no_form_is_refused(front: Front, kind: str, body: bytes) -> None:
    answer = await send(front.app, "POST", "/oauth/token", headers=[("content-type", kind)], body=body)
    assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
    assert not front.bus.asked


async def test_a_key_ends_with_its_time_and_with_a_word(front: Front) -> None:
    token = (await front.post(GOOD)).json()["access_token"]
    assert (await front.use(token)).status == 200
    caller = front.tokens(token)
    assert caller.lasts()
    assert (await front.post({"token": token}, "/oauth/revoke")).status == 200
    assert not caller.lasts(), "its open streams end"
    assert ((again := await front.use(token)).status, again.json()["code"]) == (401, "delegation_revoked")
    for nonsense in ({"token": "x"}, {"token": token}, {}):
        assert (await front.post(nonsense, "/oauth/revoke")).status == 200


async def test_an_expired_token_is_refused_with_the_way_to_a_new_one(front: Front) -> None:
    token = (await front.post(GOOD)).json()["access_token"]
    caller = front.tokens(token)
    front.clock.advance(3600)
    assert not caller.lasts(), "its open streams end"
    answer = await front.use(token)
    assert (answer.status, answer.json()["code"]) == (401, "delegation_expired")
    challenge = answer.headers["www-authenticate"]
    assert 'Bearer resource_metadata="http://localhost/.well-known/oauth-protected-resource"' in challenge
    found = (await send(front.app, "GET", "/.well-known/oauth-protected-resource")).json()
    (server,) = found["authorization_servers"]
    assert server == found["resource"] == "http://localhost"
    metadata = (await send(front.app, "GET", "/.well-known/oauth-authorization-server")).json()
    assert (metadata["issuer"], metadata["token_endpoint"]) == (server, f"{server}/oauth/token")


@pytest.mark.parametrize(
    "token",
    ["", "x", "qbt_", "qbt_" + "A" * 200, AccessToken("acme", "d9", new_seed()).text()],
    ids=["empty", "short", "prefix", "garbage", "unknown"],
)
async def test_what_is_no_token_opens_nothing(front: Front, token: str) -> None:
    answer = await front.use(token)
    assert answer.status == 401
    assert len(token) < 3 or token not in answer.body.decode()


async def test_a_token_of_another_key_opens_nothing(front: Front) -> None:
    await front.post(GOOD)
    assert (await front.use(AccessToken("acme", "d1", new_seed()).text())).json()["code"] == "unknown_delegation"
