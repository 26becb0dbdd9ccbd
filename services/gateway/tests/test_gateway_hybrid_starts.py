"""Starting hybrid jobs: grant and submission are relayed as the user signed them; the gateway signs neither."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp

from queuebit.signing import UNSIGNED, proof_of
from queuebit.transport import Reply
from queuebit_contracts.delegation import DelegateRequest, Delegation, DelegationAnswer
from queuebit_contracts.hybrid import PYTHON, HybridSubmission, HybridSubmitted, hybrid_id
from queuebit_contracts.intake import ERR_MALFORMED, ERR_TOO_FAST
from queuebit_contracts.job import Signature
from queuebit_contracts.wire import Reason
from queuebit_gateway.callers import Caller
from queuebit_gateway.submissions import EVENT
from queuebit_kernel import Json, digest
from queuebit_runtime.keys import new_seed, public_key
from queuebit_runtime.payloads import describe
from queuebit_testing.build import NOON, submitted
from queuebit_testing.memory import MemoryLog

from .asgi import Answer, send
from .conftest import ANN, Bus, app_for, platform

NAME = hybrid_id("acme", "vqe")
DELEGATE = "qb.identity.acme.delegate"
GRANT = DelegateRequest(key=public_key(new_seed()), proof="a.b.c", scope="submit", project="main", lifetime_s=60)
PLAIN = [("content-type", "application/json")]
SEED = new_seed()


def signer(content: Json) -> Signature:
    raise AssertionError("the gateway signs nothing")


def signed(key: str = "vqe", **changes: Any) -> HybridSubmitted:
    fields: dict[str, Any] = {
        "tenant": "acme",
        "project": "main",
        "hybrid": hybrid_id("acme", key),
        "key": key,
        "purpose": "test",
        "file": describe(b"pass", PYTHON),
        "delegation": "d1",
        "max_time_s": 60,
        "proof": UNSIGNED,
    }
    asked = HybridSubmission.model_validate({**fields, **changes})
    content = asked.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    return HybridSubmitted(source="qb/client", data=asked.model_copy(update={"proof": proof_of(content, SEED)}))


def granted(delegation: str = "d1") -> Callable[[Any], Mapping[str, object]]:
    fields = {"tenant": "acme", "delegation": delegation, "key": GRANT.key, "user": "ann", "scope": "submit"}
    fields |= {"subject": "ann", "proof": digest(b"")}
    answer = Delegation.model_validate({**fields, "granted_at": NOON, "expires_at": NOON + timedelta(hours=1)})
    return lambda _: DelegationAnswer(delegation=answer).model_dump(mode="json", exclude_none=True)


class Intake(Bus):
    """A bus whose intake writes hybrid jobs to the log in memory."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__()
        self.log = log
        self.relayed: list[tuple[str, bytes]] = []
        self.refusal: dict[str, object] | None = None

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if not subject.startswith(("qb.hybrid.", "$KV.")):
            return await super().request(subject, body, headers, timeout=timeout)
        self.relayed.append((subject, body))
        if self.refusal is not None:
            return Reply(json.dumps({"error": self.refusal}).encode())
        return Reply(json.dumps({"seq": self.log.publish(subject, body)}).encode())


@pytest.fixture
def bus(log: MemoryLog) -> Intake:
    found = Intake(log)
    found.answers[DELEGATE] = granted()
    return found


def body_of(event: HybridSubmitted, **more: object) -> bytes:
    grant = GRANT.model_dump(mode="json", exclude_none=True)
    return json.dumps({"event": json.loads(event.to_bytes()), "grant": grant, **more}, ensure_ascii=False).encode()


async def start(app: ASGIApp, event: HybridSubmitted, *headers: tuple[str, str], **more: object) -> Answer:
    return await send(app, "POST", "/v1/hybrid-jobs", headers=[*PLAIN, *headers], body=body_of(event, **more))


async def test_the_grant_comes_first_and_both_are_relayed_as_they_were_signed(app: ASGIApp, bus: Intake) -> None:
    event = signed()
    answer = await start(app, event, ("idempotency-key", "vqe"))
    assert (answer.status, answer.headers["location"]) == (202, f"/v1/hybrid-jobs/{NAME}")
    found = answer.json()
    assert (found["hybrid"], found["state"], found["as_of_seq"]) == (NAME, "submitted", 1)
    assert bus.asked == [(DELEGATE, GRANT.model_dump(mode="json", exclude_none=True))]
    ((subject, body),) = bus.relayed
    assert subject == f"qb.hybrid.acme.{NAME}.submitted"
    assert HybridSubmitted.model_validate_json(body) == event


async def test_an_event_alone_is_relayed_byte_by_byte(app: ASGIApp, bus: Intake) -> None:
    body = signed().to_bytes()
    answer = await send(app, "POST", "/v1/hybrid-jobs", headers=[("content-type", EVENT)], body=body)
    assert (answer.status, bus.asked, [it for _, it in bus.relayed]) == (202, [], [body])


async def test_the_same_again_is_the_same_hybrid_job_and_grants_no_second_key(app: ASGIApp, bus: Intake) -> None:
    first, again = await start(app, signed()), await start(app, signed(delegation="d2", label="another"))
    assert (first.headers["idempotent-replayed"], again.headers["idempotent-replayed"]) == ("false", "true")
    assert (first.json(), len(bus.asked), len(bus.relayed)) == (again.json(), 1, 1)
    other = await start(app, signed(max_time_s=61))
    assert (other.status, other.json()["code"]) == (409, "key_used")
    assert first.headers["location"] in other.headers["link"]


