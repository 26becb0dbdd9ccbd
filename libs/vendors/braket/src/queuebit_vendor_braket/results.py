"""Reads results from the bucket, and what is kept beside them: the meaning of their columns.

A task's result does not say which classical bit shows which qubit. So the layout of each circuit is stored in the
bucket before the task is created, and the process that collects the result reads it there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from braket.schema_common import BraketSchemaBase
from braket.task_result import GateModelTaskResult, ProgramSetTaskResult
from braket.tasks import GateModelQuantumTaskResult, ProgramSetQuantumTaskResult

from queuebit_quantum import Failed, Outcome, WorkResult
from queuebit_quantum.backends import result_key, result_keys
from queuebit_quantum.vendor_faults import VendorFailed
from queuebit_vendor_braket.programs import Layout
from queuebit_vendor_braket.service import Service

__all__ = ["Item", "Results", "Submission", "outcomes"]

_Columns = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Item:
    """What is needed to read one circuit's result."""

    layout: Layout
    shots: int
    memory: bool
    forecast_us: int
    """Forecast of its device time in microseconds."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is stored beside the results of one task."""

    items: tuple[Item, ...]

    def write(self) -> bytes:
        """As JSON."""
        return json.dumps({"items": [asdict(it) for it in self.items]}).encode()

    @classmethod
    def read(cls, text: str) -> Submission:
        """From JSON."""
        return cls(tuple(_item(it) for it in json.loads(text)["items"]))


def _item(given: dict[str, Any]) -> Item:  # plain JSON
    where = {name: tuple(places) for name, places in given["layout"].items()}
    return Item(Layout(**where), given["shots"], given["memory"], given["forecast_us"])


@dataclass(frozen=True, slots=True)
class Results:
    """The results of the items of a task, in order, and what the service says of the whole."""

    items: tuple[WorkResult, ...]
    shots: int
    """Shots of the circuits that succeeded."""
    simulated_us: int | None
    """Time of a simulator in microseconds; None on a device."""


def outcomes(service: Service, bucket: str, folder: str, submission: Submission) -> Results:
    """Read the results of a task.

    Raises:
        VendorFailed: there are none, or they are not those of the submission.
    """
    text = service.read(bucket, f"{folder}/results.json")
    read = BraketSchemaBase.parse_raw_schema(text)
    if isinstance(read, GateModelTaskResult):
        return _single(read, submission)
    if isinstance(read, ProgramSetTaskResult):
        return _several(_inlined(service, json.loads(text)), submission)
    raise VendorFailed(f"Amazon Braket returned a {type(read).__name__}, which is not the result of a circuit")


def _single(read: GateModelTaskResult, submission: Submission) -> Results:
    GateModelQuantumTaskResult.cast_result_types(read)
    found = GateModelQuantumTaskResult.from_object(read)
    (item,) = submission.items
    outcome = _outcome(found.measurements, found.measured_qubits, item)
    return Results((outcome,), len(found.measurements), _simulated_us([read.additionalMetadata]))


def _several(read: dict[str, Any], submission: Submission) -> Results:
    result = BraketSchemaBase.parse_raw_schema(json.dumps(read))
    found = ProgramSetQuantumTaskResult.from_object(result)
    entries = [it for program in found.entries for it in program.entries]
    if len(entries) != len(submission.items):
        raise VendorFailed(f"Amazon Braket returned {len(entries)} results for {len(submission.items)} circuits")
    items = tuple(_entry(it, item) for it, item in zip(entries, submission.items, strict=True))
    done = sum(item.shots for it, item in zip(items, submission.items, strict=True) if isinstance(it, Outcome))
    return Results(items, done, _simulated_us([it.additional_metadata for it in found.entries]))


def _entry(entry: Any, item: Item) -> WorkResult:  # a result or a failure of the SDK, which has no types
    if (failure := getattr(entry, "failureMetadata", None)) is not None:
        return Failed("vendor_failed", f"Amazon Braket: {failure.category.value}: {failure.failureReason}"[:500])
    return _outcome(entry.measurements, entry.measured_qubits, item)


def _inlined(service: Service, result: dict[str, Any]) -> dict[str, Any]:
    """The result with all parts that lie in objects of their own.

    The SDK reads these with the default credentials of the process, which need not be those of the stack.
    """
    if not result.get("s3Location"):
        return result
    bucket, prefix = result["s3Location"]

    def part(given: Any) -> Any:  # JSON, or the key of JSON
        return json.loads(service.read(bucket, f"{prefix}/{given}")) if isinstance(given, str) else given

    programs = [part(it) for it in result["programResults"]]
    for program in programs:
        program["source"] = part(program["source"])
        program["executableResults"] = [part(it) for it in program["executableResults"]]
    metadata = part(result["taskMetadata"])
    return {**result, "programResults": programs, "taskMetadata": metadata, "s3Location": None}


def _outcome(measurements: _Columns, qubits: Sequence[int], item: Item) -> Outcome:
    columns = _ordered(measurements, qubits, item.layout.qubits)
    registers, width = item.layout.registers, len(item.layout.bits)
    values = [0] * len(columns)
    for bit, column in enumerate(item.layout.bits):
        if column >= 0:
            for shot in np.flatnonzero(columns[:, column]):
                values[shot] |= 1 << bit
    counts: dict[int, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    memory = tuple(result_key(it, registers) for it in values) if item.memory and width else None
    return Outcome(result_keys(counts, registers), memory=memory)


def _ordered(measurements: _Columns, qubits: Sequence[int], wanted: Sequence[int]) -> _Columns:
    """The columns of the wanted qubits.

    A service that numbers qubits again still has one column for each, in the order in which they were measured.
    """
    if set(wanted) <= set(qubits):
        return measurements[:, [list(qubits).index(it) for it in wanted]]
    if len(qubits) == len(wanted):
        return measurements[:, np.argsort(qubits)]
    raise VendorFailed(f"Amazon Braket returned {len(qubits)} measured qubits, and the circuit measures {len(wanted)}")


def _simulated_us(metadata: Sequence[Any]) -> int | None:  # of the SDK, which has no types
    known = [it.simulatorMetadata.executionDuration for it in metadata if getattr(it, "simulatorMetadata", None)]
    return sum(known) * 1_000 if known else None
