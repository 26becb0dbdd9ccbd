"""IonQ's interface, version 0.4, as docs.ionq.com describes it; `shapes` has requests and answers."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from qiskit import QuantumCircuit

from queuebit_testing.stub_vendor import Request, Response, Status, StubVendor, simulated

__all__ = ["IonQStub"]

_NAMES = {"x": "x", "not": "x", "y": "y", "z": "z", "h": "h", "s": "s", "si": "sdg", "t": "t", "ti": "tdg"} | {
    "v": "sx", "vi": "sxdg", "rx": "rx", "ry": "ry", "rz": "rz", "swap": "swap", "zz": "rzz", "cnot": "x"
}  # fmt: skip


@dataclass(slots=True)
class _Job:
    body: dict[str, Any]
    circuits: list[dict[str, Any]]
    polls: int
    broken: frozenset[int]
    children: list[str] = field(default_factory=list)
    cancelled: bool = False
    submitted_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> str:
        if self.cancelled:
            return "canceled"
        if self.polls > 0:
            return "ready" if self.polls > 2 else "started"
        return "failed" if 0 in self.broken and not self.children else "completed"


class IonQStub(StubVendor):
    """A simulator and two devices of eleven qubits. Keys of an account are accepted in the header `Authorization`."""

    submits = "POST /v0.4/jobs"
    secret = "ionq-key-0123456789"

    def __init__(self, page: int = 100) -> None:
        super().__init__()
        self.page = page
        """The most jobs that are listed at once."""
        self.parts: dict[str, tuple[str, int]] = {}
        """Job and number of the circuit of each child."""
        self.characterization = 1

    def answer(self, request: Request) -> Response:
        parts = request.path.removeprefix("/v0.4/").split("/")
        if request.method == "GET" and parts[0] == "backends":
            return self._backends(parts[1:])
        if request.headers.get("authorization") != f"apiKey {self.secret}":
            return _error(401, "Unauthorized", "no valid key")
        match request.method, parts:
            case "POST", ["jobs"]:
                return self._submit(request.json())
            case "GET", ["jobs"]:
                return self._list(request)
            case "GET", ["jobs", id_] if id_ in self.jobs:
                return self._job(id_)
            case "GET", ["jobs", id_] if id_ in self.parts:
                return Response.of(self._child(id_))
            case "GET", ["jobs", id_, "results", "probabilities"] if id_ in self.jobs or id_ in self.parts:
                parent, number = self.parts.get(id_, (id_, 0))
                return Response.of(_probabilities(self.jobs[parent], number))
            case "PUT", ["jobs", id_, "status", "cancel"] if id_ in self.jobs:
                self.jobs[id_].cancelled = True  # also of a job that has ended
                return Response.of({"id": id_, "status": "canceled"})
            case _:
                return _error(404, "Not Found", "there is no such resource")

    def unauthorised(self, text: str) -> Status:
        return _status(401, "Unauthorized", text)

    def refused(self, text: str) -> Status:
        return _status(400, "Bad Request", text)

    def _backends(self, parts: list[str]) -> Response:
        name = parts[0]
        about = {"backend": name, "status": "available", "qubits": 11, "average_queue_time": self.queue}
        about |= {"last_updated": "2026-01-01T00:00:00Z", "degraded": False}
        if len(parts) == 1:
            return Response.of(about)
        pairs = [[a, b] for a in range(11) for b in range(a)]
        fidelity = {"spam": {"median": 0.99}, "1q": {"median": 0.9998}, "2q": {"median": 0.996}}
        figures: dict[str, Any] = {
            "id": str(uuid.UUID(int=self.characterization)),
            "date": "2026-01-01T00:00:00Z",
            "backend": name,
        }
        timing = {"1q": 0.00013, "2q": 0.00095, "readout": 0.00025, "reset": 0.00005, "t1": 100, "t2": 1}
        figures |= {"qubits": 11, "connectivity": pairs, "fidelity": fidelity, "timing": timing}
        return Response.of({"characterizations": [figures]})

    def _submit(self, body: dict[str, Any]) -> Response:
        many = body["type"] == "ionq.multi-circuit.v1"
        circuits = body["input"]["circuits"] if many else [body["input"]]
        job = _Job(body, circuits, self.polls_needed, self.broken)
        id_ = str(uuid.UUID(int=len(self.jobs) + 1))
        self.jobs[id_] = job
        for number in range(len(circuits) if many else 0):
            child = str(uuid.UUID(int=(len(self.jobs) << 16) + number))
            self.parts[child] = (id_, number)
            job.children.append(child)
        return Response.of({"id": id_, "status": "submitted", "session_id": None}, 201)

    def _list(self, request: Request) -> Response:
        """Newest first; children are listed as well."""
        ids = [it for id_, job in self.jobs.items() for it in (id_, *job.children)][::-1]
        (begin,) = request.query.get("next", ["0"])
        limit = min(self.page, int(request.query["limit"][0]))
        shown = ids[int(begin) : int(begin) + limit]
        following = int(begin) + limit
        listed = [self._child(it) if it in self.parts else self._document(it) for it in shown]
        return Response.of({"jobs": listed, "next": str(following) if following < len(ids) else None})

    def _job(self, id_: str) -> Response:
        answer = Response.of(self._document(id_))
        self.jobs[id_].polls -= 1
        return answer

    def _document(self, id_: str) -> dict[str, Any]:
        job: _Job = self.jobs[id_]
        ended = job.status == "completed"
        return {
            "id": id_,
            "status": job.status,
            "type": job.body["type"],
            "backend": job.body["backend"],
            "dry_run": False,
            "parent_job_id": None,
            "child_job_ids": job.children or None,
            "metadata": job.body["metadata"],
            "name": job.body["name"],
            "shots": job.body["shots"],
            "submitted_at": job.submitted_at.isoformat(timespec="milliseconds"),
            "execution_duration_ms": 12 if ended else None,
            "failure": _FAILURE if job.status == "failed" else None,
            "stats": {"qubits": job.body["input"]["qubits"], "circuits": len(job.circuits)},
            "results": {"probabilities": {"url": f"/v0.4/jobs/{id_}/results/probabilities"}} if ended else None,
        }

    def _child(self, id_: str) -> dict[str, Any]:
        parent, number = self.parts[id_]
        job: _Job = self.jobs[parent]
        document = self._document(parent)
        status = "failed" if job.status == "completed" and number in job.broken else job.status
        return document | {
            "id": id_,
            "type": "ionq.circuit.v1",
            "parent_job_id": parent,
            "child_job_ids": None,
            "status": status,
            "failure": _FAILURE if status == "failed" else None,
            "results": {"probabilities": {"url": f"/v0.4/jobs/{id_}/results/probabilities"}},
        }


_FAILURE = {"error": "the ions left the trap", "code": "QuantumComputerError"}


def _probabilities(job: _Job, number: int) -> dict[str, float]:
    """By outcome, a decimal integer whose bit n is qubit n."""
    shots = int(job.body["shots"])
    program = _program(job.circuits[number], job.body["input"]["qubits"])
    return {str(int(bits, 2)): count / shots for bits, count in simulated(program, shots).items()}


def _program(circuit: dict[str, Any], qubits: int) -> QuantumCircuit:
    program = QuantumCircuit(max(1, qubits))
    for step in circuit["circuit"]:
        name = _NAMES[step["gate"]]
        targets = step.get("targets", [step.get("target")])
        controls = step.get("controls", [step["control"]] if "control" in step else [])
        angles = [step["rotation"]] if "rotation" in step else []
        if controls:
            assert name == "x"
            program.cx(controls[0], targets[0])
        else:
            getattr(program, name)(*angles, *targets)
    program.measure_all()
    return program


def _error(code: int, name: str, text: str) -> Response:
    return Response.of({"error": name, "message": text, "statusCode": code}, code)


def _status(code: int, name: str, text: str) -> Status:
    body = json.dumps({"error": name, "message": text, "statusCode": code}).encode()
    return Status(code, {"Content-Type": "application/json"}, body)