async def test_a_file_can_come_with_its_event(app: ASGIApp, bus: Intake) -> None:
    source = "pass\n" + "#" * 20_000
    event = signed(file=describe(source.encode(), PYTHON))
    assert (await start(app, event, content=source)).status == 202
    assert b"".join(body for subject, body in bus.relayed if subject.startswith("$KV.")) == source.encode()
    refused = await start(app, signed("k2", file=describe(source.encode(), PYTHON)), content="pass")
    assert (refused.status, refused.json()["code"]) == (422, "other_content")
    large = "é" * (1 << 19) + "#"  # in bytes one more than a file may have
    refused = await start(app, signed("k3", file=describe(large.encode(), PYTHON)), content=large)
    assert (refused.status, refused.json()["code"]) == (413, "payload_too_large")


async def test_without_its_key_nothing_is_submitted(app: ASGIApp, bus: Intake) -> None:
    no = [Reason(code="proof_expired", text="get a new one"), Reason(code="wrong_key", text="another key")]
    bus.answers[DELEGATE] = lambda _: DelegationAnswer(errors=tuple(no)).model_dump(mode="json")
    refused = await start(app, signed())
    assert (refused.status, [it["code"] for it in refused.json()["reasons"]]) == (422, ["proof_expired", "wrong_key"])
    bus.answers[DELEGATE] = granted("d9")
    refused = await start(app, signed())
    assert (refused.status, refused.json()["code"]) == (422, "other_delegation")
    assert bus.relayed == []


async def test_a_request_whose_twin_was_faster_has_the_answer_of_that(app: ASGIApp, bus: Intake) -> None:
    event = signed()

    def ended_meanwhile(_: Any) -> Mapping[str, object]:
        bus.log.publish(f"qb.hybrid.acme.{NAME}.submitted", event.to_bytes())
        revoked = Reason(code="delegation_revoked", text="the key that this proof gave has ended")
        return DelegationAnswer(errors=(revoked,)).model_dump(mode="json")

    bus.answers[DELEGATE] = ended_meanwhile
    answer = await start(app, event)
    assert (answer.status, answer.headers["idempotent-replayed"], bus.relayed) == (202, "true", [])


@pytest.mark.parametrize(
    ("caller", "status", "code"),
    [
        (Caller("acme", "ann", "submitter", signer), 403, "delegated"),
        (Caller("acme", "ann", "viewer"), 403, "forbidden"),
        (ANN, 422, "unsigned"),
    ],
)
async def test_who_signed_nothing_learns_how_it_can_be_started(
    log: MemoryLog, bus: Intake, caller: Caller, status: int, code: str
) -> None:
    app = app_for(platform(log, bus), caller)
    answer = await send(app, "POST", "/v1/hybrid-jobs", headers=PLAIN, body=b'{"file": "pass"}')
    assert (answer.status, answer.json()["code"], bus.relayed) == (status, code, [])
    assert code == "forbidden" or "qb hybrid run" in answer.json()["next_step"]


async def test_what_is_not_the_callers_hybrid_job_is_refused(app: ASGIApp, bus: Intake) -> None:
    async def code(event: HybridSubmitted, *headers: tuple[str, str]) -> tuple[int, str]:
        answer = await start(app, event, *headers)
        return answer.status, answer.json()["code"]

    assert await code(signed(tenant="evil", hybrid=hybrid_id("evil", "vqe"))) == (403, "other_tenant")
    assert await code(signed(hybrid="hother")) == (422, "other_job")
    assert await code(signed(), ("idempotency-key", "k2")) == (422, "other_key")
    job = json.dumps({"event": json.loads(submitted("k1").to_bytes())}).encode()
    answer = await send(app, "POST", "/v1/hybrid-jobs", headers=PLAIN, body=job)
    assert (answer.status, answer.json()["code"]) == (422, "other_event")
    answer = await send(app, "POST", "/v1/hybrid-jobs", headers=PLAIN, body=body_of(signed(), retries=2))
    assert (answer.status, answer.json()["code"]) == (422, "invalid_body")
    assert (bus.asked, bus.relayed) == ([], [])


@pytest.mark.parametrize(("error", "status"), [(ERR_TOO_FAST, 429), (ERR_MALFORMED, 422), (1, 503)])
async def test_refusals_of_the_intake_are_those_of_jobs(app: ASGIApp, bus: Intake, error: int, status: int) -> None:
    bus.refusal = {"err_code": error, "description": "no"}
    answer = await start(app, signed())
    assert (answer.status, "retry-after" in answer.headers) == (status, status != 422)


async def test_the_key_to_grant_is_asked_of_the_service(app: ASGIApp, bus: Intake) -> None:
    bus.answers["qb.query.acme.hybrid"] = lambda asked: {"rows": [{"hybrid": asked["job"], "key": GRANT.key}]}
    found = (await send(app, "GET", f"/v1/hybrid-jobs/{NAME}/key")).json()
    assert (found["hybrid"], found["key"]) == (NAME, GRANT.key)
    for name in ("jother", "h.x", "h*"):
        answer = await send(app, "GET", f"/v1/hybrid-jobs/{name}/key")
        assert (answer.status, answer.json()["code"]) == (422, "bad_name")
    bus.answers["qb.query.acme.hybrid"] = lambda _: {"error": {"code": "not_isolated", "text": "as root on Linux only"}}
    answer = await send(app, "GET", f"/v1/hybrid-jobs/{NAME}/key")
    assert (answer.status, answer.json()["code"]) == (422, "not_isolated")
