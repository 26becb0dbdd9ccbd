"""Acme, the vendor of the example plugin: its HTTP interface on loopback, and the plugin itself."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qiskit import qasm2

from queuebit_testing.stub_vendor import Request, Response, StubVendor, simulated

__all__ = ["AcmeVendor", "plugin"]

_EXAMPLE = Path(__file__).parents[3] / "examples" / "vendor" / "queuebit_acme.py"
_READOUT_ERRORS = [0.01, 0.02, 0.01, 0.03, 0.01]


def plugin() -> Any:  # the module of the example
    """The example plugin, imported once more."""
    spec = importlib.util.spec_from_file_location("queuebit_acme", _EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(slots=True)
class _Job:
    token: str
    circuits: list[dict[str, Any]]
    polls: int
    broken: frozenset[int]
    cancelled: bool = False
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> str:
        return "cancelled" if self.cancelled else "done" if self.polls <= 0 else "running"

    def document(self, id_: str) -> dict[str, Any]:
        state = self.state
        if state == "done" and not self.results:
            self.results = [self._result(*it) for it in enumerate(self.circuits)]
        results = [{} for _ in self.circuits] if state == "cancelled" else self.results
        return {"id": id_, "status": state, "results": results, "qpu_us": 0 if state == "running" else 1_500}

    def _result(self, number: int, circuit: dict[str, Any]) -> dict[str, Any]:
        if number in self.broken:
            return {"error": "the laser was not locked"}
        program = qasm2.loads(circuit["qasm"], custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
        return {"counts": simulated(program, circuit["shots"])}


class AcmeVendor(StubVendor):
    """Five qubits. A token starts a run each time that it is sent, or only once."""

    submits = "POST /v1/jobs"
    secret = "acme-key-0123456789"

    def __init__(self, *, knows_tokens: bool) -> None:
        super().__init__()
        self._knows_tokens = knows_tokens

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return Response.of({"message": "who are you?"}, 401)
        match request.method, request.path.removeprefix("/v1/").split("/"):
            case "GET", ["device"]:
                return Response.of({"calibrated_at": "2026-01-01T00:00:00.000000Z", "readout_errors": _READOUT_ERRORS})
            case "POST", ["jobs"]:
                return self._submit(request.json())
            case "GET", ["jobs"]:
                (token,) = request.query["token"]
                return Response.of({"jobs": [{"id": id_} for id_ in self._of(token)]})
            case "GET", ["jobs", id_] if id_ in self.jobs:
                job: _Job = self.jobs[id_]
                answer = Response.of(job.document(id_))
                job.polls -= 1
                return answer
            case "DELETE", ["jobs", id_] if id_ in self.jobs:
                self.jobs[id_].cancelled = self.jobs[id_].state != "done"
                return Response.of({})
            case _:
                return Response.of({"message": f"there is no {request.path}"}, 404)

    def _submit(self, document: dict[str, Any]) -> Response:
        known = self._of(document["token"]) if self._knows_tokens else []
        id_ = known[0] if known else f"job-{len(self.jobs) + 1}"
        if not known:
            self.jobs[id_] = _Job(document["token"], document["circuits"], self.polls_needed, self.broken)
        return Response.of({"id": id_}, 201)

    def _of(self, token: str) -> list[str]:
        return [id_ for id_, job in self.jobs.items() if job.token == token]
