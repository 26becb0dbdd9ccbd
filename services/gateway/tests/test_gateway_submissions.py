"""Submitting and cancelling: what is relayed, what is refused, and what the answer says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import ASGIApp

from queuebit.transport import Message
from queuebit_contracts.catalog import decode
from queuebit_contracts.intake import ERR_INSIDE_EVENT, ERR_MALFORMED, ERR_PROTECTED, ERR_TOO_FAST
from queuebit_contracts.job import JobLimits, JobSubmitted, Signature
from queuebit_contracts.program import PROGRAM, QIR_BITCODE, QIR_TEXT, read_program
from queuebit_contracts.subjects import stored, subject_of
from queuebit_contracts.tenants import Project, Tenant
from queuebit_contracts.wire import INLINE_LIMIT
from queuebit_gateway.bodies import DEPTH
from queuebit_gateway.callers import Caller
from queuebit_gateway.submissions import EVENT
from queuebit_kernel import Json, digest
from queuebit_planning.limits import MAX_SOURCE_BYTES
from queuebit_runtime.keys import new_seed, public_key, sign, verify
from queuebit_testing.build import BELL, accepted, submitted
from queuebit_testing.memory import MemoryLog

from .asgi import Answer, send
from .conftest import ANN, Bus, app_for, platform

SIGNED, PLAIN = [("content-type", EVENT)], [("content-type", "application/json")]
SEED = new_seed()


def signer(content: Json) -> Signature:
    return Signature(key=public_key(SEED), signature=sign(SEED, content), delegation="d1")


class LogBus(Bus):
    """A bus whose intake writes to the log in memory, and publishes what was stored."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__()
        self.log = log
        self.relayed: list[bytes] = []
        self.refusal: dict[str, object] | None = None

    async def request(self, subject: str, body: bytes = b"", headers: object = None, *, timeout: float = 5.0) -> Any:
        from queuebit.transport import Reply

        if not subject.startswith(("qb.job.", "qb.command.", "$KV.")):
            return await super().request(subject, body)
        self.relayed.append(body)
        if self.refusal is not None:
            return Reply(json.dumps({"error": self.refusal}).encode())
        if any(it.subject == subject for it in self.log.stored):
            return Reply(json.dumps({"error": {"err_code": 10071, "description": "wrong last sequence"}}).encode())
        sequence = self.log.publish(subject, body)
        if subject.startswith("qb.job."):
            for on_message in self.followed:
                on_message(Message(stored(subject), body, {"Nats-Sequence": str(sequence)}))
        return Reply(json.dumps({"seq": sequence}).encode())


@pytest.fixture
def bus(log: MemoryLog) -> LogBus:
    found = LogBus(log)
    for question in ("admission", "waiting"):
        found.answers[f"qb.query.acme.{question}"] = lambda _: {"rows": []}
    return found


async def submit(app: ASGIApp, event: JobSubmitted, *headers: tuple[str, str]) -> Answer:
    return await send(app, "POST", "/v1/jobs", headers=[*SIGNED, *headers], body=event.to_bytes())


async def test_a_signed_event_is_relayed_as_it_was_sent(app: ASGIApp, bus: LogBus) -> None:
    event = submitted("k1")
    answer = await submit(app, event)
    assert (answer.status, answer.headers["location"]) == (202, f"/v1/jobs/{event.data.job}")
    assert (answer.json()["state"], answer.json()["as_of_seq"]) == ("submitted", 1)
    assert bus.relayed == [event.to_bytes()]


async def test_a_client_that_does_not_wait_gets_the_same_answer_however_quick_the_job_is(
    app: ASGIApp, log: MemoryLog
) -> None:
    event = submitted("k1")
    await log.append(event)
    await log.append(_rejected(event))
    assert [(await submit(app, event, *it)).status for it in ((), (("prefer", "wait=5"),))] == [202, 200]


