"""The interface of IQM Server, version 1, as its SDK `iqm-client` 36 uses it; `shapes` has requests and answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

from queuebit_testing.stub_vendor import Request, Response, Status, StubVendor, simulated

__all__ = ["PAIRS", "IqmStub", "StarStub"]

QUBITS = [f"QB{number}" for number in range(1, 21)]
PAIRS = [
    (1, 2), (1, 4), (2, 5), (3, 4), (8, 3), (4, 5), (9, 4), (5, 6), (10, 5), (6, 7), (11, 6), (12, 7), (8, 9), (8, 13),
    (9, 10), (9, 14), (10, 11), (10, 15), (11, 12), (16, 11), (17, 12), (13, 14), (14, 15), (18, 14), (16, 15),
    (19, 15), (16, 17), (16, 20), (18, 19), (19, 20),
]  # fmt: skip
"""The couplers of IQM Garnet."""
COUPLERS = [(f"QB{a}", f"QB{b}") for a, b in PAIRS]
_BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
_EXECUTED_S = 0.125


@dataclass(slots=True)
class _Job:
    body: dict[str, Any]
    polls: int
    broken: bool
    cancelled: bool = False

    @property
    def status(self) -> str:
        if self.cancelled:
            return "cancelled"
        if self.polls > 0:
            return "waiting" if self.polls > 2 else "processing"
        return "failed" if self.broken else "completed"


class IqmStub(StubVendor):
    """A computer with the qubits of IQM Garnet. Tokens of an account are accepted in the header `Authorization`."""

    alias = "garnet"
    qubits: Sequence[str] = QUBITS
    resonators: Sequence[str] = ()
    couplers: Sequence[tuple[str, str]] = COUPLERS
    moves: Sequence[tuple[str, str]] = ()
    submits = "POST /api/v1/jobs/garnet/circuit"
    secret = "iqm-token-0123456789"
    partial = False

    def __init__(self) -> None:
        super().__init__()
        self.calibration = 1
        self.without = frozenset[str]()
        """Qubits that the present calibration has no gates for."""
        self.error = ("circuit_execution_error", "the cryostat is warm")
        """Code and message of a job that fails."""
        self.has_metrics = True

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.secret}":
            return _error(401, None, "no valid token")
        match request.method, request.path.removeprefix("/api/v1/").split("/"):
            case "GET", ["quantum-computers"]:
                named = {"id": str(uuid.UUID(int=7)), "alias": self.alias, "display_name": f"IQM {self.alias}"}
                return Response.of({"quantum_computers": [named]})
            case "GET", ["quantum-computers", self.alias, "artifacts", "static-quantum-architectures"]:
                return Response.of([self.static()])
            case "GET", ["calibration-sets", self.alias, _]:
                return Response.of(self._observations("calibration-set", self._pulses()))
            case "GET", ["calibration-sets", self.alias, _, "dynamic-quantum-architecture"]:
                return Response.of(self.dynamic())
            case "GET", ["calibration-sets", self.alias, _, "metrics"] if self.has_metrics:
                return Response.of(self._observations("quality-metric-set", self._metrics()))
            case "POST", ["jobs", self.alias, "circuit"]:
                return self._submit(request.json())
            case "GET", ["jobs", id_] if id_ in self.jobs:
                answer = Response.of(self.job(id_))
                self.jobs[id_].polls -= 1
                return answer
            case "GET", ["jobs", id_, "payload"] if id_ in self.jobs:
                return Response.of(self.jobs[id_].body)
            case "GET", ["jobs", id_, "artifacts", "measurement_counts"] if id_ in self.jobs:
                return Response.of(self.counts(id_))
            case "GET", ["jobs", id_, "artifacts", "measurements"] if id_ in self.jobs:
                return Response.of([_shots(it) for it in self.counts(id_)])
            case "POST", ["jobs", id_, "cancel"] if id_ in self.jobs:
                self.jobs[id_].cancelled = True
                return Response.of(self.job(id_))
            case _:
                return _error(404, "not_found_error", "there is no such resource")

    def unauthorised(self, text: str) -> Status:
        return _status(401, text)

    def refused(self, text: str) -> Status:
        return _status(422, text)

    def static(self) -> dict[str, Any]:
        named = {"qubits": [*self.qubits], "computational_resonators": [*self.resonators]}
        return {"dut_label": "M138", **named, "connectivity": [*map(list, self.couplers)]}

    def dynamic(self) -> dict[str, Any]:
        qubits = [it for it in self.qubits if it not in self.without]
        singles = [[it] for it in qubits]
        pairs, moves = ([[*it] for it in both if not {*it} & self.without] for both in (self.couplers, self.moves))
        loci = {"prx": ("drag_crf", singles), "cz": ("tgss", pairs), "measure": ("constant", singles)}
        loci |= {"move": ("tgss_crf", moves)} if moves else {}
        gates = {
            name: {
                "implementations": {kind: {"loci": it}},
                "default_implementation": kind,
                "override_default_implementation": {},
            }
            for name, (kind, it) in loci.items()
        }
        named = {"qubits": qubits, "computational_resonators": [*self.resonators]}
        return {"calibration_set_id": str(uuid.UUID(int=self.calibration)), **named, "gates": gates}

    def job(self, id_: str) -> dict[str, Any]:
        job: _Job = self.jobs[id_]
        code, message = self.error
        failed = [{"message": message, "error_code": code, "source": "iqm-station-control"}]
        ended = job.status == "completed"
        return {
            "id": id_,
            "type": "circuit",
            "status": job.status,
            "execution": None,
            "compilation": {"calibration_set_id": str(uuid.UUID(int=self.calibration))},
            "messages": [],
            "errors": failed if job.status == "failed" else [],
            "queue_position": 1 if job.status == "waiting" else None,
            "timeline": _timeline() if ended else _timeline()[:2],
            "artifacts": [{"type": "measurements"}, {"type": "measurement_counts"}] if ended else [],
        }

    def counts(self, id_: str) -> list[dict[str, Any]]:
        body = self.jobs[id_].body
        return [_counts(it, body["shots"]) for it in body["circuits"]]

    def _submit(self, body: dict[str, Any]) -> Response:
        gates = self.dynamic()["gates"]
        for circuit in body["circuits"]:
            for it in circuit["instructions"]:
                known = gates.get(it["name"])
                loci = next(iter(known["implementations"].values()))["loci"] if known else [it["locus"]]
                if it["locus"] not in loci and it["locus"][::-1] not in loci:  # cz is symmetric
                    return _error(422, "circuit_validation_error", f"{it['name']} is not calibrated on {it['locus']}")
        id_ = str(uuid.UUID(int=len(self.jobs) + 100))
        self.jobs[id_] = _Job(body, self.polls_needed, bool(self.broken & {*range(len(body["circuits"]))}))
        return Response.of(self.job(id_), 201)

    def _observations(self, kind: str, values: dict[str, tuple[float, str]]) -> dict[str, Any]:
        at = (_BEGUN + timedelta(hours=self.calibration)).isoformat()
        times = {"created_timestamp": at, "modified_timestamp": at}
        observations = [
            {
                "observation_id": n,
                "dut_field": name,
                "value": value,
                "unit": unit,
                "uncertainty": None,
                "invalid": False,
            }
            | times
            for n, (name, (value, unit)) in enumerate(values.items())
        ]
        return {
            "observation_set_type": kind,
            "observation_set_id": str(uuid.UUID(int=self.calibration)),
            "describes_id": None,
            "invalid": False,
            "dut_label": "M138",
            "created_timestamp": at,
            "end_timestamp": at,
            "observations": observations,
        }

    def _pulses(self) -> dict[str, tuple[float, str]]:
        found: dict[str, tuple[float, str]] = {}
        for it in self.qubits:
            found[f"gates.prx.drag_crf.{it}.duration"] = (4e-8, "s")
            found[f"gates.measure.constant.{it}.duration"] = (1e-6, "s")
        for a, b in self.couplers:
            found[f"gates.cz.tgss.{a}__{b}.duration"] = (1e-7, "s")
        for a, b in self.moves:
            found[f"gates.move.tgss_crf.{a}__{b}.duration"] = (8e-8, "s")
        return found

    def _metrics(self) -> dict[str, tuple[float, str]]:
        found: dict[str, tuple[float, str]] = {}
        for it in self.qubits:
            found[f"characterization.model.{it}.t1_time"] = (4e-5, "s")
            found[f"characterization.model.{it}.t2_time"] = (1e-5, "s")
            found[f"metrics.rb.prx.drag_crf.{it}.fidelity:par=d1"] = (0.999, "")
            found[f"metrics.ssro.measure.constant.{it}.fidelity"] = (0.98, "")
        for a, b in self.couplers:
            found[f"metrics.irb.cz.tgss.{a}__{b}.fidelity:par=d2"] = (0.995, "")
        for a, b in self.moves:
            found[f"metrics.irb.move.tgss_crf.{a}__{b}.fidelity:par=d2"] = (0.998, "")
        return found


class StarStub(IqmStub):
    """A computer with the qubits and the resonator of IQM Deneb (`iqm.qiskit_iqm.fake_backends.fake_deneb`)."""

    alias = "deneb"
    qubits = QUBITS[:6]
    resonators = ("CR1",)
    couplers = moves = tuple((it, "CR1") for it in QUBITS[:6])
    submits = "POST /api/v1/jobs/deneb/circuit"


def _timeline() -> list[dict[str, str]]:
    """The names of states are those of `JobExecutorStatus` in the SDK."""
    after = {"created": 0.0, "received": 1.0, "execution_started": 5.0, "execution_ended": 5.0 + _EXECUTED_S}
    return [
        {"source": "iqm-station-control", "status": it, "timestamp": (_BEGUN + timedelta(seconds=at)).isoformat()}
        for it, at in (after | {"completed": 6.0}).items()
    ]


def _counts(circuit: dict[str, Any], shots: int) -> dict[str, Any]:
    """In the order of the measurements, as the SDK documents `CircuitMeasurementCounts`."""
    keys = [it["args"]["key"] for it in circuit["instructions"] if it["name"] == "measure"]
    found = simulated(_program(circuit, keys), shots)
    return {"measurement_keys": keys, "counts": {bits[::-1]: count for bits, count in found.items()}}


def _shots(counted: dict[str, Any]) -> dict[str, list[list[int]]]:
    every = [bits for bits, count in counted["counts"].items() for _ in range(count)]
    return {key: [[int(bits[place])] for bits in every] for place, key in enumerate(counted["measurement_keys"])}


def _program(circuit: dict[str, Any], keys: list[str]) -> QuantumCircuit:
    """The documented meaning of IQM's operations: `iqm.iqm_client.models` of the SDK."""
    names = sorted({name for it in circuit["instructions"] for name in it["locus"]})
    place = {name: number for number, name in enumerate(names)}
    program = QuantumCircuit(QuantumRegister(len(names), "q"), ClassicalRegister(len(keys), "c"))
    for it in circuit["instructions"]:
        on, args = [place[name] for name in it["locus"]], it["args"]
        match it["name"]:
            case "prx":  # RZ(phase) RX(angle) RZ(-phase); the rightmost acts first
                program.rz(-args["phase"], on)
                program.rx(args["angle"], on)
                program.rz(args["phase"], on)
            case "cz":
                program.cz(*on)
            case "move":  # of a qubit into an empty resonator, or back
                program.swap(*on)
            case "measure":
                program.measure(on[0], keys.index(args["key"]))
            case "barrier" | "delay":
                program.barrier(on)
            case other:
                raise NotImplementedError(other)
    return program


def _error(code: int, error_code: str | None, text: str) -> Response:
    return Response.of({"message": text, "error_code": error_code, "source": "iqm-server"}, code)


def _status(code: int, text: str) -> Status:
    body = json.dumps({"message": text, "error_code": None, "source": "iqm-server"}).encode()
    return Status(code, {"Content-Type": "application/json"}, body)
