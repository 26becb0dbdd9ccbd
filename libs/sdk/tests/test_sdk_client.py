"""The client over a transport that is a function: what it sends, and how it reads the answers."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

import queuebit
from queuebit import (
    AsyncClient,
    AsyncJob,
    Client,
    Conflict,
    Credential,
    InvalidInput,
    Job,
    JobFailed,
    NotFound,
    Refused,
    Reply,
)
from queuebit.errors import StillRunning, Unreachable
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import (
    Cancellation,
    Compilation,
    Completion,
    JobCancelled,
    JobCompleted,
    JobRejected,
    JobSubmitted,
    Rejection,
    Usage,
)
from queuebit_contracts.topology import inbox_of
from queuebit_contracts.wire import Reason, UnknownEvent
from queuebit_kernel import Money, digest_of, job_id
from queuebit_runtime.keys import new_seed, public_key, verify
from queuebit_runtime.payloads import describe

from .fake_bus import FakeBus

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def completed(asked: JobSubmitted, counts: dict[str, int]) -> JobCompleted:
    return JobCompleted(
        source="qb/executor-aer",
        data=Completion(
            tenant=asked.data.tenant,
            job=asked.data.job,
            backend="aer",
            attempt=1,
            shots=asked.data.shots,
            result=describe(json.dumps(counts).encode(), "application/json"),
            usage=Usage(shots=asked.data.shots),
            compilation=Compilation(
                compiler="x", digest="sha256:" + "0" * 64, seed=1, depth=1, two_qubit_gates=1, duration_ns=1
            ),
            submitted_at=NOW,
            accepted_at=NOW,
            placed_at=NOW,
            started_at=NOW,
        ),
    )


def rejected(asked: JobSubmitted, *reasons: Reason) -> JobRejected:
    data = Rejection(tenant="acme", job=asked.data.job, project="p", reasons=reasons, submitted_at=NOW)
    return JobRejected(source="qb/broker", data=data)


def runs(event: AnyEvent) -> list[AnyEvent]:
    return [completed(event, {"00": 480, "11": 520})] if isinstance(event, JobSubmitted) else []


@pytest.fixture
def ann() -> Credential:
    return Credential("nats://nowhere", "acme", "ann", new_seed(), "p")


async def test_a_job_runs_from_source_to_counts(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus(runs)) as client:
        job = await client.submit(BELL, shots=1000, key="k1")
        result = await job.result(timeout=2)
    assert job.id == job_id("acme", "k1")
    assert (result.backend, result.shots, dict(result.counts)) == ("aer", 1000, {"00": 480, "11": 520})
    assert result.probabilities() == {"00": 0.48, "11": 0.52}


async def test_what_is_sent_is_signed_over_everything_but_the_proof(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL, shots=7, max_cost=Money.of("1.5"), label="bell.qasm")
    sent = decode(bus.stored[f"qb.job.acme.{job.id}.submitted"][1])
    content = sent.data.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    assert sent.data.proof.key == public_key(ann.seed)
    assert verify(sent.data.proof.key, content, sent.data.proof.signature)
    assert sent.provenanceid == digest_of(content)
    assert content["max_cost"] == {"amount": "1.50", "currency": "USD"}


async def test_the_same_key_and_content_is_the_same_job(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        first = await client.submit(BELL, key="k")
        again = await client.submit(BELL, key="k")
        assert again.id == first.id
        assert (await again.result(timeout=2)).counts == {"00": 480, "11": 520}
        with pytest.raises(Conflict, match="already names job"):
            await client.submit(BELL, key="k", shots=5)


async def test_a_lost_confirmation_does_not_make_a_second_job(ann: Credential) -> None:
    bus = FakeBus(runs)
    bus.lost = 1
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        assert (await job.wait(timeout=2)).state == "completed"
    assert len(bus.stored) == 2


async def test_a_rejection_carries_every_reason(ann: Credential) -> None:
    why = (Reason(code="shots", text="0 shots"), Reason(code="budget", text="nothing left"))
    bus = FakeBus(lambda event: [rejected(event, *why)] if isinstance(event, JobSubmitted) else [])
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL, shots=0)
        with pytest.raises(Refused) as caught:
            await job.result(timeout=2)
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
    asked = decode(bus.stored[f"qb.command.acme.{job.id}.cancel"][1]).data
    content = asked.model_dump(mode="json", exclude_none=True, exclude={"proof"})
    assert verify(public_key(ann.seed), content, asked.proof.signature)


async def test_a_live_message_that_the_log_refused_is_not_believed(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        bus.say(f"qb.job.acme.{job.id}.completed", b"never stored")
        with pytest.raises(StillRunning, match="it continues"):
            await job.wait(timeout=0.05)


class Shaky(FakeBus):
    """Does not answer some questions."""

    silent = 0

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if self.silent and subject.startswith("$JS.API.DIRECT.GET.LOG."):
            self.silent -= 1
            raise Unreachable("no answer")
        return await super().request(subject, body, headers, timeout=timeout)


class Full(FakeBus):
    """Has other content under every digest."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if subject.startswith("$KV."):
            self.asked.append((subject, body))
            return Reply(b'{"error":{"err_code":90003,"description":"other content is stored"}}')
        return await super().request(subject, body, headers, timeout=timeout)