async def test_the_same_again_is_the_same_job_and_other_content_a_conflict(app: ASGIApp) -> None:
    first, again = await submit(app, submitted("k1")), await submit(app, submitted("k1"))
    assert (first.headers["idempotent-replayed"], again.headers["idempotent-replayed"]) == ("false", "true")
    assert first.json() == again.json()
    other = await submit(app, submitted("k1", shots=7))
    assert (other.status, other.json()["code"]) == (409, "key_used")
    assert first.headers["location"] in other.headers["link"]


async def test_a_circuit_can_come_with_its_event(app: ASGIApp, bus: LogBus) -> None:
    source = BELL + "// " + "x" * 20_000
    event = submitted("k1", source=source)
    body = json.dumps({"event": json.loads(event.to_bytes()), "content": source}).encode()
    assert (await send(app, "POST", "/v1/jobs", headers=PLAIN, body=body)).status == 202
    assert b"".join(bus.relayed[:-1]) == source.encode()
    other = json.dumps({"event": json.loads(event.to_bytes()), "content": "other"}).encode()
    answer = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=other)
    assert (answer.status, answer.json()["code"]) == (422, "other_content")


@pytest.mark.parametrize("caller", [replace(ANN, signer=signer, project="main")])
async def test_with_a_delegated_key_one_post_submits(app: ASGIApp, bus: LogBus) -> None:
    body = json.dumps({"circuit": BELL, "shots": 5, "tags": ["ci"], "max_cost": {"amount": "0.10"}}).encode()
    answer = await send(app, "POST", "/v1/jobs", headers=[*PLAIN, ("idempotency-key", "run 7")], body=body)
    event = decode(bus.relayed[0])
    assert isinstance(event, JobSubmitted)
    asked = event.data
    assert (asked.tenant, asked.project, asked.key, asked.shots, asked.tags) == ("acme", "main", "run 7", 5, ("ci",))
    content = asked.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    assert verify(asked.proof.key, content, asked.proof.signature)
    assert (answer.status, asked.proof.delegation) == (202, "d1")


LIMITS = JobLimits(
    min_esp_ppm=900_000,
    deadline=datetime(2026, 11, 1, 12, tzinfo=UTC),
    backends=("aer", "cirq"),
    vendors=("ibm",),
    regions=("eu-de", "us-east"),
)


@pytest.mark.parametrize("caller", [replace(ANN, signer=signer, project="main")])
async def test_hard_limits_are_fields_of_a_body_and_of_a_query(app: ASGIApp, bus: LogBus) -> None:
    fields = {
        "min_fidelity": 0.9,
        "deadline": "2026-11-01T21:00:00+09:00",
        "backends": ["aer", "CIRQ"],
        "vendors": ["ibm"],
        "regions": ["eu-de", "us-east"],
    }
    body = json.dumps({"circuit": BELL, **fields}).encode()
    assert (await send(app, "POST", "/v1/jobs", headers=PLAIN, body=body)).status == 202
    query = "min_fidelity=0.9&deadline=2026-11-01T12:00:00Z&backend=aer&backend=cirq&vendor=ibm"
    source = [("content-type", "text/x-openqasm")]
    path = f"/v1/jobs?{query}&region=eu-de&region=us-east"
    assert (await send(app, "POST", path, headers=source, body=BELL.encode())).status == 202
    one = await send(app, "POST", "/v1/jobs?backend=aer", headers=source, body=BELL.encode())
    assert one.status == 202
    asked = [it.data for it in map(decode, bus.relayed) if isinstance(it, JobSubmitted)]
    assert [(it.backend, it.limits) for it in asked] == [(None, LIMITS), (None, LIMITS), ("aer", None)]
    for wrong in (
        {"min_fidelity": 0},
        {"min_fidelity": 2},
        {"deadline": "2026-11-01T12:00:00"},
        {"vendors": ["x"] * 17},
    ):
        body = json.dumps({"circuit": BELL, **wrong}).encode()
        answer = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=body)
        assert (answer.status, answer.json()["code"]) == (422, "invalid_body"), wrong
    body = json.dumps({"circuit": BELL, "deadline": "0001-01-01T00:00:00+14:00"}).encode()
    answer = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=body)
    assert answer.status == 422
    assert "outside the years" in answer.json()["detail"]


