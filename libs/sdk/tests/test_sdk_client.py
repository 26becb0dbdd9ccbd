"""The client over a transport that is a function: what it sends, and how it reads the answers."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit import (
    AsyncClient,
    Conflict,
    Credential,
    InvalidInput,
    JobFailed,
    NotFound,
    Refused,
    Reply,
)
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.command import CancelJob
from queuebit_contracts.intake import ERR_INSIDE_EVENT
from queuebit_contracts.job import (
    Cancellation,
    JobCancelled,
    JobRejected,
    JobSubmitted,
    Rejection,
)
from queuebit_contracts.wire import Reason
from queuebit_kernel import Money, digest_of, job_id
from queuebit_runtime.keys import public_key, verify

from .fake_bus import BELL, NOW, FakeBus, runs, submitted_in


def rejected(asked: JobSubmitted, *reasons: Reason) -> JobRejected:
    data = Rejection(tenant="acme", job=asked.data.job, project="p", reasons=reasons, submitted_at=NOW)
    return JobRejected(source="qb/broker", data=data)


async def test_a_job_runs_from_source_to_counts(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus(runs)) as client:
        job = await client.submit(BELL, shots=1000, key="k1")
        result = await job.result(timeout=20)
    assert job.id == job_id("acme", "k1")
    assert (result.backend, result.shots, dict(result.counts)) == ("aer", 1000, {"00": 480, "11": 520})
    assert result.probabilities() == {"00": 0.48, "11": 0.52}


async def test_what_is_sent_is_signed_over_everything_but_the_proof(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL, shots=7, max_cost=Money.of("1.5"), label="bell.qasm")
    sent = submitted_in(bus)
    assert sent.data.job == job.id
    content = sent.data.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    assert (sent.data.proof.key, sent.data.proof.algorithm) == (public_key(ann.seed), "ed25519")
    assert verify(sent.data.proof.key, content, sent.data.proof.signature)
    assert sent.provenanceid == digest_of(content)
    assert content["max_cost"] == {"amount": "1.50", "currency": "USD"}


async def test_the_same_key_and_content_is_the_same_job(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        first = await client.submit(BELL, key="k")
        again = await client.submit(BELL, key="k")
        assert again.id == first.id
        assert (await again.result(timeout=20)).counts == {"00": 480, "11": 520}
        with pytest.raises(Conflict, match="already names job"):
            await client.submit(BELL, key="k", shots=5)


async def test_a_lost_confirmation_does_not_make_a_second_job(ann: Credential) -> None:
    bus = FakeBus(runs)
    bus.lost = 1
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        assert (await job.wait(timeout=20)).state == "completed"
    assert [subject.rpartition(".")[2] for subject in bus.stored] == ["submitted", "completed"]


@pytest.mark.parametrize("shots", [0, -5, 1.5])
async def test_shots_that_measure_nothing_are_not_sent(ann: Credential, shots: int) -> None:
    bus = FakeBus(lambda event: [])
    async with AsyncClient(ann, transport=bus) as client:
        with pytest.raises(InvalidInput, match="shots must be a whole number from 1 to"):
            await client.submit(BELL, shots=shots)
        with pytest.raises(InvalidInput, match="shots must be a whole number from 1 to"):
            await client.plan(BELL, shots=shots)
    assert not bus.stored


async def test_a_priority_is_from_minus_nine_to_nine(ann: Credential) -> None:
    bus = FakeBus(lambda event: [])
    async with AsyncClient(ann, transport=bus) as client:
        with pytest.raises(InvalidInput, match="priority must be a whole number from -9 to 9, not 10"):
            await client.submit(BELL, shots=1, priority=10)
    assert not bus.stored


async def test_a_rejection_carries_every_reason(ann: Credential) -> None:
    why = (Reason(code="shots", text="too many"), Reason(code="budget", text="nothing left"))
    bus = FakeBus(lambda event: [rejected(event, *why)] if isinstance(event, JobSubmitted) else [])
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL, shots=10**12)
        with pytest.raises(Refused) as caught:
            await job.result(timeout=20)
        assert [reason.code for reason in caught.value.reasons] == ["shots", "budget"]
        assert str(caught.value).startswith(f"job {caught.value.job} was rejected: ")
        status = await job.status()
    assert (status.state, status.ended, [step.event for step in status.steps]) == (
        "rejected",
        True,
        ["submitted", "rejected"],
    )


async def test_cancelling_is_signed_and_waits_for_the_end(ann: Credential) -> None:
    def stop(event: AnyEvent) -> list[AnyEvent]:
        if event.type != "qb.job.cancel.v1":
            return []
        data = Cancellation(tenant="acme", job=event.data.job, by="ann", reason=event.data.reason, submitted_at=NOW)
        return [JobCancelled(source="qb/broker", data=data)]

    bus = FakeBus(stop)
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        status = await job.cancel("wrong circuit")
        assert (status.state, status.reasons[0].text) == ("cancelled", "cancelled by ann: wrong circuit")
        with pytest.raises(JobFailed, match="cancelled by ann"):
            await job.result()
    asked = decode(bus.stored[f"qb.command.acme.{job.id}.cancel"][1])
    assert isinstance(asked, CancelJob)
    content = asked.data.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    assert asked.data.proof.algorithm == "ed25519"
    assert verify(public_key(ann.seed), content, asked.data.proof.signature)


async def test_a_job_that_is_not_there_says_so(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(NotFound, match="acme has no job"):
            await client.job("j" + "a" * 20).status()


async def test_a_large_circuit_travels_in_chunks(ann: Credential) -> None:
    bus = FakeBus()
    source = BELL + "\n// " + "x" * 200_000
    async with AsyncClient(ann, transport=bus) as client:
        await client.submit(source)
    assert submitted_in(bus).data.circuit.inline is None
    assert b"".join(bus.chunks.values()) == source.encode()
    assert all(subject.startswith("$KV.PAYLOADS.acme.") for subject in bus.chunks)


class ErasableBus(FakeBus):
    """A platform with a tenant that has no contents inside events."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        event = decode(body) if subject.endswith(".submitted") and not subject.startswith("$") else None
        if isinstance(event, JobSubmitted) and event.data.circuit.inline is not None:
            return Reply(json.dumps({"error": {"err_code": ERR_INSIDE_EVENT, "description": "store it"}}).encode())
        return await super().request(subject, body, headers, timeout=timeout)


