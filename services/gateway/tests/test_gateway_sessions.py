"""Sessions over HTTP: the request is signed by its caller, and the broker decides."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from starlette.types import ASGIApp

from queuebit_contracts.job import Signature
from queuebit_contracts.roles import Role
from queuebit_contracts.session import CloseSession, OpenSession, Session, session_id, signed_part
from queuebit_contracts.wire import Amount
from queuebit_gateway.callers import Caller
from queuebit_kernel import Json
from queuebit_runtime.keys import new_seed, public_key, sign, verify_bytes
from queuebit_testing.memory import MemoryLog

from .asgi import send
from .conftest import Bus, app_for, platform

SEED, NOW = new_seed(), datetime(2026, 1, 1, tzinfo=UTC)
NAME = session_id("acme", "k1")
KEYED = [("content-type", "application/json"), ("idempotency-key", "k1")]
ROW = {
    "session": NAME,
    "currency": "USD",
    "cap": "2.50",
    "charged": "0.10",
    "held": "0.00",
    "left": "2.40",
    "sequence": 9,
}


def app(bus: Bus, role: Role = "submitter", *, signs: bool = True) -> ASGIApp:
    def signer(content: Json) -> Signature:
        return Signature(key=public_key(SEED), signature=sign(SEED, content), delegation="d9")

    return app_for(platform(MemoryLog(), bus), Caller("acme", "ann", role, signer if signs else None))


def opened(question: dict[str, object]) -> dict[str, object]:
    """What a broker answers, which checks the signature."""
    asked = OpenSession.model_validate(question)
    assert verify_bytes(asked.proof.key, signed_part(asked), asked.proof.signature)
    fields = {**asked.model_dump(), "user": "ann", "opened_at": NOW, "expires_at": NOW + timedelta(hours=8)}
    session = Session.model_validate({**fields, "idle_price": Amount(amount="0.001")})
    return {"session": session.model_dump(mode="json", exclude_none=True)}


async def test_a_token_opens_a_session_that_the_gateway_signs(bus: Bus) -> None:
    bus.answers["qb.sessions.acme.open"] = opened
    body = json.dumps({"project": "main", "backend": "aer", "cap": {"amount": "2.50"}, "max_idle_s": 60}).encode()
    done = await send(app(bus), "POST", "/v1/sessions", headers=KEYED, body=body)
    found = done.json()
    assert (done.status, done.headers["location"]) == (201, f"/v1/sessions/{NAME}")
    assert (found["session"], found["cap"], found["idle_price"]) == (
        NAME,
        {"amount": "2.50", "currency": "USD"},
        {"amount": "0.001", "currency": "USD"},
    )
    assert bus.asked[0][1]["proof"]["delegation"] == "d9"


async def test_a_caller_without_a_token_sends_the_signature_of_the_same_request(bus: Bus) -> None:
    bus.answers["qb.sessions.acme.open"] = opened
    fields = {"tenant": "acme", "project": "main", "session": NAME, "key": "k1", "dry_run": True}
    unsigned = OpenSession.model_validate({**fields, "proof": {"key": "", "signature": ""}})
    content = unsigned.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    proof = {"key": public_key(SEED), "signature": sign(SEED, content)}
    body = json.dumps({"project": "main", "dry_run": True, "proof": proof}).encode()
    assert (await send(app(bus, signs=False), "POST", "/v1/sessions", headers=KEYED, body=body)).status == 200
    without = await send(app(bus, signs=False), "POST", "/v1/sessions", headers=KEYED, body=b'{"project": "main"}')
    assert (without.status, without.json()["code"]) == (422, "unsigned")


@pytest.mark.parametrize(
    ("code", "status"),
    [("budget_exceeded", 422), ("session_key_used", 409), ("role_forbids", 403), ("unavailable", 503)],
)
async def test_a_refusal_of_the_broker_has_its_status_and_every_reason(bus: Bus, code: str, status: int) -> None:
    errors = [{"code": code, "text": "no"}, {"code": "bad_cap", "text": "nothing"}]
    bus.answers["qb.sessions.acme.open"] = lambda _: {"errors": errors}
    answer = await send(app(bus), "POST", "/v1/sessions", headers=KEYED, body=b'{"project": "main"}')
    assert (answer.status, [it["code"] for it in answer.json()["reasons"]]) == (status, [code, "bad_cap"])


async def test_a_viewer_reads_and_does_not_open(bus: Bus) -> None:
    bus.answers["qb.query.acme.sessions"] = lambda asked: {"rows": [] if asked.get("session") == "snone" else [ROW]}
    viewer = app(bus, "viewer")
    assert (await send(viewer, "POST", "/v1/sessions", headers=KEYED, body=b"{}")).status == 403
    listed = (await send(viewer, "GET", "/v1/sessions")).json()
    assert (listed["data"][0]["left"], listed["as_of_seq"]) == ({"amount": "2.40", "currency": "USD"}, 9)
    assert (await send(viewer, "GET", f"/v1/sessions/{NAME}")).json()["charged"]["amount"] == "0.10"
    assert (await send(viewer, "GET", "/v1/sessions/snone")).status == 404
    assert (await send(viewer, "GET", "/v1/sessions/a.b")).status == 404


async def test_closing_is_signed_and_answers_with_the_session(bus: Bus) -> None:
    bus.answers["qb.query.acme.sessions"] = lambda _: {"rows": [ROW]}
    fields = {"tenant": "acme", "project": "main", "session": NAME, "key": "k1", "proof": {"key": "", "signature": ""}}

    def closed(question: dict[str, object]) -> dict[str, object]:
        asked = CloseSession.model_validate(question)
        assert verify_bytes(asked.proof.key, signed_part(asked), asked.proof.signature)
        it = Session.model_validate(
            {**OpenSession.model_validate(fields).model_dump(), "user": "ann", "opened_at": NOW, "expires_at": NOW}
        )
        return {"session": it.model_dump(mode="json", exclude_none=True)}

    bus.answers["qb.sessions.acme.close"] = closed
    done = await send(app(bus), "POST", f"/v1/sessions/{NAME}:close")
    assert (done.status, done.json()["session"]) == (200, NAME)


@pytest.mark.parametrize(
    ("key", "label", "text"), [("k" * 129, "", "key has 129 characters"), ("k1", "a\x1b[2Jb", "label contains")]
)
async def test_a_key_that_is_too_long_or_a_label_with_control_characters_is_refused(
    bus: Bus, key: str, label: str, text: str
) -> None:
    body = json.dumps({"project": "main", "label": label}).encode()
    done = await send(app(bus), "POST", "/v1/sessions", headers=[KEYED[0], ("idempotency-key", key)], body=body)
    assert (done.status, bus.asked) == (422, [])
    assert text in done.json()["detail"]
