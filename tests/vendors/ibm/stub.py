"""IBM Quantum on loopback: IAM, Global Search, Global Catalog and the REST interface of the service."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from qiskit.primitives import PrimitiveResult, SamplerPubResult
from qiskit.primitives.containers import BitArray, DataBin
from qiskit_ibm_runtime import RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from queuebit_testing.stub_vendor import Request, Response, Status, StubVendor, simulated

__all__ = ["CRN", "DEVICE", "IbmStub", "point_at", "shape"]

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/0123456789abcdef:11111111-2222-3333-4444-555555555555::"
DEVICE = "ibm_test"
_API = "/api/v1"
_STATES = {"running": "Running", "done": "Completed", "failed": "Failed", "cancelled": "Cancelled"}
_KEY = "a key of the stub that signs its tokens with HS256"


@cache
def _text(name: str) -> str:
    return (Path(__file__).parent / "shapes" / f"{name}.json").read_text()


def shape(name: str, **changes: Any) -> dict[str, Any]:  # plain JSON
    """A recorded shape with other values in some fields."""
    return {**json.loads(_text(name)), **changes}


def point_at(stub: IbmStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK derive the addresses of IBM's services, and reach them through the stub as a proxy."""
    monkeypatch.setenv("QISKIT_IBM_TOKEN", stub.secret)
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", CRN)
    monkeypatch.setenv("QISKIT_IBM_URL", "http://cloud.ibm.test")
    monkeypatch.setenv("IAM_URL", "http://iam.cloud.ibm.test")
    monkeypatch.setenv("HTTP_PROXY", stub.url)
    monkeypatch.setenv("http_proxy", stub.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USAGE_DATA_OPT_OUT", "True")


@dataclass
class _Job:
    id: str
    tags: list[str]
    pubs: list[Any]
    broken: frozenset[int]
    polls_left: int
    state: str = "running"
    reason: dict[str, Any] = field(default_factory=dict)
    results: str = ""


class IbmStub(StubVendor):
    """One instance with one device of five qubits."""

    submits = f"POST {_API}/jobs"
    partial = False
    secret = "an-api-key-of-ibm-cloud-0123456789"

    def __init__(self) -> None:
        super().__init__()
        snapshot = FakeManilaV2()
        self.configuration = snapshot._load_json(snapshot.conf_filename) | {"backend_name": DEVICE}
        self.properties = snapshot._load_json(snapshot.props_filename) | {"backend_name": DEVICE}
        self.usage_limit_reached = False
        self.charge: float = 3
        self.lists_after = 0
        """How many searches do not show a new job yet."""
        self.silent = False
        """Whether the usage of a cancelled job stays `pending`, and it has no time at which it ran."""
        self.withheld: frozenset[int] = frozenset()
        """Numbers of the items that a completed job has no data for."""

    def unauthorised(self, text: str) -> Status:
        return _status(401, text, 1220)

    def refused(self, text: str) -> Status:
        return _status(400, text, 1002)

    def answer(self, request: Request) -> Response:
        host = request.headers["host"]
        match host.partition(".cloud.ibm.test")[0]:
            case "iam":
                return self._token(request)
            case "api.global-search-tagging":
                found = shape("search")["items"][0] | {"crn": CRN}
                return Response.of(shape("search", items=[found]))
            case "globalcatalog":
                return Response.of(shape("catalog"))
            case "quantum":
                return self._service(request)
        return Response.of(shape("errors"), 404)

    def _token(self, request: Request) -> Response:
        sent = parse_qs(request.body.decode())
        if sent.get("apikey") != [self.secret]:
            return Response.of(shape("token_refused"), 400)
        now = int(time.time())
        token = jwt.encode({"iat": now, "exp": now + 3600}, _KEY, algorithm="HS256")
        return Response.of(shape("token", access_token=token, expiration=now + 3600))

    def _service(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return _response(self.unauthorised("Authentication is required"))
        if request.headers.get("service-crn") != CRN:
            return _response(_status(403, "You have no access to this instance", 1211))
        match [request.method, *request.path.removeprefix(_API).strip("/").split("/")]:
            case ["GET", "backends"]:
                return Response.of(shape("backends"))
            case ["GET", "backends", name, part] if name == DEVICE:
                found = {
                    "configuration": self.configuration,
                    "properties": self.properties,
                    "status": shape("status", length_queue=self.queue),
                }
                return Response.of(found[part])
            case ["GET", "instances", "usage"]:
                return Response.of(shape("instance_usage", usage_limit_reached=self.usage_limit_reached))
            case ["POST", "jobs"]:
                return self._create(request)
            case ["GET", "jobs"]:
                return self._list(request)
            case [method, "jobs", id_, *rest] if id_ in self.jobs:
                return self._about(method, self.jobs[id_], "/".join(rest))
        return _response(_status(404, "Not found", 1291))

    def _create(self, request: Request) -> Response:
        sent = json.loads(request.body, cls=RuntimeDecoder)
        job = _Job(
            f"d{len(self.jobs):019}",
            sent.get("tags", []),
            sent["params"]["pubs"],
            self.broken,
            self.polls_needed,
        )
        self.jobs[job.id] = job
        return Response.of(shape("job_created", id=job.id, backend=sent["backend"]))

    def _list(self, request: Request) -> Response:
        wanted = set(request.query.get("tags", []))
        found = [self._shown(it) for it in self.jobs.values() if wanted <= set(it.tags)]
        if found and self.lists_after:
            self.lists_after -= 1
            found = []
        return Response.of(shape("jobs", jobs=found, count=len(found)))

    def _about(self, method: str, job: _Job, part: str) -> Response:
        match method, part:
            case "GET", "":
                self._go_on(job)
                return Response.of(self._shown(job))
            case "GET", "results":
                return Response(200, job.results.encode(), {"Content-Type": "application/json"})
            case "GET", "metrics":
                return Response.of(self._metrics(job))
            case "POST", "cancel":
                if job.state != "running":
                    return _response(_status(409, "Job is not in a state that can be cancelled", 1293))
                job.state = "cancelled"
                return Response(204)
        return _response(_status(404, "Not found", 1291))

    def _go_on(self, job: _Job) -> None:
        if job.state != "running":
            return
        if job.polls_left > 0:
            job.polls_left -= 1
            return
        if job.broken:
            job.state = "failed"
            job.reason = {"reason": "Error during the execution of a circuit", "reason_code": 9999}
            job.results = "Traceback: out of order"
            return
        job.state = "done"
        found = [_sampled(pub, number in self.withheld) for number, pub in enumerate(job.pubs)]
        job.results = json.dumps(PrimitiveResult(found, metadata={"version": 2}), cls=RuntimeEncoder)

    def _shown(self, job: _Job) -> dict[str, Any]:  # plain JSON
        state = {"status": _STATES[job.state], **job.reason}
        return shape("job", id=job.id, tags=job.tags, state=state, status=state["status"], backend=DEVICE)

    def _metrics(self, job: _Job) -> dict[str, Any]:  # plain JSON
        ended = job.state != "running"
        if self.silent and job.state != "done":
            timestamps = {**shape("metrics")["timestamps"], "running": None}
            return shape("metrics", timestamps=timestamps, usage={"status": "pending"})
        used = {"qpu_charge_time_seconds": self.charge if job.state == "done" else 0}
        return shape("metrics", usage={**used, "status": "complete" if ended else "pending"})


def _sampled(pub: Any, withheld: bool) -> SamplerPubResult:
    """Simulate one pub as the SDK sent it: circuit, values of parameters, shots."""
    circuit, _, shots = pub
    if withheld:
        return SamplerPubResult(DataBin())
    counts = simulated(circuit, shots)
    found = [outcome.split(" ")[::-1] for outcome, number in counts.items() for _ in range(number)]
    fields = {
        register.name: BitArray.from_samples([bits[place] for bits in found], register.size)
        for place, register in enumerate(circuit.cregs)
    }
    return SamplerPubResult(DataBin(**fields), metadata={"circuit_metadata": {}})


def _status(code: int, text: str, number: int) -> Status:
    error = shape("errors")["errors"][0] | {"message": text, "code": number}
    body = json.dumps(shape("errors", errors=[error])).encode()
    return Status(code, {"Content-Type": "application/json"}, body)


def _response(failed: Status) -> Response:
    return Response(failed.code, failed.body, failed.headers)
