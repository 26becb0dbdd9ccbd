"""Azure Quantum's interface and a storage account, as Microsoft's SDK and its recordings have them; see `shapes`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from qiskit import QuantumCircuit, qasm2
from qiskit.quantum_info import Statevector

from queuebit_testing.stub_vendor import Request, Response, Status, StubVendor, simulated

__all__ = ["AzureStub"]

_WORKSPACE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/lab/providers/Microsoft\.Quantum/workspaces/bench/(?P<rest>.+)"
)
_JOB = re.compile(r"jobs/(?P<id>[0-9a-f-]{36})(?P<cancel>:cancel)?")
_ITEM = re.compile(r".* item (\d+)/\d+")
_ACCOUNT = "/account/"
_SIGNATURE = "sv=2024-05-04&se=2050-01-01T00%3A00%3A00Z&sp=rwlac&sig="


@dataclass(slots=True)
class _Job:
    body: dict[str, Any]
    polls: int
    broken: bool
    cancelled: bool = False
    began: bool = field(default=False)

    @property
    def status(self) -> str:
        if self.cancelled:
            return "Cancelled"
        if self.polls > 0:
            return "Waiting" if self.polls > 2 else "Executing"
        return "Failed" if self.broken else "Succeeded"


class AzureStub(StubVendor):
    """A workspace with targets of Quantinuum and IonQ, and its storage account at the same address."""

    submits = "PUT /subscriptions/*/jobs/*"
    secret = "azure-key-0123456789"
    signature = "signature-0123456789"

    def __init__(self) -> None:
        super().__init__()
        self.blobs: dict[str, bytes] = {}
        """What is stored, by container and name."""
        self.targets = ["quantinuum.sim.h2-1e", "quantinuum.sim.h2-2e", "quantinuum.qpu.h2-1", "quantinuum.qpu.h2-2"]
        self.targets += ["ionq.simulator", "ionq.qpu.aria-1", "ionq.qpu.forte-1", "ionq.qpu.forte-enterprise-1"]

    def answer(self, request: Request) -> Response:
        if request.path.startswith(_ACCOUNT):
            return self._storage(request, request.path.removeprefix(_ACCOUNT))
        if request.headers.get("x-ms-quantum-api-key") != self.secret:
            return _error(401, "Unauthorized", "no valid key")
        place = _WORKSPACE.fullmatch(request.path)
        if place is None:
            return _error(404, "ResourceNotFound", "there is no such workspace")
        match request.method, place["rest"]:
            case "POST", "storage/sasUri":
                return Response.of({"sasUri": self._signed(request.json()["containerName"], request.json())})
            case "GET", "providerStatus":
                return Response.of({"value": [self._provider(it) for it in ("quantinuum", "ionq")], "nextLink": None})
        job = _JOB.fullmatch(place["rest"])
        if job is None:
            return _error(404, "ResourceNotFound", "there is no such resource")
        return self._jobs(request, job["id"], bool(job["cancel"]))

    def unauthorised(self, text: str) -> Status:
        return _status(401, "Unauthorized", text)

    def refused(self, text: str) -> Status:
        return _status(400, "InvalidJobDefinition", text)

    def document(self, id_: str) -> dict[str, Any]:
        """A job as `GET …/jobs/ID` has it."""
        job: _Job = self.jobs[id_]
        ended = job.status in ("Succeeded", "Failed")
        address = self._signed(f"job-{id_}/rawOutputData", {})
        return {
            **{name: value for name, value in job.body.items() if name != "itemType"},
            "id": id_,
            "sessionId": None,
            "status": job.status,
            "jobType": "QuantumComputing",
            "outputDataUri": address,
            "beginExecutionTime": "2026-01-01T00:00:10.712082+00:00" if ended else None,
            "endExecutionTime": "2026-01-01T00:00:14.240971+00:00" if ended else None,
            "cancellationTime": None,
            "quantumComputingData": {"count": 1},
            "errorData": _FAILURE if job.status == "Failed" else None,
            "isCancelling": False,
            "tags": [],
            "creationTime": "2026-01-01T00:00:00.4717216+00:00",
            "costEstimate": None,
            "itemType": "Job",
        }

    def _jobs(self, request: Request, id_: str, cancel: bool) -> Response:
        if request.method == "PUT" and not cancel:
            return self._create(id_, request.json())
        if id_ not in self.jobs:
            return _error(404, "JobNotFound", f"there is no job {id_}")
        job: _Job = self.jobs[id_]
        if cancel:
            job.cancelled = True  # also of a job that has ended
            return Response(204)
        answer = Response.of(self.document(id_))
        job.polls -= 1
        return answer

    def _create(self, id_: str, body: dict[str, Any]) -> Response:
        if id_ in self.jobs:
            return _error(409, "JobAlreadyExists", "a job has one definition")
        if f"job-{id_}/inputData" not in self.blobs:
            return _error(400, "InvalidInputData", "the input is not stored")
        numbered = _ITEM.fullmatch(body["name"])
        assert numbered is not None
        self.jobs[id_] = _Job(body, self.polls_needed, int(numbered[1]) in self.broken)
        return Response.of(self.document(id_))

    def _provider(self, name: str) -> dict[str, Any]:
        page = {"quantinuum": "https://www.quantinuum.com/hardware/h2", "ionq": "https://status.ionq.co"}[name]
        about = {"currentAvailability": "Available", "averageQueueTime": 1, "statusPage": page}
        return {
            "id": name,
            "currentAvailability": "Available",
            "targets": [{"id": it, **about} for it in self.targets if it.startswith(name)],
        }

    def _signed(self, path: str, asked: dict[str, Any]) -> str:
        blob = f"/{asked['blobName']}" if asked.get("blobName") else ""
        return f"{self.url}{_ACCOUNT}{path}{blob}?{_SIGNATURE}{self.signature}"

    def _storage(self, request: Request, name: str) -> Response:
        """Put Blob and Get Blob."""
        if request.query.get("sig") != [self.signature]:
            return _blob_error(403, "AuthenticationFailed")
        if request.method == "PUT":
            if name in self.blobs and request.headers.get("if-none-match") == "*":
                return _blob_error(409, "BlobAlreadyExists")
            self.blobs[name] = request.body
            return Response(201, headers=_TAGS)
        container, _, blob = name.partition("/")
        id_ = container.removeprefix("job-")
        if blob != "rawOutputData" or id_ not in self.jobs or self.jobs[id_].status != "Succeeded":
            return _blob_error(404, "BlobNotFound")
        body = json.dumps(self._result(id_)).encode()
        return Response(206, body, {**_TAGS, "Content-Range": f"bytes 0-{len(body) - 1}/{len(body)}"})

    def _result(self, id_: str) -> dict[str, Any]:
        """Of Quantinuum, the outcome of each shot by register; the last bit comes first. Of IonQ, a histogram."""
        source, body = self.blobs[f"job-{id_}/inputData"].decode(), self.jobs[id_].body
        shots = body["inputParams"]["shots"]
        if body["inputDataFormat"] == "ionq.circuit.v1":
            return {"histogram": _shares(json.loads(source), shots, exact=body["target"] == "ionq.simulator")}
        program = qasm2.loads(source)
        found = simulated(program, shots)
        outcomes = [text.split()[::-1] for text, count in found.items() for _ in range(count)]
        return {register.name: [it[n] for it in outcomes] for n, register in enumerate(program.cregs)}


def _shares(circuit: dict[str, Any], shots: int, *, exact: bool) -> dict[str, float]:
    """The documented meaning of IonQ's JSON: bit n of an outcome is qubit n, and every qubit is measured."""
    program = QuantumCircuit(circuit["qubits"])
    for it in circuit["circuit"]:
        name, on = _IONQ.get(it["gate"], it["gate"]), [*it.get("controls", []), *it["targets"]]
        angle = [it["rotation"]] if "rotation" in it else []
        getattr(program, "c" * len(it.get("controls", [])) + name)(*angle, *on)
    if exact:
        found = Statevector(program).probabilities()
        return {str(value): float(share) for value, share in enumerate(found) if share > 1e-12}
    program.measure_all()
    return {str(int(bits, 2)): count / shots for bits, count in simulated(program, shots).items()}


_IONQ = {"si": "sdg", "ti": "tdg", "v": "sx", "vi": "sxdg"}
_FAILURE = {"code": "quantinuum - 1001", "message": "Job Processing Error"}
_TAGS = {"ETag": '"0x1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "x-ms-version": "2024-05-04"}


def _error(code: int, name: str, text: str) -> Response:
    return Response.of({"error": {"code": name, "message": text}}, code)


def _blob_error(code: int, name: str) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{name}</Code><Message>no</Message></Error>'
    return Response(code, body.encode(), {"Content-Type": "application/xml", "x-ms-error-code": name})


def _status(code: int, name: str, text: str) -> Status:
    body = json.dumps({"error": {"code": name, "message": text}}).encode()
    return Status(code, {"Content-Type": "application/json"}, body)
