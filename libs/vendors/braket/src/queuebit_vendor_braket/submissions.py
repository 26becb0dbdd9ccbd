"""Submissions of one device: which quantum tasks they are, and where their results lie.

A submission of one circuit is one quantum task, and so is one of several circuits with equal shots on a device that
takes program sets. Otherwise each circuit is a task of its own. All tasks of a submission write to one folder of the
bucket, whose name follows from our token:

| object | content | written |
|---|---|---|
| `begun.json` | the circuits and shots of each task | before the first task is created; never changed |
| `<digest>/submission.json` | the layout of each circuit's result, of one task | before that task is created |
| `tasks.json` | the ARNs of the tasks, if there are several | after the last one was created |

The client token of each task follows from our token, so that the service creates it once however often it is asked.
Tags say to which submission a task belongs, for a process that lost the answer. A task writes to the folder with its
own layout, whose name follows from the layout: if a process ends and its successor compiles for a new calibration, the
tasks that exist keep the layouts of the programs that they run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from braket.device_schema import GateModelParameters
from braket.device_schema.rigetti import RigettiDeviceParameters
from braket.device_schema.simulators import GateModelSimulatorDeviceParameters
from braket.ir.openqasm import Program as OpenQasm
from braket.ir.openqasm import ProgramSet

from queuebit_kernel import digest_of
from queuebit_quantum import UnknownHandle, WorkItem
from queuebit_quantum.vendor_faults import VendorFailed
from queuebit_vendor_braket.capabilities import Capabilities
from queuebit_vendor_braket.programs import Program
from queuebit_vendor_braket.results import Item, Submission
from queuebit_vendor_braket.service import Service

__all__ = ["Run", "Submissions", "name_of"]

_FOLDER: Final = "queuebit"
_TOKEN, _PART, _PARTS = "queuebit-token", "queuebit-part", "queuebit-parts"
_KEPT: Final = timedelta(days=30)
"""How long ago a task may have been created that is found by its tags."""

_Task = dict[str, Any]
"""What the service says of a task: plain JSON and dates."""


@dataclass(frozen=True, slots=True)
class Run:
    """A submission as the service has it."""

    parts: tuple[tuple[_Task, Submission], ...]
    """Each task with its own circuits, in order."""

    @property
    def states(self) -> frozenset[str]:
        """The states of its tasks, such as `QUEUED`."""
        return frozenset(task["status"] for task, _ in self.parts)


class Submissions:
    """The submissions of one device."""

    def __init__(self, service: Service, arn: str) -> None:
        self._service = service
        self._arn = arn

    def create(self, items: Sequence[WorkItem], token: str, able: Capabilities) -> str:
        """Create the tasks of a submission, or find those that exist, and return its handle."""
        name = name_of(token)
        parts, known = self._begin(name, items, able)
        arns = [known.get(number) or self._start(name, it, number, len(parts), able) for number, it in enumerate(parts)]
        return self._handle(name, arns)

    def find(self, token: str) -> str | None:
        """The handle of a submission; None unless all its tasks are found."""
        name = name_of(token)
        found, parts = self._tasks(name)
        if not parts or len(found) < parts:
            return None
        return self._handle(name, [found[part] for part in range(parts)])

    def find_incomplete(self, token: str) -> str | None:
        """A handle of the tasks that are found, also if others were never created."""
        name = name_of(token)
        found, _ = self._tasks(name)
        return self._handle(name, [found[part] for part in sorted(found)]) if found else None

    def arns(self, handle: str) -> list[str]:
        """The tasks of a submission; raises `UnknownHandle`."""
        if handle.startswith("arn:"):
            return [handle]
        if not handle.startswith(f"{_FOLDER}/"):
            raise UnknownHandle(f"{handle[:80]!r} is not a submission to Amazon Braket")
        try:
            found: list[str] = json.loads(self._service.read(self._service.bucket, f"{handle}/tasks.json"))
        except VendorFailed as error:
            raise UnknownHandle(f"Amazon Braket has no submission {handle[:120]}: {error}") from error
        return found

    def run(self, handle: str) -> Run:
        """What the service has of a submission; raises `UnknownHandle`."""
        tasks = [self._service.task(it) for it in self.arns(handle)]
        return Run(tuple((it, self._kept(it)) for it in tasks))

    def _kept(self, task: _Task) -> Submission:
        folder = str(task["outputS3Directory"]).rsplit("/", 1)[0]
        return Submission.read(self._service.read(task["outputS3Bucket"], f"{folder}/submission.json"))

    def _begin(
        self, name: str, items: Sequence[WorkItem], able: Capabilities
    ) -> tuple[list[tuple[WorkItem, ...]], dict[int, str]]:
        """The items of each task, as they were when the submission began, and the tasks that exist.

        Raises:
            VendorFailed: it began with other circuits; its tasks are cancelled, because nothing can read their results.
        """
        where = f"{_FOLDER}/{name}/begun.json"
        try:
            begun: list[list[list[Any]]] = json.loads(self._service.read(self._service.bucket, where))
        except VendorFailed:  # there is none: it begins now
            one = _fit_one_task(items, able)
            parts: list[tuple[WorkItem, ...]] = [tuple(items)] if one else [(it,) for it in items]
            self._service.store(where, json.dumps([[_named(it) for it in part] for part in parts]).encode())
            return parts, {}
        known, _ = self._tasks(name)
        if [it for part in begun for it in part] != [_named(it) for it in items]:
            for arn in known.values():
                self._service.cancel(arn, name_of(f"cancel {arn}"))
            raise VendorFailed(
                "an executor ended while it submitted this to Amazon Braket, and other circuits fit the device since: "
                "submit the job again"
            )
        left = iter(items)
        return [tuple(islice(left, len(part))) for part in begun], known

    def _tasks(self, name: str) -> tuple[dict[int, str], int]:
        """The ARNs of the tasks of a submission by their numbers, and how many it has; 0 if none is found."""
        found: dict[int, str] = {}
        parts = 0
        for arn, tags in self._service.tasks(self._arn, datetime.now(UTC) - _KEPT):
            if tags.get(_TOKEN) == name:
                found[int(tags[_PART])] = arn
                parts = int(tags[_PARTS])
        return found, parts

    def _start(self, name: str, items: Sequence[WorkItem], part: int, parts: int, able: Capabilities) -> str:
        """Store the layout of a task, and create the task."""
        kept = Submission(tuple(_kept(it) for it in items)).write()
        folder = f"{_FOLDER}/{name}/{name_of(kept.decode())[:16]}"
        self._service.store(f"{folder}/submission.json", kept)
        return self._service.create(self._request(items, name, part, parts, able) | {"outputS3KeyPrefix": folder})

    def _handle(self, name: str, arns: Sequence[str]) -> str:
        if len(arns) == 1:
            return arns[0]
        self._service.store(f"{_FOLDER}/{name}/tasks.json", json.dumps(arns).encode())
        return f"{_FOLDER}/{name}"

    def _request(
        self, items: Sequence[WorkItem], name: str, part: int, parts: int, able: Capabilities
    ) -> dict[str, Any]:
        programs = [OpenQasm(source=_program(it).source) for it in items]
        request = {
            "deviceArn": self._arn,
            "clientToken": name_of(f"{name} {part}"),
            "tags": {_TOKEN: name, _PART: str(part), _PARTS: str(parts)},
            "outputS3Bucket": self._service.bucket,
            "shots": sum(it.shots for it in items),
        }
        if len(programs) > 1:
            return {**request, "action": ProgramSet(programs=programs).json()}
        parameters = _parameters(self._arn, len(items[0].compiled.physical_qubits), fixed=able.verbatim)
        return {**request, "action": programs[0].json(), "deviceParameters": parameters}


def name_of(token: str) -> str:
    """A name of 64 characters, which is what a client token may have."""
    return digest_of({"token": token}).removeprefix("sha256:")


def _fit_one_task(items: Sequence[WorkItem], able: Capabilities) -> bool:
    shots = [it.shots for it in items]
    several = len(items) <= able.most_items and len(set(shots)) == 1 and sum(shots) <= able.most_set_shots
    return len(items) == 1 or several


def _named(item: WorkItem) -> list[Any]:
    """What says that an item is the same, whatever it is compiled to: plain JSON."""
    return [item.compiled.circuit_digest, item.shots]


def _program(item: WorkItem) -> Program:
    program: Program = item.compiled.program
    return program


def _kept(item: WorkItem) -> Item:
    compiled, shots = item.compiled, item.shots
    forecast_us = compiled.method(shots).microseconds(shots) if compiled.methods else compiled.qpu_us(shots)
    return Item(_program(item).layout, shots, item.memory, forecast_us)


def _parameters(arn: str, qubits: int, *, fixed: bool) -> str:
    """The device parameters that the SDK's own `AwsQuantumTask` sends for a circuit."""
    common = GateModelParameters(qubitCount=qubits, disableQubitRewiring=fixed)
    kind = RigettiDeviceParameters if "rigetti" in arn else GateModelSimulatorDeviceParameters
    return str(kind(paradigmParameters=common).json(exclude_none=True))
