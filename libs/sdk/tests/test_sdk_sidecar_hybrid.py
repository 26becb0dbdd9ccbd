"""Hybrid jobs that a sidecar signs for its program: the grant, the submission, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from queuebit import Credential
from queuebit.sidecar import Sidecar
from queuebit.sidecar_requests import Request, keyed
from queuebit.signing import UNSIGNED
from queuebit_contracts.delegation import delegation_id
from queuebit_contracts.hybrid import PYTHON, HybridSubmission, HybridSubmitted, cap_key, hybrid_id
from queuebit_contracts.session import session_id
from queuebit_kernel import from_base64url
from queuebit_runtime.keys import new_seed, public_key, verify
from queuebit_runtime.payloads import describe

from .scripted_gateway import Script, problem, scripted
from .test_sdk_sidecar import ask, granted

NAME = hybrid_id("acme", "k1")
JSON_TYPE = ("content-type: application/json", "idempotency-key: k1")
SEED, JOB_KEY = new_seed(), public_key(new_seed())
FILE = "print(1)\n"


def answer(document: object, status: int = 200) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def history() -> bytes:
    asked = HybridSubmission(
        tenant="acme", project="p", hybrid=NAME, key="k1", purpose="x", label="from a test", delegation="d1",
        file=describe(FILE.encode(), PYTHON), max_time_s=60, proof=UNSIGNED,
    )  # fmt: skip
    event = HybridSubmitted(source="qb/client", data=asked)
    return answer({"data": [{"sequence": 7, "event": json.loads(event.to_bytes())}]})


async def started(
    folder: Path, fields: dict[str, Any], *answers: bytes, scope: str = "submit", token: str = ""
) -> tuple[Script, int, dict[str, Any]]:
    """The requests of a sidecar, and its answer to a program that wants a hybrid job."""
    first = () if token else (granted("qbt_1"),)
    async with scripted(*first, *answers, granted("")) as script:
        credential = Credential(script.url, "acme", "ann", "" if token else SEED, "p", token=token)
        sidecar = Sidecar(credential, folder / "s.sock", scope=scope)
        await sidecar.start()
        body = json.dumps(fields).encode()
        status, content = await ask(folder / "s.sock", "POST /v1/hybrid-jobs", body, *JSON_TYPE)
        await sidecar.close()
    return script, status, json.loads(content)


def claims(proof: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(from_base64url(proof.split(".")[1]))
    return found


async def test_grant_and_submission_are_signed_with_the_users_key(tmp_path: Path) -> None:
    script, status, found = await started(
        tmp_path,
        {"file": FILE, "parameters": {"steps": 3}, "max_time_s": 60, "max_cost": {"amount": "1"}, "tags": ["t1"]},
        problem(404, "unknown_job"),
        answer({"hybrid": NAME, "key": JOB_KEY}),
        answer({"session": "s1", "cap": None}, 201),
        answer({"hybrid": NAME}, 202),
        history(),
    )
    assert (status, found["hybrid"], found["state"]) == (202, NAME, "submitted")
    targets = [head.split(" ")[1] for head in script.heads]
    assert targets[1:6] == [
        f"/v1/hybrid-jobs/{NAME}/history",
        f"/v1/hybrid-jobs/{NAME}/key",
        "/v1/sessions",
        "/v1/hybrid-jobs",
        f"/v1/hybrid-jobs/{NAME}/history",
    ]
    assert not any("authorization: " in head for head in script.heads[1:6])
    sent = json.loads(script.bodies[4])
    event, proof = HybridSubmitted.model_validate(sent["event"]), claims(sent["grant"]["proof"])
    asked = event.data
    assert asked.session == session_id("acme", cap_key(NAME))
    assert (asked.parameters, asked.file.inline, asked.tags) == ('{"steps": 3}', FILE, ("t1",))
    assert (proof["cnf"], proof["scope"], proof["project"]) == ({"nkey": JOB_KEY}, "submit", "p")
    assert asked.delegation == delegation_id("acme", public_key(SEED), proof["jti"])
    content = asked.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    assert verify(asked.proof.key, content, asked.proof.signature)
    assert asked.proof.key == public_key(SEED)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "an object with `file`"),
        ({"file": FILE, "max_time": 60}, "no field max_time"),
        ({"file": FILE, "tags": "t1"}, "tags is a list"),
        ({"file": FILE, "max_cost": {"amount": 1}}, "max_cost is an amount"),
        ({"file": "def"}, "no Python"),
        ({"file": "print('\ud800')"}, "not JSON that can be read"),
        ({"file": "1" + " + 1" * 50_000}, "nested too deeply"),
        ({"file": "-" * 100_000 + "1"}, "nested too deeply"),
        ({"file": FILE, "max_time_s": 0}, "max_time"),
        ({"file": FILE, "tags": ["A B"]}, "tag"),
    ],
)
async def test_what_cannot_be_signed_is_refused_and_nothing_is_sent(
    tmp_path: Path, fields: dict[str, Any], text: str
) -> None:
    script, status, found = await started(tmp_path, fields)
    assert (status, found["code"]) == (422, "invalid_input")
    assert text in found["detail"]
    assert [head.split(" ")[1] for head in script.heads] == ["/oauth/token", "/oauth/revoke"]


async def test_a_refusal_of_the_platform_has_its_code(tmp_path: Path) -> None:
    refusals = problem(404, "unknown_job"), problem(422, "not_isolated")
    _, status, found = await started(tmp_path, {"file": FILE}, *refusals)
    assert (status, found["code"], found["detail"]) == (422, "not_isolated", "why")


@pytest.mark.parametrize(("scope", "token"), [("read", ""), ("submit", "qbt_9")])
async def test_without_the_right_or_the_key_the_gateway_decides(tmp_path: Path, scope: str, token: str) -> None:
    refused = problem(403, "delegated")
    script, status, found = await started(tmp_path, {"file": FILE}, refused, scope=scope, token=token)
    assert (status, found["code"]) == (403, "delegated")
    (head,) = (it for it in script.heads if it.startswith("post /v1/hybrid-jobs "))
    assert f"authorization: bearer {token or 'qbt_1'}\r\n" in head


def test_a_hybrid_job_without_a_key_gets_one_and_a_signed_one_keeps_its_own() -> None:
    kind = {"content-type": "application/json"}
    plain = Request("POST", "/v1/hybrid-jobs", kind, b'{"file": "pass"}')
    signed = Request("POST", "/v1/hybrid-jobs", kind, b'{"event": {}}')
    assert keyed(plain, "run").headers["idempotency-key"].startswith("run-")
    assert keyed(signed, "run") == signed
