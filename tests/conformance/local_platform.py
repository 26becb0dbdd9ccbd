"""A platform without processes for tests of adapters: a transport that runs each submitted program at once.

Items run with the code of the executor's children on a backend of this process; nothing is admitted, priced or sealed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from queuebit import Reply
from queuebit.transport import Message, OnGap, OnMessage
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered, Calibration, Registration
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.job import Compilation, Completion, JobCompleted, JobRejected, JobSubmitted, Rejection, Usage
from queuebit_contracts.program import read_program
from queuebit_contracts.results import RESULTS, results_of
from queuebit_contracts.subjects import covers, parse, stored, subject_of
from queuebit_contracts.wire import Reason
from queuebit_executor.item_worker import run_item
from queuebit_executor.refusals import answered
from queuebit_executor.seeds import item_seed
from queuebit_kernel import digest
from queuebit_quantum import Backend
from queuebit_runtime.payloads import CHUNK, describe

__all__ = ["LocalPlatform"]

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_COMPILATION = Compilation(
    compiler="local", digest="sha256:" + "0" * 64, seed=1, depth=1, two_qubit_gates=1, duration_ns=1
)
_KV, _LOG = "$JS.API.DIRECT.GET.KV_PAYLOADS.", "$JS.API.DIRECT.GET.LOG."


class LocalPlatform:
    """The log and the payload store in memory, with one backend."""

    def __init__(self, backend: Backend, *, refuse: Sequence[Reason] = ()) -> None:
        self.submitted: list[JobSubmitted] = []
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self._backend = backend
        self._refuse = tuple(refuse)
        self._log: dict[str, tuple[int, bytes]] = {}
        self._chunks: dict[str, bytes] = {}
        self._readers: list[tuple[tuple[str, ...], OnMessage]] = []
        self._announce()

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        if subject.startswith("$KV."):
            self._chunks[subject] = body
            return Reply(b'{"seq":1}')
        if subject.startswith(_KV):
            return Reply(self._chunks[subject.removeprefix(_KV)])
        if subject.startswith(_LOG):
            found = self._log.get(subject.removeprefix(_LOG))
            return Reply(found[1], {"Nats-Sequence": str(found[0])}) if found else Reply(b"", {"Status": "404"})
        if parse(subject).noun == "query":
            return Reply(json.dumps({"rows": self.answers[parse(subject).event]}).encode())
        event = decode(body)
        assert isinstance(event, JobSubmitted), f"nothing takes a {event.type}"
        self._keep(event)
        self.submitted.append(event)
        self._keep(self._rejected(event) if self._refuse else self._completed(event))
        return Reply(json.dumps({"seq": len(self._log)}).encode())

    async def follow(
        self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap
    ) -> Callable[[], Awaitable[None]]:
        reader = ((*subjects,), on_message)
        self._readers.append(reader)

        async def stop() -> None:
            self._readers.remove(reader)

        return stop

    async def close(self) -> None:
        self._readers.clear()

    def _announce(self) -> None:
        it = self._backend.describe()
        data = Registration(
            backend=it.id, stack="local", vendor=it.vendor, kind=it.kind, qubits=it.num_qubits, max_shots=it.max_shots,
            features=tuple(sorted(it.features)), gates=it.basis_gates,
        )  # fmt: skip
        self._keep(BackendRegistered(source="qb/executor-local", data=data))
        if (calibration := self._backend.calibrate()) is not None:
            snapshot = json.dumps(calibration.as_json()).encode()
            announced = Calibration(
                backend=it.id,
                calibrated_at=_NOW,
                snapshot=self._stored("queuebit", snapshot),
                digest=calibration.digest,
            )
            self._keep(BackendCalibrated(source="qb/executor-local", data=announced))

    def _completed(self, event: JobSubmitted) -> JobCompleted:
        asked = event.data
        payload = asked.circuit
        content = payload.inline.encode() if payload.inline is not None else self._read(asked.tenant, payload.digest)
        program = read_program(content)
        results = []
        for number, item in enumerate(program.items):
            circuit = program.circuits[item.circuit]
            source = circuit.inline.encode() if circuit.inline else self._read(asked.tenant, circuit.digest)
            head = {
                **item.model_dump(mode="json"),
                "outputs": [*program.outputs],
                "shots": item.shots or asked.shots,
                "seed": item_seed(asked.seed or 0, number),
                "token": f"{asked.job}-{number}",
                "budget_us": 10**15,
            }
            answer, result = answered(partial(run_item, self._backend, head, source))
            results.append(result or json.dumps({"state": "failed", "reason": _reason(answer)}).encode())
        completion = Completion(
            tenant=asked.tenant, job=asked.job, backend=self._backend.describe().id, attempt=1, shots=asked.shots,
            result=self._stored(asked.tenant, results_of(results), RESULTS), usage=Usage(shots=asked.shots),
            calibration=self._backend.describe().calibration_digest, compilation=_COMPILATION,
            submitted_at=_NOW, accepted_at=_NOW, placed_at=_NOW, started_at=_NOW,
        )  # fmt: skip
        return JobCompleted(source="qb/executor-local", data=completion)

    def _rejected(self, event: JobSubmitted) -> JobRejected:
        asked = event.data
        data = Rejection(
            tenant=asked.tenant, job=asked.job, project=asked.project, reasons=self._refuse, submitted_at=_NOW
        )
        return JobRejected(source="qb/broker", data=data)

    def _keep(self, event: AnyEvent) -> None:
        subject, sequence = subject_of(event), len(self._log) + 1
        self._log[subject] = (sequence, event.to_bytes())
        if parse(subject).noun == "job":
            message = Message(stored(subject), event.to_bytes(), {"Nats-Sequence": str(sequence)})
            for subjects, on_message in self._readers:
                if any(covers(it, message.subject) for it in subjects):
                    on_message(message)

    def _stored(self, owner: str, content: bytes, media_type: str = "application/json") -> Any:
        name = f"$KV.PAYLOADS.{owner}.{digest(content).removeprefix('sha256:')}"
        for number in range(-(-len(content) // CHUNK)):
            self._chunks[f"{name}.{number}"] = content[number * CHUNK : (number + 1) * CHUNK]
        return describe(content, media_type)

    def _read(self, owner: str, digest_: str) -> bytes:
        name = f"$KV.PAYLOADS.{owner}.{digest_.removeprefix('sha256:')}"
        found: list[bytes] = []
        while (chunk := self._chunks.get(f"{name}.{len(found)}")) is not None:
            found.append(chunk)
        return b"".join(found)


def _reason(answer: Mapping[str, Any]) -> dict[str, Any]:
    error = answer["error"]
    return {"code": error["code"], "text": error["message"]}