async def test_a_payload_that_can_never_be_stored_is_refused_at_once(ann: Credential) -> None:
    bus = Full()
    async with AsyncClient(ann, transport=bus) as client:
        with pytest.raises(Refused, match="other content is stored") as refused:
            await client.submit(BELL + "// long\n" * 3_000)
    assert [reason.code for reason in refused.value.reasons] == ["other_content"]
    assert len(bus.asked) == 1


async def test_a_wait_outlives_a_server_that_comes_back(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job._FIRST_LOOK_S", 0.001)
    bus = Shaky()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        bus.silent = 3
        bus.stored[f"qb.job.acme.{job.id}.completed"] = (9, completed(submitted_in(bus), {"00": 1}).to_bytes())
        assert (await job.wait()).state == "completed"


async def test_a_wait_ends_when_the_server_is_gone_for_good(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job._FIRST_LOOK_S", 0.001)
    monkeypatch.setattr("queuebit.wait_budget._AWAY_S", 0.01)
    bus = Shaky()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        bus.silent = 1_000_000
        with pytest.raises(Unreachable, match=f"job {job.id} continues when the stack is up again: no answer"):
            await job.wait()


async def test_a_wait_that_lasts_says_what_for(
    ann: Credential, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("queuebit.job._FIRST_LOOK_S", 0.001)
    monkeypatch.setattr("queuebit.wait_budget._FIRST_EXPLANATION_S", 0.0001)
    async with AsyncClient(ann, transport=FakeBus()) as client:
        job = await client.submit(BELL)
        with pytest.raises(StillRunning, match=r"not ended after 0\.1 s: the broker has not decided on it yet"):
            await job.wait(0.1)
        assert "the broker has not decided on it yet" in caplog.text
        with pytest.raises(NotFound, match="has no job"):  # instead of waiting for ever
            await client.job("j" + "a" * 20).wait()


def submitted_in(bus: FakeBus) -> JobSubmitted:
    found = next(decode(body) for subject, (_, body) in bus.stored.items() if subject.endswith(".submitted"))
    assert isinstance(found, JobSubmitted)
    return found


async def test_a_job_that_is_not_there_says_so(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(NotFound, match="acme has no job"):
            await client.job("j" + "a" * 20).status()


async def test_a_large_circuit_travels_in_chunks(ann: Credential) -> None:
    bus = FakeBus()
    source = BELL + "\n// " + "x" * 200_000
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(source)
    sent = decode(bus.stored[f"qb.job.acme.{job.id}.submitted"][1]).data
    assert sent.circuit.inline is None
    assert b"".join(bus.chunks.values()) == source.encode()
    assert all(subject.startswith("$KV.PAYLOADS.acme.") for subject in bus.chunks)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("absent.qasm", None, "no file"),
        ("empty.qasm", b" \n", "is empty"),
        ("binary.qasm", b"\x7fELF\x00\x01", "binary"),
        ("latin.qasm", b"// caf\xe9", "not text"),
        ("huge.qasm", b"//" + b"x" * (1 << 20), "1 MiB"),
    ],
)
async def test_a_file_that_cannot_be_a_circuit_is_never_sent(
    ann: Credential, tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    bus = FakeBus()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    async with AsyncClient(ann, transport=bus) as client:
        with pytest.raises(InvalidInput, match=complaint):
            await client.submit(tmp_path / name)
    assert bus.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"backend": "AER!"},
        {"key": ""},
        {"label": "a\033[8m"},
        {"purpose": "p" * 201},
        {"seed": -1},
        {"shots": 2**60},
        {"project": "a.b"},
    ],
)
async def test_a_value_that_cannot_be_sent_is_named(ann: Credential, wrong: dict[str, object]) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(InvalidInput, match=next(iter(wrong))):
            await client.submit(BELL, **wrong)  # type: ignore[arg-type]