async def test_a_circuit_that_must_be_erasable_is_stored_outside_of_the_event(ann: Credential) -> None:
    bus = ErasableBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL, key="k")
        assert (await client.submit(BELL, key="k")).id == job.id
        assert (await job.result(timeout=20)).counts == {"00": 480, "11": 520}
    sent = submitted_in(bus)
    content = sent.data.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    assert sent.data.circuit.inline is None
    assert [*bus.chunks.values()] == [BELL.encode()]
    assert verify(sent.data.proof.key, content, sent.data.proof.signature)
    assert sent.provenanceid == digest_of(content)


async def test_an_erased_content_is_reported_as_erased(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        await client.submit(BELL + "\n// " + "x" * 20_000)
        circuit = submitted_in(bus).data.circuit
        bus.chunks = dict.fromkeys(bus.chunks, b"")
        with pytest.raises(NotFound, match="was erased: its receipt is still valid"):
            await client._payloads().get(circuit)


async def test_the_same_key_is_the_same_job_although_the_circuit_is_outside_now(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        first = await client.submit(BELL, key="k")
        bus.__class__ = ErasableBus
        assert (await client.submit(BELL, key="k")).id == first.id


async def test_questions_are_asked_under_the_own_tenant(ann: Credential) -> None:
    bus = FakeBus()
    bus.answers = {"jobs": {"rows": [{"job": "jabc" + "a" * 17}]}, "slo": {"error": {"code": "late", "text": "later"}}}
    async with AsyncClient(ann, transport=bus) as client:
        assert (await client.find("jab")).id == "jabc" + "a" * 17
        assert (await client.find("latest")).id == "jabc" + "a" * 17
        with pytest.raises(NotFound, match="begins with"):
            await client.find("jz")
        with pytest.raises(Refused, match="later"):
            await client.slo()
    assert {subject for subject, _ in bus.asked} == {"qb.query.acme.jobs", "qb.query.acme.slo"}


async def test_the_audit_trail_is_asked_with_its_filters(ann: Credential) -> None:
    bus = FakeBus()
    bus.answers = {"audit": {"rows": [{"sequence": 7, "action": "user.define", "actor": "ada"}]}}
    since = datetime(2026, 11, 1, tzinfo=UTC)
    async with AsyncClient(ann, transport=bus) as client:
        assert [it["actor"] for it in await client.audit(action="roles", actor="ada", since=since, limit=3)] == ["ada"]
        with pytest.raises(InvalidInput, match="time zone"):
            await client.audit(until=datetime(2026, 11, 1))  # the zone is what is missing
        with pytest.raises(InvalidInput, match="1 to 200"):
            await client.audit(limit=201)
    ((subject, body),) = bus.asked
    assert subject == "qb.query.acme.audit"
    expected = {"action": "roles", "actor": "ada", "since": "2026-11-01T00:00:00.000000Z", "limit": 3}
    assert json.loads(body) == expected


async def test_the_inventory_is_asked_of_the_own_tenant(ann: Credential) -> None:
    bus = FakeBus()
    bus.answers = {"inventory": {"rows": [{"project": "main", "owner": "ann"}]}}
    async with AsyncClient(ann, transport=bus) as client:
        assert [it["owner"] for it in await client.inventory()] == ["ann"]
    assert bus.asked == [("qb.query.acme.inventory", b"{}")]


async def test_another_name_is_the_same_content(ann: Credential, tmp_path: Path) -> None:
    async with AsyncClient(ann, transport=FakeBus(runs)) as client:
        first = await client.submit(BELL, key="k", label="a.qasm")
        assert (await client.submit(BELL, key="k", label="b.qasm")).id == first.id
        with pytest.raises(Conflict):
            await client.submit(BELL, key="k", shots=7)


async def test_a_wait_for_an_earlier_event_ends_with_the_job(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before the log is read again, which is later here than the wait may take."""
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 60)
    bus = FakeBus(lambda it: [rejected(it, Reason(code="no", text="no"))] if isinstance(it, JobSubmitted) else [])
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        with pytest.raises(Refused):
            await job.until(("accepted",), timeout=20)
        with pytest.raises(Refused):
            await client.job(job.id).until(("placed", "started"), timeout=20)