@pytest.mark.parametrize(("projects", "status"), [(["main"], 202), (["main", "teaching"], 422), ([], 422)])
async def test_the_only_project_of_a_tenant_pays_where_none_is_named(
    bus: LogBus, log: MemoryLog, projects: list[str], status: int
) -> None:
    acme = Tenant(project={name: Project() for name in projects})
    app = app_for(platform(log, bus), replace(ANN, signer=signer), tenants={"acme": acme})
    answer = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=json.dumps({"circuit": BELL}).encode())
    assert answer.status == status, answer.json()
    assert [json.loads(it)["data"]["project"] for it in bus.relayed] == ["main"] * (status == 202)


@pytest.mark.parametrize("caller", [replace(ANN, signer=signer, project="main")])
async def test_a_circuit_alone_is_a_body_and_the_query_has_the_rest(app: ASGIApp, bus: LogBus) -> None:
    source = [("content-type", "text/x-openqasm")]
    query = "shots=7&tag=a&tag=b&label=x&session=s1"
    answer = await send(app, "POST", f"/v1/jobs?{query}", headers=source, body=BELL.encode())
    event = decode(bus.relayed[0])
    assert isinstance(event, JobSubmitted)
    asked = event.data
    assert answer.status == 202
    assert (asked.circuit.inline, asked.shots, asked.tags, asked.label, asked.session) == (
        BELL,
        7,
        ("a", "b"),
        "x",
        "s1",
    )
    answer = await send(app, "POST", "/v1/jobs?shot=7", headers=source, body=BELL.encode())
    assert (answer.status, answer.json()["code"]) == (422, "unknown_parameter")
    answer = await send(app, "POST", "/v1/jobs?shots=7", headers=PLAIN, body=json.dumps({"circuit": BELL}).encode())
    assert (answer.status, answer.json()["code"]) == (422, "field_in_query")
    assert len(bus.relayed) == 1
    answer = await send(app, "POST", "/v1/jobs", headers=source, body=b"\xff")
    assert (answer.status, answer.json()["code"]) == (422, "bad_source")


@pytest.mark.parametrize("caller", [replace(ANN, signer=signer, project="main")])
async def test_qir_is_a_body_too_and_its_bitcode_is_stored_first(app: ASGIApp, bus: LogBus) -> None:
    text, bitcode = b"; ModuleID = 'a'\ndefine void @a() {}", b"BC\xc0\xde" + bytes(range(200, 256))
    for content, media_type in ((text, QIR_TEXT), (bitcode, QIR_BITCODE)):
        bus.relayed.clear()
        answer = await send(app, "POST", "/v1/jobs?shots=7", headers=[("content-type", media_type)], body=content)
        assert answer.status == 202, answer.json()
        event = decode(bus.relayed[-1])
        assert isinstance(event, JobSubmitted)
        asked = event.data.circuit
        assert (asked.media_type, asked.digest, asked.size) == (media_type, digest(content), len(content))
        stored_before = b"".join(bus.relayed[:-1])
        assert (asked.inline, stored_before) == ((content.decode(), b"") if content == text else (None, content))


@pytest.mark.parametrize("source", [BELL, "qubit q;\nx q;\n#pragma braket result expectation z(q)\n"])
async def test_a_circuit_that_must_be_erasable_is_stored_first(bus: LogBus, log: MemoryLog, source: str) -> None:
    acme = Tenant(project={"main": Project()}, erasable=True)
    app = app_for(platform(log, bus), replace(ANN, signer=signer), tenants={"acme": acme})
    answer = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=json.dumps({"circuit": source}).encode())
    assert answer.status == 202, answer.json()
    content, event = bus.relayed[0], decode(bus.relayed[1])
    assert isinstance(event, JobSubmitted)
    assert (event.data.circuit.inline, event.data.circuit.digest) == (None, digest(content))
    assert (content == BELL.encode()) is (source == BELL)


