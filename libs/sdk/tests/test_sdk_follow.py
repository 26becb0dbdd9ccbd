"""Waiting for a job and following events, over a transport that is a function."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from queuebit import (
    AsyncClient,
    Credential,
    NotFound,
    Refused,
    Reply,
)
from queuebit.errors import StillRunning, Unreachable
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    TERMINAL,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobSubmitted,
    Placement,
    Rejection,
    Seal,
)
from queuebit_contracts.wire import Reason, UnknownEvent

from .fake_bus import BELL, NOW, FakeBus, completed, runs, submitted_in


def reads(bus: FakeBus) -> list[str]:
    return [subject for subject, _ in bus.asked if subject.startswith("$JS.API.DIRECT.GET.")]


async def test_the_result_of_a_job_takes_one_request_and_one_message(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        waiting = asyncio.ensure_future(job.result(timeout=20))
        await asyncio.sleep(0)
        bus.keep(completed(submitted_in(bus), {"00": 1000}))
        assert (await waiting).counts == {"00": 1000}
        assert (await job.result()).counts == {"00": 1000}
    assert [subject for subject, _ in bus.asked] == [f"qb.job.acme.{job.id}.submitted"]


async def test_a_waiter_receives_the_ends_of_jobs_and_nothing_else_unless_it_waits_for_that(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        ends = {f"qb.stored.acme.*.{name}" for name in TERMINAL}
        assert bus.followed == ends
        with pytest.raises(StillRunning):
            await job.until(("started", "completed"), timeout=0.001)
        assert bus.followed == ends | {"qb.stored.acme.*.started"}


async def test_an_event_from_before_its_subscription_is_read(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
    async with AsyncClient(ann, transport=bus) as later:
        assert (await later.job(job.id).result(timeout=20)).counts == {"00": 480, "11": 520}
    assert len(reads(bus)) == len(TERMINAL), "one for each end that the job may have"


@pytest.mark.parametrize("sequence", [None, 7])
async def test_a_live_message_that_is_no_event_is_not_believed(ann: Credential, sequence: int | None) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        bus.say(f"qb.stored.acme.{job.id}.completed", b"never stored", sequence)
        with pytest.raises(StillRunning, match="it continues"):
            await job.wait(timeout=0.05)
        bus.stored[f"qb.job.acme.{job.id}.completed"] = (9, completed(submitted_in(bus), {"00": 1}).to_bytes())
        assert (await job.result(timeout=0)).counts == {"00": 1}


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


async def test_a_wait_outlives_a_server_that_comes_back(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 0.001)
    bus = Shaky()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        bus.silent = 3
        bus.stored[f"qb.job.acme.{job.id}.completed"] = (9, completed(submitted_in(bus), {"00": 1}).to_bytes())
        assert (await job.wait()).state == "completed"


async def test_a_wait_ends_when_the_server_is_gone_for_good(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 0.001)
    monkeypatch.setattr("queuebit.wait_budget._AWAY_S", 0.01)
    bus = Shaky()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        bus.silent = 1_000_000
        with pytest.raises(Unreachable, match=f"job {job.id} continues when the stack is up again: no answer"):
            await job.wait()


async def test_after_a_gap_every_waiter_reads_at_once(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 60)
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        waiting = [asyncio.ensure_future(it.result(timeout=20)) for it in (job, job, client.job(job.id))]
        while len(reads(bus)) < 4:  # the second handle looks first
            await asyncio.sleep(0)
        bus.stored[f"qb.job.acme.{job.id}.completed"] = (9, completed(submitted_in(bus), {"00": 1}).to_bytes())
        for on_gap in bus.gaps:
            on_gap()
        assert [(await it).counts for it in waiting] == [{"00": 1}] * 3


async def test_a_handle_that_did_not_wait_during_a_gap_reads_when_it_waits(
    ann: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 60)
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        bus.stored[f"qb.job.acme.{job.id}.completed"] = (9, completed(submitted_in(bus), {"00": 1}).to_bytes())
        for on_gap in bus.gaps:
            on_gap()
        assert (await job.result(timeout=20)).counts == {"00": 1}


async def test_two_handles_of_a_job_receive_the_same_message(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 60)
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        waiting = [asyncio.ensure_future(it.result(timeout=20)) for it in (job, client.job(job.id))]
        while len(reads(bus)) < 4:
            await asyncio.sleep(0)
        bus.keep(completed(submitted_in(bus), {"00": 1}))
        assert [(await it).counts for it in waiting] == [{"00": 1}] * 2
    assert len(reads(bus)) == len(TERMINAL)


async def test_a_wait_that_lasts_says_what_for(
    ann: Credential, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 0.001)
    monkeypatch.setattr("queuebit.wait_budget._FIRST_EXPLANATION_S", 0.0001)
    async with AsyncClient(ann, transport=FakeBus()) as client:
        job = await client.submit(BELL)
        with pytest.raises(StillRunning, match=r"not ended after 0\.1 s: the broker has not decided on it yet"):
            await job.wait(0.1)
        assert "the broker has not decided on it yet" in caplog.text
        with pytest.raises(NotFound, match="has no job"):  # instead of waiting for ever
            await client.job("j" + "a" * 20).wait()


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


async def test_a_reader_that_pauses_receives_every_event_in_order_without_a_read(ann: Credential) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        events = client.events()
        asking = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        jobs = [(await client.submit(BELL)).id for _ in range(16)]
        async with asyncio.timeout(20):
            logged = [await asking, *[await anext(events) for _ in jobs[1:]]]
        await events.aclose()
    assert [it.job for it in logged] == jobs
    assert [it.sequence for it in logged] == [*range(1, 17)]
    assert not reads(bus)


@pytest.mark.parametrize("sequence", [None, 1, 7])
async def test_a_message_that_repeats_or_is_no_event_is_not_reported(ann: Credential, sequence: int | None) -> None:
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        events = client.events()
        asking = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        first = await client.submit(BELL)
        body = bus.stored[f"qb.job.acme.{first.id}.submitted"][1]
        bus.say(f"qb.stored.acme.{first.id}.submitted", body if sequence == 1 else b"no event", sequence)
        second = await client.submit(BELL)
        logged = [await asking, await anext(events)]
        await events.aclose()
    assert [it.job for it in logged] == [first.id, second.id]


async def test_an_event_of_an_unknown_type_is_followed_and_changes_no_status(ann: Credential) -> None:
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        events = client.events()
        asking = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        for name, type_ in (("praised", "qb.job.praised.v1"), ("started", "qb.job.started.v9")):
            bus.stored[f"qb.job.acme.{job.id}.{name}"] = (8, json.dumps({"type": type_}).encode())
        bus.say(f"qb.stored.acme.{job.id}.praised", b'{"type": "qb.job.praised.v1"}', 8)
        logged = await asking
        await events.aclose()
        status = await job.status()
        with pytest.raises(NotFound, match=r"qb.job.started.v9: upgrade"):
            await job.until(("started",), timeout=20)
    assert isinstance(logged.event, UnknownEvent)
    assert (logged.job, logged.name, logged.event.type) == (job.id, "praised", "qb.job.praised.v1")
    assert (status.state, [it.event for it in status.steps]) == ("completed", ["submitted", "completed"])


async def test_steps_end_as_soon_as_the_job_is_sealed(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job.FIRST_LOOK_S", 60)
    bus = FakeBus(runs)
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        seal = Seal(tenant="acme", job=job.id, statement=f"sha256:{'0' * 64}", text="{}", leaf_index=0, tree_size=1)
        seen = []
        async with asyncio.timeout(5):
            async for step in job.steps():
                seen.append(step.event)
                if step.event == "completed":
                    bus.keep(JobSealed(source="qb/provenance", data=seal))
    assert seen == ["submitted", "completed", "sealed"]


async def test_a_placement_is_received_whatever_its_backend(ann: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 60)
    bus = FakeBus()
    async with AsyncClient(ann, transport=bus) as client:
        job = await client.submit(BELL)
        waiting = asyncio.ensure_future(job.until(("placed",), timeout=20))
        await asyncio.sleep(0)
        bus.keep(placed(submitted_in(bus)))
        assert (await waiting).type == "qb.job.placed.v1"


@pytest.mark.parametrize("name", ["accepted", "placed", "dispatched"])
async def test_waiting_for_what_can_no_longer_happen_ends(
    ann: Credential, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("queuebit.job_events.FIRST_LOOK_S", 0.001)
    async with AsyncClient(ann, transport=FakeBus(refuses)) as client:
        job = await client.submit(BELL)
        with pytest.raises(Refused, match="no such project"):
            await job.until((name,))
    async with AsyncClient(ann, transport=FakeBus(runs)) as client:
        job = await client.submit(BELL)
        with pytest.raises(NotFound, match=f"is completed, and was never {name}"):
            await job.until((name,))


def placed(asked: JobSubmitted) -> JobPlaced:
    done = completed(asked, {"00": 1}).data
    return JobPlaced(
        source="qb/scheduler",
        data=Placement(
            tenant=done.tenant,
            project="main",
            job=done.job,
            backend="aer",
            shots=1_000,
            circuit=done.result.digest,
            seed=7,
            qpu_us=1,
            policy="test",
            snapshot=done.result.digest,
            scores=(),
            submitted_at=NOW,
            accepted_at=NOW,
        ),
    )


def refuses(event: AnyEvent) -> list[AnyEvent]:
    """Every submitted job is rejected at once."""
    if not isinstance(event, JobSubmitted):
        return []
    asked = event.data
    reasons = (Reason(code="project", text="no such project"),)
    rejection = Rejection(tenant=asked.tenant, project=asked.project, job=asked.job, reasons=reasons, submitted_at=NOW)
    return [JobRejected(source="qb/broker", data=rejection)]