async def test_a_backend_in_capital_letters_is_the_same_backend(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        await client.submit(BELL, backend="AER")
    assert submitted_in(bus).data.backend == "aer"


async def test_a_number_is_taken_as_the_most_a_job_may_cost(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        await client.submit(BELL, max_cost=0.1)
    limit = submitted_in(bus).data.max_cost
    assert limit is not None
    assert (limit.amount, limit.currency) == ("0.10", "USD")


@pytest.mark.parametrize("circuit", [None, [BELL], 7])
async def test_what_is_no_circuit_is_refused_before_anything_is_sent(ann: Credential, circuit: object) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        for ask in (client.submit, client.plan):
            with pytest.raises(InvalidInput, match=r"give OpenQASM|give Batch"):
                await ask(circuit)
    assert bus.asked == []


@pytest.mark.parametrize("limit", [0, 100_000_000, "many"])
async def test_a_limit_that_is_too_large_is_reported_before_it_is_asked(ann: Credential, limit: int) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(InvalidInput, match="limit must be a whole number from 1 to 10,000"):
            await client.jobs(limit=limit)


async def test_an_id_that_no_job_has_is_reported_in_plain_words(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        for wrong in ("a b", "J" * 21, "a>b"):
            with pytest.raises(InvalidInput, match="is not a plain name"):
                client.job(wrong)


class EndsLate(FakeBus):
    """Stores the end of each job while the client asks why it has not ended."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        reply = await super().request(subject, body, headers, timeout=timeout)
        if subject.startswith("$JS.API.DIRECT.GET.LOG.") and subject.endswith(".submitted"):
            asked = submitted_in(self)
            self.stored.setdefault(
                f"qb.job.acme.{asked.data.job}.completed", (9, completed(asked, {"00": 1000}).to_bytes())
            )
        return reply


async def test_a_job_that_ends_as_the_time_is_up_has_its_counts(ann: Credential) -> None:
    async with AsyncClient(ann, transport=EndsLate()) as client:
        job = await client.submit(BELL)
        assert (await job.result(timeout=0.014)).counts == {"00": 1000}
        assert (await job.wait(timeout=0)).state == "completed"


async def test_questions_are_asked_under_the_own_tenant(ann: Credential) -> None:
    bus = FakeBus()
    bus.answers = {"jobs": {"rows": [{"job": "jabc" + "a" * 17}]}, "slo": {"error": {"code": "late", "text": "later"}}}
    async with AsyncClient(ann, transport=bus) as client:
        assert (await client.find("jab")).id == "jabc" + "a" * 17
        with pytest.raises(NotFound, match="begins with"):
            await client.find("jz")
        with pytest.raises(Refused, match="later"):
            await client.slo()
    assert {subject for subject, _ in bus.asked} == {"qb.query.acme.jobs", "qb.query.acme.slo"}


async def test_events_are_reported_once_and_only_when_stored(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        events = client.events()
        asking = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        await client.submit(BELL)
        logged = [await asking, await anext(events)]
        await events.aclose()
    assert [it.event.type for it in logged] == ["qb.job.submitted.v1", "qb.job.completed.v1"]


async def test_an_event_of_an_unknown_type_is_followed_and_changes_no_status(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        events = client.events()
        asking = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        for name, type_ in (("praised", "qb.job.praised.v1"), ("started", "qb.job.started.v9")):
            bus.stored[f"qb.job.acme.{job.id}.{name}"] = (8, json.dumps({"type": type_}).encode())
        bus.say(f"qb.job.acme.{job.id}.praised", b"{}")
        logged = await asking
        await events.aclose()
        status = await job.status()
        with pytest.raises(NotFound, match=r"qb.job.started.v9: upgrade"):
            await job.until(("started",), timeout=1)
    assert isinstance(logged.event, UnknownEvent)
    assert (logged.job, logged.name, logged.event.type) == (job.id, "praised", "qb.job.praised.v1")
    assert (status.state, [it.event for it in status.steps]) == ("completed", ["submitted", "completed"])


def test_the_sync_client_says_the_same_words(ann: Credential) -> None:
    with Client(ann, transport=FakeBus(runs)) as client:
        job = client.submit(BELL, key="k")
        assert job.result(timeout=2).counts == {"00": 480, "11": 520}
        assert client.job(job.id).status().state == "completed"


def test_a_closed_client_says_so(ann: Credential) -> None:
    with Client(ann, transport=FakeBus(runs)) as client:
        job = client.submit(BELL, key="k")
    client.close()
    for call in (client.jobs, job.status):
        with pytest.raises(InvalidInput, match="this client is closed"):
            call()


@pytest.mark.parametrize(("sync", "awaited"), [(Client, AsyncClient), (Job, AsyncJob)])
def test_both_clients_take_the_same_words(sync: type, awaited: type) -> None:
    def words(kind: type) -> dict[str, list[tuple[str, object]]]:
        calls = {name: it for name, it in vars(kind).items() if inspect.isfunction(it) and not name.startswith("_")}
        return {
            name: [(it.name, it.default) for it in inspect.signature(call).parameters.values()]
            for name, call in calls.items()
            if name != "was_submitted"  # the client's word to its job, not a person's
        }

    assert words(sync) == words(awaited)


def test_what_follows_is_iterated(ann: Credential) -> None:
    bus = FakeBus(runs)
    with Client(ann, transport=bus) as client:
        job = client.submit(BELL, key="k")
        seen = []
        for step in job.steps():
            seen.append(step.event)
            if step.event == "completed":
                break
        assert (seen[0], seen[-1]) == ("submitted", "completed")
        assert job.until(("completed",), 2).type == "qb.job.completed.v1"


async def test_another_name_is_the_same_content(ann: Credential, tmp_path: Path) -> None:
    async with AsyncClient(ann, transport=FakeBus(runs)) as client:
        first = await client.submit(BELL, key="k", label="a.qasm")
        assert (await client.submit(BELL, key="k", label="b.qasm")).id == first.id
        with pytest.raises(Conflict):
            await client.submit(BELL, key="k", shots=7)


async def test_an_amount_may_be_a_text_and_nonsense_is_reported(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL, max_cost="1.50")
        sent = decode(bus.stored[f"qb.job.acme.{job.id}.submitted"][1])
        assert isinstance(sent, JobSubmitted)
        assert sent.data.max_cost is not None
        assert (sent.data.max_cost.amount, sent.data.max_cost.currency) == ("1.50", "USD")
        for nonsense in ("lots", "", "1e400"):
            with pytest.raises(InvalidInput, match="max_cost"):
                await client.submit(BELL, max_cost=nonsense)


async def test_the_name_of_a_file_is_no_source(ann: Credential) -> None:
    async with AsyncClient(ann, transport=FakeBus()) as client:
        with pytest.raises(InvalidInput, match=r"give Path\('bell.qasm'\)"):
            await client.submit("bell.qasm")


def test_every_exported_name_loads() -> None:
    assert sorted(queuebit.__all__) == queuebit.__all__
    for name in queuebit.__all__:
        assert getattr(queuebit, name) is not None
    with pytest.raises(AttributeError):
        queuebit.nothing  # noqa: B018


def test_a_credential_shows_no_seed_and_names_its_inbox(ann: Credential) -> None:
    assert ann.seed not in repr(ann)
    assert ann.inbox == inbox_of("ann", "acme")
