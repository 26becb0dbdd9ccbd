"""A platform in this process, for tests of client libraries: it runs, bills and remembers each job at once.

Its sessions open and close; their caps hold no money."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from queuebit import Credential, Reply
from queuebit.transport import Message, OnGap, OnMessage
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.execution import Compilation
from queuebit_contracts.job import (
    Charge,
    Completion,
    JobCompleted,
    JobMetered,
    JobRejected,
    JobSealed,
    JobSubmitted,
    Metering,
    Rejection,
    Seal,
)
from queuebit_contracts.session import CloseSession, OpenSession, Session, SessionAnswer, SessionEnd
from queuebit_contracts.subjects import covers, parse, sessions, stored, subject_of
from queuebit_contracts.usage import Usage
from queuebit_contracts.wire import Payload, Reason
from queuebit_kernel import digest
from queuebit_quantum import Backend, CircuitError, open_backend
from queuebit_runtime.keys import new_seed
from queuebit_runtime.payloads import CHUNK, describe
from queuebit_testing.local_runs import run_submitted

__all__ = ["LocalPlatform", "local_credential"]

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PAYLOADS = "$JS.API.DIRECT.GET.KV_PAYLOADS."
_LOG = "$JS.API.DIRECT.GET.LOG."
_DIGEST = "sha256:" + "0" * 64
_COMPILATION = Compilation(compiler="local", digest=_DIGEST, seed=1, depth=1, two_qubit_gates=1, duration_ns=1)


def local_credential() -> Credential:
    """A new user of a platform in this process."""
    return Credential("nats://nowhere", "acme", "ann", new_seed(), "p")


class LocalPlatform:
    """The transport of a client whose jobs run on one backend and cost one cent each; refused ones cost nothing."""

    def __init__(self, backend: Backend | None = None, *, refuse: Sequence[Reason] = (), seals: bool = False) -> None:
        """Create a platform.

        Args:
            backend: runs all jobs; default: the ideal simulator `aer`.
            refuse: the reasons for which every job is rejected.
            seals: whether each job becomes a leaf of a log; there are no receipts.
        """
        self.submissions: list[JobSubmitted] = []
        """All jobs, in order; a repeated key is no new one."""
        self.answers: dict[str, list[dict[str, Any]]] = {  # JSON
            "plan": [{"backend": "aer", "cost": "0.01"}, {"backend": "cirq"}]
        }
        """The rows of each query."""
        self._backend = backend or open_backend("aer")
        self._refuse = tuple(refuse)
        self._seals = seals
        self._log: dict[str, tuple[int, bytes]] = {}
        self._chunks: dict[str, bytes] = {}
        self._sessions: dict[str, Session] = {}
        self._readers: list[tuple[Sequence[str], OnMessage]] = []
        self._announce()

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
            return Reply(json.dumps({"rows": self.answers[parse(subject).event]}).encode())
        if parse(subject).noun == "sessions":
            return Reply(self._session(subject, body).model_dump_json().encode())
        event = decode(body)
        if not isinstance(event, JobSubmitted):
            raise TypeError(f"the platform of these tests takes no {event.type}")
        if subject in self._log:
            return Reply(b'{"error":{"err_code":10071,"description":"wrong last sequence"}}')
        self.submissions.append(event)
        ended = self._ended(event)
        for it in (event, ended, _metered(event, free=isinstance(ended, JobRejected))):
            self._append(it)
        if self._seals:
            self._append(_sealed(event, len(self.submissions)))
        return Reply(json.dumps({"seq": len(self._log)}).encode())

    async def follow(
        self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap
    ) -> Callable[[], Awaitable[None]]:
        reader = (tuple(subjects), on_message)
        self._readers.append(reader)

        async def stop() -> None:
            self._readers.remove(reader)

        return stop

    async def close(self) -> None:
        self._readers.clear()

    def _append(self, event: AnyEvent) -> None:
        subject, sequence = subject_of(event), len(self._log) + 1
        self._log[subject] = (sequence, event.to_bytes())
        for subjects, on_message in self._readers:
            message = Message(stored(subject), event.to_bytes(), {"Nats-Sequence": str(sequence)})
            if any(covers(it, message.subject) for it in subjects):
                on_message(message)

    def _announce(self) -> None:
        it = self._backend.describe()
        data = Registration(
            backend=it.id, stack="local", vendor=it.vendor, kind=it.kind, qubits=it.num_qubits, max_shots=it.max_shots,
            features=tuple(sorted(it.features)), gates=it.basis_gates,
        )  # fmt: skip
        self._append(BackendRegistered(source="qb/executor-local", data=data))
        if (calibration := self._backend.calibrate()) is not None:
            snapshot = self._store("queuebit", json.dumps(calibration.as_json()).encode(), "application/json")
            data_ = Calibration(backend=it.id, calibrated_at=_NOW, snapshot=snapshot, digest=calibration.digest)
            self._append(BackendCalibrated(source="qb/executor-local", data=data_))

    def _session(self, subject: str, body: bytes) -> SessionAnswer:
        if subject == sessions("close", "acme"):
            closed = CloseSession.model_validate_json(body)
            session = self._sessions[closed.session]
            end = SessionEnd(
                tenant=session.tenant, session=session.session, project=session.project, reason="asked", idle_s=0,
                closed_at=_NOW,
            )  # fmt: skip
            return SessionAnswer(session=session, closed=end)
        asked = OpenSession.model_validate_json(body).model_dump(exclude={"dry_run"})
        opened = Session(**asked, user="ann", opened_at=_NOW, expires_at=_NOW + timedelta(days=1))
        return SessionAnswer(session=self._sessions.setdefault(opened.session, opened))

    def _ended(self, submitted: JobSubmitted) -> JobCompleted | JobRejected:
        asked = submitted.data
        if self._refuse:
            return _rejected(submitted, self._refuse)
        if (seed := asked.seed) is None:
            seed = int(digest(asked.job.encode()).removeprefix("sha256:")[:7], 16)

        def content(payload: Payload) -> bytes:
            return self._content(asked.tenant, payload)

        try:
            result = run_submitted(self._backend, asked.circuit, content, shots=asked.shots, seed=seed)
        except CircuitError as error:
            return _rejected(submitted, [Reason(code=error.code, text=str(error))])
        it = self._backend.describe()
        done = Completion(
            tenant=asked.tenant, job=asked.job, backend=it.id, attempt=1, shots=asked.shots,
            result=self._store(asked.tenant, *result), usage=Usage(shots=asked.shots),
            calibration=it.calibration_digest, compilation=_COMPILATION,
            submitted_at=_NOW, accepted_at=_NOW, placed_at=_NOW, started_at=_NOW,
        )  # fmt: skip
        return JobCompleted(source="qb/executor-local", data=done)

    def _store(self, tenant: str, content: bytes, media_type: str) -> Payload:
        payload = describe(content, media_type)
        if payload.inline is None:
            for start in range(0, len(content), CHUNK):
                self._chunks[_key(tenant, payload, start // CHUNK)] = content[start : start + CHUNK]
        return payload

    def _content(self, tenant: str, payload: Payload) -> bytes:
        if payload.inline is not None:
            return payload.inline.encode()
        chunks = -(-payload.size // CHUNK)
        return b"".join(self._chunks[_key(tenant, payload, number)] for number in range(chunks))


def _key(tenant: str, payload: Payload, number: int) -> str:
    return f"$KV.PAYLOADS.{tenant}.{payload.digest.removeprefix('sha256:')}.{number}"


def _rejected(submitted: JobSubmitted, reasons: Sequence[Reason]) -> JobRejected:
    asked = submitted.data
    data = Rejection(
        tenant=asked.tenant, job=asked.job, project=asked.project, reasons=tuple(reasons), submitted_at=_NOW
    )
    return JobRejected(source="qb/broker", data=data)


def _metered(submitted: JobSubmitted, *, free: bool) -> JobMetered:
    asked = submitted.data
    data = Metering(
        tenant=asked.tenant, project=asked.project, job=asked.job, state="rejected" if free else "completed",
        usage=Usage(shots=0 if free else asked.shots), price_book=_DIGEST, submitted_at=_NOW, ended_at=_NOW,
        charge=Charge(amount="0.00" if free else "0.01", currency="USD", jbu="0"),
    )  # fmt: skip
    return JobMetered(source="qb/metering", time=_NOW, data=data)


def _sealed(submitted: JobSubmitted, jobs: int) -> JobSealed:
    asked = submitted.data
    text = f'{{"job":"{asked.job}"}}'
    statement = digest(text.encode())
    data = Seal(tenant=asked.tenant, job=asked.job, statement=statement, leaf_index=jobs - 1, tree_size=jobs, text=text)
    return JobSealed(source="qb/provenance", data=data)
