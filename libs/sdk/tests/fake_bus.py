"""The bus as the client sees it, in memory; `test_sdk_transport` holds it to the laws of the real one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from queuebit import Reply
from queuebit.errors import Unanswered, Unreachable
from queuebit.transport import Message, OnGap, OnMessage
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import (
    Charge,
    Compilation,
    Completion,
    Failure,
    JobAccepted,
    JobCompleted,
    JobFailed,
    JobMetered,
    JobRejected,
    JobSubmitted,
    Metering,
    Rejection,
    Submission,
    Usage,
)
from queuebit_contracts.subjects import covers, parse, stored, subject_of
from queuebit_contracts.wire import Amount, Reason, UnknownEvent
from queuebit_runtime.payloads import describe
from queuebit_testing import build

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeBus:
    """A log in a dictionary. `react` says what the platform does about each event it stores."""

    def __init__(self, react: Callable[[AnyEvent], list[AnyEvent]] = lambda _: []) -> None:
        self.stored: dict[str, tuple[int, bytes]] = {}
        self.chunks: dict[str, bytes] = {}
        self.asked: list[tuple[str, bytes]] = []
        self.answers: dict[str, dict[str, object]] = {}
        self.lost = 0
        self.gaps: list[OnGap] = []
        self.followed: set[str] = set()
        self._react = react
        self._signals: list[OnMessage] = []

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        self.asked.append((subject, body))
        if subject.startswith("$KV."):
            self.chunks[subject] = body
            return Reply(b'{"seq":1}')
        if subject.startswith("$JS.API.DIRECT.GET.KV_PAYLOADS."):
            return Reply(self.chunks[subject.removeprefix("$JS.API.DIRECT.GET.KV_PAYLOADS.")])
        if subject.startswith("$JS.API.DIRECT.GET.LOG."):
            found = self.stored.get(subject.removeprefix("$JS.API.DIRECT.GET.LOG."))
            return Reply(found[1], {"Nats-Sequence": str(found[0])}) if found else Reply(b"", {"Status": "404"})
        if (asked := parse(subject)).noun == "query":
            if asked.event not in self.answers:
                raise Unanswered(f"no service answers {subject}")
            return Reply(json.dumps(self.answers[asked.event]).encode())
        guard = (headers or {}).get("Nats-Expected-Last-Subject-Sequence-Subject", "-").removesuffix(">")
        if any(known.startswith(guard) for known in self.stored):
            return Reply(b'{"error":{"err_code":10071,"description":"wrong last sequence"}}')
        event = decode(body)
        if isinstance(event, UnknownEvent):
            raise TypeError(f"the client wrote a {event.type}")
        self.keep(event)
        if self.lost:
            self.lost -= 1
            raise Unreachable("the confirmation was lost")
        return Reply(json.dumps({"seq": len(self.stored)}).encode())

    def keep(self, event: AnyEvent) -> None:
        subject, sequence = subject_of(event), len(self.stored) + 1
        self.stored[subject] = (sequence, event.to_bytes())
        self.say(subject, event.to_bytes())
        if parse(subject).noun == "job":
            self.say(stored(subject), event.to_bytes(), sequence)
        for answer in self._react(event):
            self.keep(answer)

    def say(self, subject: str, body: bytes, sequence: int | None = None) -> None:
        headers = {} if sequence is None else {"Nats-Sequence": str(sequence)}
        for signal in self._signals:
            signal(Message(subject, body, headers))

    async def follow(
        self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap
    ) -> Callable[[], Awaitable[None]]:
        self.followed.update(subjects)

        def matching(message: Message) -> None:
            if any(covers(subject, message.subject) for subject in subjects):
                on_message(message)

        self._signals.append(matching)
        self.gaps.append(on_gap)

        async def stop() -> None:
            self._signals.remove(matching)

        return stop

    async def close(self) -> None:
        self._signals.clear()


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


def runs(event: AnyEvent) -> list[AnyEvent]:
    """Every submitted job completes at once."""
    return [completed(event, {"00": 480, "11": 520})] if isinstance(event, JobSubmitted) else []


def failed(asked: JobSubmitted) -> JobFailed:
    """A worker that stopped."""
    data = Failure(
        tenant=asked.data.tenant, job=asked.data.job, backend="aer", attempt=1, usage=Usage(),
        reason=Reason(code="worker_lost", text="the worker stopped"),
        submitted_at=NOW, accepted_at=NOW, placed_at=NOW, started_at=NOW,
    )  # fmt: skip
    return JobFailed(source="qb/executor-aer", data=data)


def billed(asked: JobSubmitted, amount: str) -> JobMetered:
    """The bill of a job that ended."""
    data = Metering(
        tenant=asked.data.tenant, project=asked.data.project, job=asked.data.job, state="completed", usage=Usage(),
        charge=Charge(amount=amount, currency="USD", jbu="0"), price_book="sha256:" + "0" * 64,
        submitted_at=NOW, ended_at=NOW,
    )  # fmt: skip
    return JobMetered(source="qb/metering", data=data)


def runs_and_bills(event: AnyEvent) -> list[AnyEvent]:
    """Every job completes and is billed at once; one of 13 shots fails."""
    if not isinstance(event, JobSubmitted):
        return []
    return [*([failed(event)] if event.data.shots == 13 else runs(event)), billed(event, "0.25")]


def accepted(asked: JobSubmitted, hold: str) -> JobAccepted:
    """The broker admits a job with this hold."""
    event = build.accepted(asked.data.job, tenant=asked.data.tenant)
    return event.model_copy(update={"data": event.data.model_copy(update={"hold": Amount(amount=hold)})})


def rejected(asked: JobSubmitted) -> JobRejected:
    """The broker refuses a job."""
    about = asked.data
    reason = Reason(code="max_cost_exceeded", text="it may cost more than it is allowed")
    return JobRejected(
        source="qb/broker",
        data=Rejection(tenant=about.tenant, job=about.job, project=about.project, reasons=(reason,), submitted_at=NOW),
    )


def submitted_all(bus: FakeBus) -> list[Submission]:
    """What reached the log, in order."""
    found = (decode(body) for _, body in sorted(bus.stored.values()))
    return [it.data for it in found if isinstance(it, JobSubmitted)]


def submitted_in(bus: FakeBus) -> JobSubmitted:
    """The only submission that reached the log."""
    (found,) = (decode(body) for subject, (_, body) in bus.stored.items() if subject.endswith(".submitted"))
    assert isinstance(found, JobSubmitted)
    return found