@pytest.mark.parametrize("caller", [replace(ANN, signer=signer, project="main")])
async def test_a_circuit_with_result_pragmas_is_an_item_of_a_program(app: ASGIApp, bus: LogBus) -> None:
    source = "qubit q;\nx q;\n#pragma braket result expectation z(q)\n"
    body = json.dumps({"circuit": source}).encode()
    answer = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=body)
    event = decode(bus.relayed[-1])
    assert isinstance(event, JobSubmitted)
    assert (answer.status, event.data.circuit.media_type) == (202, PROGRAM)
    assert read_program((event.data.circuit.inline or "").encode()).circuits[0].inline == source
    large = json.dumps({"circuit": "//" + "x" * INLINE_LIMIT + f"\n{source}"}).encode()
    refused = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=large)
    assert (refused.status, refused.json()["code"]) == (413, "payload_too_large")


async def test_without_a_delegated_key_nothing_can_be_signed(app: ASGIApp, bus: LogBus) -> None:
    answer = await send(app, "POST", "/v1/jobs", headers=PLAIN, body=json.dumps({"circuit": BELL}).encode())
    assert (answer.status, answer.json()["code"], bus.relayed) == (422, "unsigned", [])


async def test_a_wait_ends_with_the_event(app: ASGIApp, bus: LogBus, log: MemoryLog) -> None:
    import asyncio

    event = submitted("k1")
    waiting = asyncio.ensure_future(submit(app, event, ("prefer", "respond-async, wait=20")))
    while not bus.relayed:
        await asyncio.sleep(0)
    rejected = _rejected(event)
    await log.append(rejected)
    for on_message in [*bus.followed]:
        on_message(Message(stored(subject_of(rejected))))
    answer = await waiting
    assert (answer.status, answer.headers["preference-applied"]) == (200, "wait=20")
    assert answer.json()["reasons"] == [{"code": "no_budget", "text": "nothing is left"}]
    assert bus.followed == []


def _rejected(event: JobSubmitted) -> Any:
    from queuebit_contracts.job import JobRejected, Rejection
    from queuebit_contracts.wire import Reason

    asked = event.data
    refusal = Rejection(
        tenant=asked.tenant,
        job=asked.job,
        project=asked.project,
        reasons=(Reason(code="no_budget", text="nothing is left"),),
        submitted_at=event.time,
    )
    return JobRejected(source="qb/broker", data=refusal)


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        (submitted("k1", tenant="evil"), 403, "other_tenant"),
        (submitted("k1", job="jother"), 422, "other_job"),
        (accepted("j1"), 422, "other_event"),
    ],
)
async def test_an_event_that_is_not_the_callers_is_refused(
    app: ASGIApp, bus: LogBus, event: Any, status: int, code: str
) -> None:
    answer = await submit(app, event)
    assert (answer.status, answer.json()["code"], bus.relayed) == (status, code, [])


async def test_two_keys_for_one_job_are_refused(app: ASGIApp) -> None:
    answer = await submit(app, submitted("k1"), ("idempotency-key", "k2"))
    assert (answer.status, answer.json()["code"]) == (422, "other_key")


@pytest.mark.parametrize(
    ("caller", "step"),
    [
        (Caller("acme", "vic", "viewer"), "ask an operator"),
        (Caller("acme", "ann", "viewer", signer), "`qb token --scope submit`"),
    ],
)
async def test_a_viewer_may_not_write(app: ASGIApp, bus: LogBus, step: str) -> None:
    for path in ("/v1/jobs", "/v1/jobs/j1/cancel"):
        answer = await send(app, "POST", path, headers=SIGNED, body=submitted("k1").to_bytes())
        assert (answer.status, answer.json()["code"]) == (403, "forbidden")
        assert step in answer.json()["next_step"].split(". ")[0]
    assert bus.relayed == []


