"""Requests of nats-server about logins: which are believed, and what the answers say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import nkeys
import pytest

from queuebit_contracts.topology import Permissions
from queuebit_kernel import FixedClock, Malformed, from_base64url, to_base64url
from queuebit_runtime.callout import Callout, LoginRequest, UserLogin, granted, read_login, refused
from queuebit_runtime.keys import new_account_seed, new_seed, public_key, sign_bytes, verify_bytes
from queuebit_runtime.tasks import Tasks

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def seed_of_a_server() -> str:
    return bytes(nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_SERVER)).decode()


SERVER = seed_of_a_server()


def signed(claims: Mapping[str, Any], seed: str = SERVER, head: Mapping[str, str] | None = None) -> bytes:  # JSON
    parts = head or {"typ": "JWT", "alg": "ed25519-nkey"}, claims
    text = ".".join(to_base64url(json.dumps(it).encode()) for it in parts)
    return f"{text}.{sign_bytes(seed, text.encode())}".encode()


def asked(seed: str = SERVER, **changed: Any) -> dict[str, Any]:  # JSON
    server = public_key(seed)
    asks = {
        "server_id": {"id": server},
        "user_nkey": "U" + "A" * 55,
        "client_info": {"host": "192.0.2.1", "user": "platform"},
        "connect_opts": {"auth_token": "a token", "user": "platform"},
    }
    return {"iss": server, "aud": "nats-authorization-request", "exp": NOW.timestamp() + 2, "nats": asks} | changed


def test_a_request_of_a_server_is_read() -> None:
    found = read_login(signed(asked()), NOW)
    assert (found.server, found.token, found.name) == (public_key(SERVER), "a token", "platform")
    assert found.address == "192.0.2.1"
    assert "a token" not in repr(found)


OTHERS = new_seed()
FORGED = {
    "of a user's key": signed(asked(OTHERS), OTHERS),
    "signed by another key": signed(asked(), OTHERS),
    "about another server": signed(asked(nats={**asked()["nats"], "server_id": {"id": "N" + "A" * 55}})),
    "for another audience": signed(asked(aud="another")),
    "expired": signed(asked(exp=NOW.timestamp())),
    "without an end": signed(asked(exp=None)),
    "of another algorithm": signed(asked(), head={"typ": "JWT", "alg": "none"}),
    "without a login": signed(asked(nats={"server_id": {"id": public_key(SERVER)}})),
    "a list": signed(asked(nats=[])),
    "with options that are a text": signed(asked(nats={**asked()["nats"], "connect_opts": "x"})),
    "too deep": to_base64url(b"{}").encode() + b"." + to_base64url(b"[" * 100_000).encode() + b".AA",
    "no token": b"hello",
    "not text": b"\xff.\xff.\xff",
}


@pytest.mark.parametrize("body", FORGED.values(), ids=FORGED)
def test_a_forged_or_damaged_request_is_not_decided(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_login(body, NOW)


def claims_of(text: str) -> dict[str, Any]:  # JSON
    head, body, signature = text.split(".")
    claims: dict[str, Any] = json.loads(from_base64url(body))
    assert verify_bytes(claims["iss"], f"{head}.{body}".encode(), signature)
    return claims


def test_an_answer_is_for_one_server_and_one_connection() -> None:
    request, seed = read_login(signed(asked()), NOW), new_account_seed()
    login = UserLogin(
        "acme/ann/d1", "acme", Permissions(publish=("qb.a",), subscribe=("qb.b",)), NOW + timedelta(minutes=5)
    )
    answer = claims_of(granted(seed, request, login, NOW).decode())
    assert (answer["iss"], answer["aud"], answer["sub"]) == (public_key(seed), request.server, request.user)
    user = claims_of(answer["nats"]["jwt"])
    assert (user["sub"], user["aud"], user["name"]) == (request.user, "acme", "acme/ann/d1")
    assert user["exp"] == (NOW + timedelta(minutes=5)).timestamp()
    assert (user["nats"]["pub"], user["nats"]["sub"]) == ({"allow": ["qb.a"]}, {"allow": ["qb.b"]})


def test_a_refusal_has_no_user() -> None:
    answer = claims_of(refused(new_account_seed(), read_login(signed(asked()), NOW), "it is unknown", NOW).decode())
    assert (answer["nats"]["error"], "jwt" in answer["nats"]) == ("it is unknown", False)


@pytest.mark.parametrize(("left_s", "lets_in"), [(-1, False), (0, False), (1, True)])
async def test_a_login_whose_end_has_come_is_refused(left_s: int, lets_in: bool) -> None:
    seed, answers = new_account_seed(), list[bytes]()

    async def decide(_: LoginRequest) -> UserLogin:
        return UserLogin("acme/ann/d1", "acme", Permissions(publish=(), subscribe=()), NOW + timedelta(seconds=left_s))

    async def respond(body: bytes) -> None:
        answers.append(body)

    tasks = Tasks()
    callout = Callout("broker", tasks, seed, decide, FixedClock(NOW))
    await callout.answer(SimpleNamespace(data=signed(asked()), respond=respond))  # type: ignore[arg-type]
    content = claims_of(answers[0].decode())["nats"]
    assert ("jwt" in content, content.get("error")) == (lets_in, None if lets_in else "the token has expired")
