"""A platform in this process, for tests of client libraries: it runs, bills and remembers each job at once."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from queuebit import Reply
from queuebit.transport import Message, OnGap, OnMessage
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.execution import Compilation
from queuebit_contracts.job import Charge, Completion, JobCompleted, JobMetered, JobSubmitted, Metering
from queuebit_contracts.program import PROGRAM, Item, read_program
from queuebit_contracts.results import RESULTS, Estimate, ItemResult, Results
from queuebit_contracts.subjects import covers, parse, stored, subject_of
from queuebit_contracts.usage import Usage
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import digest, new_key
from queuebit_quantum import (
    Basis,
    CircuitError,
    Outcome,
    WorkItem,
    bases,
    expectation,
    label,
    measured_in,
    open_backend,
)
from queuebit_quantum import parse as parsed
from queuebit_runtime.payloads import CHUNK, describe

__all__ = ["LocalPlatform"]

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PAYLOADS = "$JS.API.DIRECT.GET.KV_PAYLOADS."
_LOG = "$JS.API.DIRECT.GET.LOG."


class LocalPlatform:
    """The transport of a client whose jobs run on the ideal simulator `aer` and cost one cent each."""

    def __init__(self) -> None:
        self.submissions: list[JobSubmitted] = []
        """All jobs, in order; a repeated key is no new one."""
        self._backend = open_backend("aer")
        self._log: dict[str, tuple[int, bytes]] = {}
        self._chunks: dict[str, bytes] = {}
        self._signals: list[tuple[Sequence[str], OnMessage]] = []

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if subject.startswith("$KV."):
            self._chunks[subject] = body
            return Reply(b'{"seq":1}')
        if subject.startswith(_PAYLOADS):
            return Reply(self._chunks[subject.removeprefix(_PAYLOADS)])
        if subject.startswith(_LOG):
            found = self._log.get(subject.removeprefix(_LOG))
            return Reply(found[1], {"Nats-Sequence": str(found[0])}) if found else Reply(b"", {"Status": "404"})
        if parse(subject).noun == "query":
            return Reply(json.dumps({"rows": [{"backend": "aer", "cost": "0.01"}, {"backend": "cirq"}]}).encode())
        event = decode(body)
        if not isinstance(event, JobSubmitted):
            raise TypeError(f"the platform of these tests takes no {event.type}")
        if subject in self._log:
            return Reply(b'{"error":{"err_code":10071,"description":"wrong last sequence"}}')
        self.submissions.append(event)
        for it in (event, self._completed(event), _metered(event)):
            self._append(it)
        return Reply(json.dumps({"seq": len(self._log)}).encode())

    async def follow(
        self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap
    ) -> Callable[[], Awaitable[None]]:
        following = (tuple(subjects), on_message)
        self._signals.append(following)

        async def stop() -> None:
            self._signals.remove(following)

        return stop

    async def close(self) -> None:
        self._signals.clear()

    def _append(self, event: AnyEvent) -> None:
        subject, sequence = subject_of(event), len(self._log) + 1
        self._log[subject] = (sequence, event.to_bytes())
        message = Message(stored(subject), event.to_bytes(), {"Nats-Sequence": str(sequence)})
        for subjects, on_message in self._signals:
            if any(covers(it, message.subject) for it in subjects):
                on_message(message)

    def _completed(self, submitted: JobSubmitted) -> JobCompleted:
        asked = submitted.data
        seed = int(digest(asked.job.encode()).removeprefix("sha256:")[:7], 16)
        content = self._content(asked.tenant, asked.circuit)
        if asked.circuit.media_type == PROGRAM:
            program, media_type = read_program(content), RESULTS
            sources = [self._content(asked.tenant, it).decode() for it in program.circuits]
            items = [
                self._item(it, sources, it.shots or asked.shots, seed + number)
                for number, it in enumerate(program.items)
            ]
            content = Results(items=tuple(items)).content()
        else:
            media_type = "application/json"
            counts = self._outcome(content.decode(), {}, None, asked.shots, seed).counts
            content = json.dumps(dict(counts)).encode()
        result = describe(content, media_type)
        if result.inline is None:
            for start in range(0, len(content), CHUNK):
                self._chunks[_key(asked.tenant, result, start // CHUNK)] = content[start : start + CHUNK]
        done = Completion(
            tenant=asked.tenant, job=asked.job, backend="aer", attempt=1, shots=asked.shots, result=result,
            usage=Usage(shots=asked.shots), submitted_at=_NOW, accepted_at=_NOW, placed_at=_NOW, started_at=_NOW,
            compilation=Compilation(
                compiler="x", digest="sha256:" + "0" * 64, seed=1, depth=1, two_qubit_gates=1, duration_ns=1
            ),
        )  # fmt: skip
        return JobCompleted(source="qb/executor-aer", data=done)

    def _content(self, tenant: str, payload: Payload) -> bytes:
        if payload.inline is not None:
            return payload.inline.encode()
        chunks = -(-payload.size // CHUNK)
        return b"".join(self._chunks[_key(tenant, payload, number)] for number in range(chunks))

    def _item(self, item: Item, sources: Sequence[str], shots: int, seed: int) -> ItemResult:
        source = sources[item.circuit]
        try:
            if not item.observables:
                counts = self._outcome(source, item.parameters, None, shots, seed).counts
                return ItemResult(state="completed", counts=dict(counts))
            measured = bases(item.observables)
            counted = [
                (basis, self._outcome(source, item.parameters, basis, shots, seed + number).counts)
                for number, basis in enumerate(measured)
            ]
        except CircuitError as error:
            return ItemResult(state="failed", reason=Reason(code=error.code, text=str(error)))
        values = [(label(it), *expectation(it, counted)) for it in item.observables]
        estimates = tuple(Estimate(observable=name, value=value, stderr=error) for name, value, error in values)
        return ItemResult(state="completed", expectations=estimates)

    def _outcome(
        self, source: str, values: Mapping[str, bool | int | float | str], basis: Basis | None, shots: int, seed: int
    ) -> Outcome:
        circuit = parsed(source, parameters=values, measured=basis is None)
        compiled = self._backend.compile(circuit if basis is None else measured_in(circuit, basis), seed=1)
        (outcome,) = self._backend.collect(self._backend.submit([WorkItem(compiled, shots, seed)], new_key()))
        assert isinstance(outcome, Outcome)
        return outcome


def _key(tenant: str, payload: Payload, number: int) -> str:
    return f"$KV.PAYLOADS.{tenant}.{payload.digest.removeprefix('sha256:')}.{number}"


def _metered(submitted: JobSubmitted) -> JobMetered:
    asked = submitted.data
    data = Metering(
        tenant=asked.tenant, project=asked.project, job=asked.job, state="completed", usage=Usage(shots=asked.shots),
        charge=Charge(amount="0.01", currency="USD", jbu="0"), price_book="sha256:" + "0" * 64, submitted_at=_NOW,
        ended_at=_NOW,
    )  # fmt: skip
    return JobMetered(source="qb/metering", time=_NOW, data=data)
