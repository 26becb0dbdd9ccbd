"""The interface of Amazon Braket, and that of S3 as far as results need it, as Amazon documents them.

Operations, names and statuses are those of Amazon's own description of the service, `service-2.json` of botocore (API
version 2019-09-01). Circuits are run by the simulator of Amazon's SDK. The shapes beside this file are its answers.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from braket.devices import LocalSimulator
from braket.ir.openqasm import Program

from queuebit_testing.stub_vendor import Request, Response, Status, StubVendor

__all__ = ["BUCKET", "BraketStub", "Task", "shape"]

BUCKET = "amazon-braket-acme"
_ACCOUNT = "123456789012"
_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_PAGE = 2
"""Tasks on one page of a search, fewer than are asked for, as the service may do."""
_SHAPES = Path(__file__).with_name("shapes")


def shape(name: str) -> dict[str, Any]:
    """A recorded document: plain JSON."""
    found: dict[str, Any] = json.loads((_SHAPES / f"{name}.json").read_text(encoding="utf-8"))
    return found


@dataclass(slots=True)
class Task:
    """One quantum task that the service would run and charge."""

    arn: str
    request: Mapping[str, Any]
    polls: int
    broken: frozenset[int]
    status: str = "QUEUED"

    @property
    def folder(self) -> str:
        """The folder of its results in the bucket."""
        return f"{self.request['outputS3KeyPrefix']}/{self.arn.rpartition('/')[2]}"


class BraketStub(StubVendor):
    """The service with one device, which `device` names: a file in `shapes`."""

    submits: ClassVar[str] = "POST /quantum-task"
    no_access: ClassVar[str] = "The security token included in the request is invalid."

    def __init__(self, device: str) -> None:
        super().__init__()
        self.key, self.secret = "AKIAQUEUEBITTEST0001", "wJalrXUtnFEMI0K7MDENG0bPxRfiCYEXAMPLEKEY"
        self.device = shape(device)
        self.objects: dict[str, bytes] = {}
        self.reservation: str | None = None
        """Of all tasks."""
        self._by_token: dict[str, str] = {}
        self._created = 0
        self._in_bucket = False

    def respond(self, request: Request) -> Response | None:
        self._in_bucket = request.path.startswith(f"/{BUCKET}/")
        return super().respond(request)

    def unauthorised(self, text: str) -> Status:
        if self._in_bucket:
            return Status(403, {"Content-Type": "application/xml"}, _xml("InvalidAccessKeyId", text))
        return _error(403, "UnrecognizedClientException", text)

    def refused(self, text: str) -> Status:
        return _error(400, "ValidationException", text)

    def answer(self, request: Request) -> Response:
        if f"Credential={self.key}/" not in request.headers.get("authorization", ""):
            return _response(self.unauthorised(self.no_access))
        if self._in_bucket:
            return self._object(request)
        match request.method, request.path.strip("/").split("/", 1):
            case "POST", ["quantum-task"]:
                return self._create(request.json())
            case "POST", ["quantum-tasks"]:
                return self._search(request.json())
            case "GET", ["quantum-task", arn]:
                return self._get(arn)
            case "PUT", ["quantum-task", rest]:
                return self._cancel(rest.removesuffix("/cancel"))
            case "GET", ["device", arn] if arn == self.device["deviceArn"]:
                capabilities = json.dumps(self.device["deviceCapabilities"])
                return Response.of({**self.device, "deviceCapabilities": capabilities, **self._queues()})
        return _response(_error(404, "ResourceNotFoundException", f"there is no {request.path}"))

    def _queues(self) -> dict[str, Any]:
        """Amazon states the sizes of queues as texts, and those above 4,000 as `>4000`; of simulators none."""
        if self.device["deviceType"] == "SIMULATOR":
            return {}
        size = ">4000" if self.queue > 4_000 else str(self.queue)
        tasks = [{"queue": "QUANTUM_TASKS_QUEUE", "queuePriority": it} for it in ("Normal", "Priority")]
        queues = [{**tasks[0], "queueSize": size}, {**tasks[1], "queueSize": "3"}]
        return {"deviceQueueInfo": [*queues, {"queue": "JOBS_QUEUE", "queueSize": "7"}]}

    def _object(self, request: Request) -> Response:
        key = request.path.removeprefix(f"/{BUCKET}/")
        if request.method == "PUT":
            assert "aws-chunked" not in request.headers.get("content-encoding", "")
            self.objects[key] = request.body
            return Response(headers={"ETag": '"0"'})
        if (found := self.objects.get(key)) is None:
            text = _xml("NoSuchKey", "The specified key does not exist.")
            return Response(404, text, {"Content-Type": "application/xml"})
        return Response(body=found, headers={"ETag": '"0"', "Content-Type": "application/json"})

    def _create(self, request: Mapping[str, Any]) -> Response:
        token = request["clientToken"]
        assert len(token) <= 64
        assert request["outputS3Bucket"] == BUCKET
        if token not in self._by_token:
            self._created += 1
            region = self.device["deviceArn"].split(":")[3] or "us-east-1"
            arn = f"arn:aws:braket:{region}:{_ACCOUNT}:quantum-task/00000000-0000-4000-8000-{self._created:012d}"
            self.jobs[arn] = Task(arn, request, self.polls_needed, self._broken_in(request))
            self._by_token[token] = arn
        return Response.of({"quantumTaskArn": self._by_token[token]}, 201)

    def _broken_in(self, request: Mapping[str, Any]) -> frozenset[int]:
        """The numbers of the circuits that fail, among those of this task."""
        part = int(request["tags"]["queuebit-part"])
        alone = int(request["tags"]["queuebit-parts"]) > 1
        return frozenset(it - part for it in self.broken if it == part) if alone else self.broken

    def _search(self, request: Mapping[str, Any]) -> Response:
        filters = {it["name"]: it for it in request["filters"]}
        assert filters.keys() == {"deviceArn", "createdAt"}
        assert (filters["deviceArn"]["operator"], filters["createdAt"]["operator"]) == ("EQUAL", "GTE")
        tasks = [it for it in self.jobs.values() if it.request["deviceArn"] in filters["deviceArn"]["values"]]
        start = int(request.get("nextToken") or 0)
        page: dict[str, Any] = {"quantumTasks": [_summary(it) for it in tasks[start : start + _PAGE]]}
        if start + _PAGE < len(tasks):
            page["nextToken"] = str(start + _PAGE)
        return Response.of(page)

    def _get(self, arn: str) -> Response:
        if (task := self.jobs.get(arn)) is None:
            return _response(_error(404, "ResourceNotFoundException", f"QuantumTask {arn} not found"))
        self._step(task)
        about = {**_summary(task), "deviceParameters": task.request.get("deviceParameters", "{}")}
        if self.reservation is not None:
            about["associations"] = [{"arn": self.reservation, "type": "RESERVATION_TIME_WINDOW_ARN"}]
        if task.status == "FAILED":
            about["failureReason"] = "The device reported an error: calibration in progress"
        return Response.of(about)

    def _step(self, task: Task) -> None:
        """Go on with a task: each look at it takes it one state further."""
        if task.status in _ENDED:
            return
        if task.status == "CANCELLING":
            task.status = "CANCELLED"
        elif task.polls > 0:
            task.polls -= 1
            task.status = "RUNNING"
        else:
            self._end(task)

    def _end(self, task: Task) -> None:
        action = json.loads(task.request["action"])
        if "programs" not in action and task.broken:
            task.status = "FAILED"
            return
        task.status = "COMPLETED"
        found = self._set_result(task, action) if "programs" in action else self._result(task, action)
        self.objects[f"{task.folder}/results.json"] = json.dumps(found).encode()

    def _cancel(self, arn: str) -> Response:
        if (task := self.jobs.get(arn)) is None:
            return _response(_error(404, "ResourceNotFoundException", f"QuantumTask {arn} not found"))
        if task.status in _ENDED:
            return _response(_error(409, "ConflictException", f"QuantumTask {arn} is in {task.status}"))
        task.status = "CANCELLING"
        return Response.of({"quantumTaskArn": arn, "cancellationStatus": "CANCELLING"})

    def _result(self, task: Task, action: Mapping[str, Any]) -> dict[str, Any]:
        about = {
            "id": task.arn,
            "shots": task.request["shots"],
            "deviceId": self.device["deviceArn"],
            "createdAt": "2026-11-29T10:00:00.000Z",
            "endedAt": "2026-11-29T10:00:03.000Z",
            "status": "COMPLETED",
        }
        found = shape("gate_model_task_result")
        return {
            **found,
            **_measured(action["source"], task.request["shots"]),
            "taskMetadata": {**found["taskMetadata"], **about},
            "additionalMetadata": {"action": dict(action), **self._metadata()},
        }

    def _set_result(self, task: Task, action: Mapping[str, Any]) -> dict[str, Any]:
        programs, failures = [], 0
        found, each = shape("program_set_task_result"), task.request["shots"] // len(action["programs"])
        program = found["programResults"][0]
        done, failed = program["executableResults"]
        for number, it in enumerate(action["programs"]):
            result = failed if number in task.broken else {**done, **_measured(it["source"], each)}
            failures += number in task.broken
            programs.append({**program, "executableResults": [result], "source": it})
        about = {
            **found["taskMetadata"],
            "id": task.arn,
            "deviceId": self.device["deviceArn"],
            "requestedShots": task.request["shots"],
            "successfulShots": each * (len(programs) - failures),
            "programMetadata": [{"executables": [{}]} for _ in programs],
            "totalFailedExecutables": failures,
        }
        return {**found, "programResults": programs, "taskMetadata": about}

    def _metadata(self) -> dict[str, Any]:
        if self.device["deviceType"] != "SIMULATOR":
            return {}
        return {"simulatorMetadata": {**shape("simulator_metadata"), "executionDuration": 7}}


def _measured(source: str, shots: int) -> dict[str, Any]:
    """Run a program on the SDK's simulator, which has no verbatim boxes."""
    plain = re.sub(r"#pragma braket verbatim\nbox \{\n(.*?)\n\}", r"\1", source, flags=re.DOTALL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = LocalSimulator("braket_sv").run(Program(source=plain), shots=shots).result()
    return {"measurements": result.measurements.tolist(), "measuredQubits": [int(it) for it in result.measured_qubits]}


def _summary(task: Task) -> dict[str, Any]:
    return {
        "quantumTaskArn": task.arn,
        "status": task.status,
        "deviceArn": task.request["deviceArn"],
        "shots": task.request["shots"],
        "outputS3Bucket": task.request["outputS3Bucket"],
        "outputS3Directory": task.folder,
        "createdAt": "2026-11-29T10:00:00Z",
        "tags": task.request["tags"],
    }


def _error(status: int, code: str, text: str) -> Status:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return Status(status, headers, json.dumps({"message": text}).encode())


def _response(status: Status) -> Response:
    return Response(status.code, status.body, status.headers)


def _xml(code: str, text: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{text}</Message></Error>'.encode()