@pytest.mark.parametrize(
    ("err_code", "status", "code"),
    [
        (ERR_TOO_FAST, 429, "too_fast"),
        (ERR_MALFORMED, 422, "malformed"),
        (ERR_PROTECTED, 422, "protected_data"),
        (ERR_INSIDE_EVENT, 422, "inside_event"),
        (10077, 503, "not_stored"),
    ],
)
async def test_a_refusal_of_the_intake_has_a_status_of_its_own(
    app: ASGIApp, bus: LogBus, err_code: int, status: int, code: str
) -> None:
    bus.refusal = {"err_code": err_code, "description": "maximum bytes exceeded"}
    answer = await submit(app, submitted("k1"))
    assert (answer.status, answer.json()["code"]) == (status, code)
    assert ("retry-after" in answer.headers) is (status in (429, 503))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_json"),
        (b'{"circuit": "x", "circuit": "y"}', "bad_json"),
        (b'{"circuit": "x", "shots": NaN}', "bad_json"),
        (b'{"circuit": "\\ud800"}', "bad_json"),
        (b'{"circuit": "x", "shots": %s}' % (b"9" * 5_000), "bad_json"),
        (b"\xff\xfe", "bad_json"),
        ('{"circuit": "\\ud800"}'.encode("utf-16"), "bad_json"),
        (b'{"circuit": "x", "shot": 1}', "invalid_body"),
        (b'{"circuit": "x", "shots": 0}', "invalid_body"),
        (b"[]", "invalid_body"),
        (b'{"a":' * (DEPTH + 1) + b"1" + b"}" * (DEPTH + 1), "too_deep"),
        (b"[" * 100_000, "too_deep"),
    ],
)
async def test_a_body_that_could_be_read_in_two_ways_is_refused(app: ASGIApp, body: bytes, code: str) -> None:
    answer = await send(app, "POST", "/v1/plans", headers=PLAIN, body=body)
    assert (answer.status, answer.json()["code"]) in ((400, code), (422, code))


async def test_another_media_type_is_refused(app: ASGIApp) -> None:
    answer = await send(app, "POST", "/v1/plans", headers=[("content-type", "text/plain")], body=b"{}")
    assert (answer.status, answer.json()["code"]) == (415, "media_type")


async def test_a_circuit_that_is_too_large_is_refused_with_the_limit(app: ASGIApp) -> None:
    body = json.dumps({"circuit": "x" * (MAX_SOURCE_BYTES + 1)}).encode()
    answer = await send(app, "POST", "/v1/plans", headers=PLAIN, body=body)
    assert (answer.status, answer.json()["code"]) == (413, "payload_too_large")
    assert f"{MAX_SOURCE_BYTES:,}" in answer.json()["detail"]


@pytest.mark.parametrize("caller", [replace(ANN, signer=signer)])
async def test_a_job_of_another_user_is_not_cancelled(app: ASGIApp, bus: LogBus, log: MemoryLog) -> None:
    event = submitted("k1")
    await log.append(event)
    decided = accepted(event.data.job)
    await log.append(decided.model_copy(update={"data": decided.data.model_copy(update={"user": "bob"})}))
    answer = await send(app, "POST", f"/v1/jobs/{event.data.job}/cancel", headers=PLAIN, body=b"{}")
    assert (answer.status, answer.json()["code"], bus.relayed) == (403, "not_yours", [])


@pytest.mark.parametrize("caller", [replace(ANN, signer=signer)])
async def test_a_cancellation_is_signed_and_relayed(app: ASGIApp, bus: LogBus, log: MemoryLog) -> None:
    event = submitted("k1")
    await log.append(event)
    answer = await send(app, "POST", f"/v1/jobs/{event.data.job}/cancel", headers=PLAIN, body=b'{"reason": "late"}')
    command = json.loads(bus.relayed[0])
    assert (answer.status, command["type"], command["data"]["reason"]) == (202, "qb.job.cancel.v1", "late")
    content = {name: it for name, it in command["data"].items() if name != "proof"}
    assert verify(command["data"]["proof"]["key"], content, command["data"]["proof"]["signature"])
