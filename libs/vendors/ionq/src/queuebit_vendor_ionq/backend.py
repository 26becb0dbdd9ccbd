"""The port `Backend` for IonQ's devices and its simulator, over version 0.4 of its interface."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import qiskit
from qiskit import QuantumCircuit
from qiskit.transpiler import PassManager
from qiskit.transpiler.preset_passmanagers import generate_preset_pass_manager
from qiskit_ionq.helpers import decompress_metadata_string

from queuebit_kernel import digest
from queuebit_quantum import (
    Calibration,
    Circuit,
    Compiled,
    Description,
    DoesNotFit,
    Failed,
    Measure,
    Progress,
    UnknownHandle,
    WorkItem,
    WorkResult,
    require_fit,
)
from queuebit_quantum.backends import Outcome
from queuebit_quantum.compiling import CompileCache, translate
from queuebit_quantum.credentials import secret
from queuebit_quantum.physical import remove_delays, remove_unused_qubits
from queuebit_quantum.vendor_faults import VendorFailed
from queuebit_quantum.vendor_queue import VendorQueue
from queuebit_vendor_ionq.characterization import Figures, calibration_of
from queuebit_vendor_ionq.client import Document, IonQCalls
from queuebit_vendor_ionq.results import counted, failed

__all__ = ["IonQ"]

_URL = "https://api.ionq.co/v0.4"
_GATES = ("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "rx", "ry", "rz", "cx", "rzz", "swap")
"""Gates that IonQ accepts (docs.ionq.com, "Supported gates") and that Qiskit's compiler uses."""
_SIMULATOR = "simulator"
_MAX_SHOTS = 10_000
_MOST_GROUPS = 5
"""Different numbers of shots in a submission: there is a job for each, and the handle has the ids of all."""
_OLDEST = timedelta(days=8)
"""Jobs that are older are not searched: an executor gives up after seven days."""
_OVERLAP = timedelta(hours=1)
"""A search goes back to the one before it, and further by this: clocks differ, and a list may be late."""
_TOKEN, _ITEMS, _TOTAL = "queuebit_token", "queuebit_items", "queuebit_total"  # names of metadata
_STATES: dict[str, Progress] = {
    "submitted": "queued",
    "ready": "queued",
    "started": "running",
    "completed": "ended",
    "failed": "ended",
    "canceled": "ended",
}
_COMPILER = f"qiskit {qiskit.__version__}"


class IonQ:
    """One device, or the simulator, of IonQ.

    A submission is one job at IonQ for each number of shots among its items. Its token is in the metadata of the jobs,
    and is searched before anything is submitted: IonQ has no idempotency keys.
    """

    def __init__(self, id_: str, name: str) -> None:
        url = os.environ.get("IONQ_API_URL", _URL)
        os.environ["IONQ_API_URL"] = url  # the SDK reads it in one place where it cannot be passed
        self._id = id_
        self._name = name
        self._calls = IonQCalls(secret("IONQ_API_KEY"), url, name)
        self._passes = lru_cache(maxsize=8)(_pass_manager)
        _pass_manager(0)  # loads the compiler, which takes seconds: children are forked from this process
        self._cache = CompileCache(_COMPILER)
        self._listed: dict[str, Document] = {}
        self._searched_at = datetime.min.replace(tzinfo=UTC) + _OLDEST
        self.calibrate()

    def describe(self) -> Description:
        return self._description

    def calibrate(self) -> Calibration | None:
        device = self._calls.backend(self._name)
        read = None if self._name == _SIMULATOR else self._calls.characterization(self._name)
        try:
            qubits = int(device["qubits"])
            calibration = None if read is None else calibration_of(read, qubits)
            self._figures = Figures(read or {})
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise VendorFailed(f"IonQ describes {self._name} in an unknown way: {error!r:.200}") from error
        self._description = Description(
            id=self._id,
            vendor="IonQ",
            kind="emulated" if self._name == _SIMULATOR else "qpu",
            num_qubits=qubits,
            basis_gates=_GATES,
            max_shots=_MAX_SHOTS,
            target_digest=calibration.digest if calibration else digest(f"{self._name} {qubits}".encode()),
            calibrated_at=calibration.calibrated_at if calibration else None,
            calibration_digest=calibration.digest if calibration else None,
            remote=True,
        )
        return calibration

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        require_fit(self._description, circuit)
        return self._cache.get(circuit, self._description.target_digest, seed, lambda: self._compile(circuit, seed))

    def _compile(self, circuit: Circuit, seed: int) -> Compiled:
        program = circuit.quantum_circuit
        if self._name == _SIMULATOR:
            program = remove_delays(program)
        elif "delay" in program.count_ops():
            raise DoesNotFit(f"{self._id}: IonQ has no delays: remove them")
        program = translate(self._passes(seed), remove_unused_qubits(program), self._id)
        one, two = _gate_counts(program)
        return Compiled(
            circuit_digest=circuit.digest,
            target_digest=self._description.target_digest,
            compiler=_COMPILER,
            seed=seed,
            two_qubit_gates=two,
            depth=program.depth(),
            duration_s=self._figures.duration_s(one, two),
            esp=self._figures.esp(one, two, len(circuit.touched)),
            physical_qubits=tuple(range(program.num_qubits)),
            program=program,
            registers=circuit.registers,
        )

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        groups = _groups(items)
        if len(groups) > _MOST_GROUPS:
            raise DoesNotFit(
                f"{self._id}: the items have {len(groups)} different numbers of shots, and may have {_MOST_GROUPS}"
            )
        for shots in groups:
            require_fit(self._description, shots=shots)
        known = {_shots(it): it for it in self._search(token)}
        ids = []
        for shots, numbers in groups.items():
            metadata = {_TOKEN: token, _ITEMS: json.dumps(numbers), _TOTAL: str(len(items))}
            circuits = [items[it].compiled.program for it in numbers]
            job = known.get(shots)
            ids.append(job["id"] if job else self._calls.submit(circuits, shots, f"queuebit {token}", metadata))
        return ",".join(ids)

    def find(self, token: str) -> str | None:
        """Also where a process ended between the jobs of a submission: items without a job then fail."""
        jobs = sorted(self._search(token), key=lambda it: _numbers(it)[0])
        return ",".join(it["id"] for it in jobs) or None

    def poll(self, handle: str) -> Progress:
        states = [_state(it) for it in self._jobs(handle)]
        if all(it == "ended" for it in states):
            return "ended"
        return "queued" if all(it == "queued" for it in states) else "running"

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        results: dict[int, WorkResult] = {}
        total = 0
        for job in self._jobs(handle):
            try:
                total = int(job["metadata"][_TOTAL])
                results |= dict(zip(_numbers(job), self._results(job), strict=True))
            except (LookupError, TypeError, ValueError) as error:
                raise VendorFailed(
                    f"IonQ describes the job {job.get('id')} in an unknown way: {error!r:.200}"
                ) from error
        missing = Failed("vendor_failed", "the executor ended before it submitted this item to IonQ: submit it again")
        return tuple(results.get(it, missing) for it in range(total))

    def cancel(self, handle: str) -> None:
        """IonQ would change the state of a job that has ended, so that these are left alone."""
        for id_ in handle.split(","):
            try:
                if _state(self._calls.job(id_)) != "ended":
                    self._calls.cancel(id_)
            except UnknownHandle:
                continue

    def usage(self, handle: str) -> tuple[Measure, ...]:
        """The time of execution as IonQ states it; 0 if it states none, as for a job that was cancelled."""
        used_us, final = 0, True
        for job in self._jobs(handle):
            duration = job.get("execution_duration_ms")
            if not isinstance(duration, int | float | None):
                raise VendorFailed(f"IonQ has a duration of {duration!r:.80}")
            used_us += round((duration or 0) * 1_000)
            final &= _state(job) == "ended"
        return (Measure("qpu-time", str(used_us), "microsecond", final),)

    def queue(self) -> VendorQueue | None:
        """The wait as IonQ forecasts it: in milliseconds, as all of its times. The simulator has none."""
        if self._name == _SIMULATOR:
            return None
        wait_ms = self._calls.backend(self._name).get("average_queue_time")
        if not isinstance(wait_ms, int | float) or wait_ms < 0:
            raise VendorFailed(f"IonQ states a wait of {wait_ms!r:.80}")
        return VendorQueue(wait_s=wait_ms / 1_000)

    def _search(self, token: str) -> list[Document]:
        """The jobs of a submission. A job of several circuits is listed with its children, which are left out.

        IonQ lists all jobs of the project, newest first, and cannot search metadata. The first search of a process
        reads the list of eight days; the later ones read what is new since, and remember the rest.
        """
        now = datetime.now(UTC)
        since = max(now - _OLDEST, self._searched_at - _OVERLAP)
        for job in self._calls.jobs():
            metadata = job.get("metadata") or {}
            if _TOKEN in metadata and not job.get("parent_job_id"):
                self._listed[str(job["id"])] = {"id": job["id"], "metadata": metadata, "at": _submitted_at(job)}
            if _submitted_at(job) < since:
                break
        self._searched_at = now
        self._listed = {id_: it for id_, it in self._listed.items() if it["at"] >= now - _OLDEST}
        return [it for it in self._listed.values() if it["metadata"][_TOKEN] == token]

    def _jobs(self, handle: str) -> list[Document]:
        return [self._calls.job(it) for it in handle.split(",")]

    def _results(self, job: Document) -> Iterator[WorkResult]:
        """The results of the circuits of a job, in order."""
        headers: Any = decompress_metadata_string(job["metadata"]["qiskit_header"])
        headers = headers if isinstance(headers, list) else [headers]
        children = job.get("child_job_ids")
        parts = [self._calls.job(it) for it in children] if children else [job] * len(headers)
        for part, header in zip(parts, headers, strict=True):
            yield self._result(part, header, _shots(job))

    def _result(self, job: Document, header: Document, shots: int) -> WorkResult:
        match job.get("status"):
            case "completed":
                probabilities = self._calls.results(job["results"]["probabilities"]["url"])
                registers = [size for _, size in header["creg_sizes"]]
                exact = self._name == _SIMULATOR
                counts = counted(probabilities, shots, header["meas_mapped"], registers, exact=exact, job=job["id"])
                return Outcome(counts)
            case "canceled":
                return Failed("cancelled", "the job was cancelled before it ended")
            case "failed":
                return failed(job.get("failure"))
            case other:
                raise VendorFailed(f"IonQ has results of a job that is {other!r:.80}")


def _groups(items: Sequence[WorkItem]) -> dict[int, list[int]]:
    """Numbers of the items by their shots; a job at IonQ has one number of shots."""
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for number, item in enumerate(items):
        groups[item.shots].append(number)
    return dict(groups)


def _numbers(job: Document) -> list[int]:
    """The items of a job."""
    try:
        return [int(it) for it in json.loads(job["metadata"][_ITEMS])]
    except (LookupError, TypeError, ValueError) as error:
        raise VendorFailed(f"IonQ has lost the metadata of the job {job.get('id')}") from error


def _shots(job: Document) -> int:
    """As the SDK writes it into the metadata, which lists of jobs have too."""
    try:
        return int(job["metadata"]["shots"])
    except (LookupError, TypeError, ValueError) as error:
        raise VendorFailed(f"IonQ has lost the metadata of the job {job.get('id')}") from error


def _state(job: Document) -> Progress:
    state = job.get("status")
    if not isinstance(state, str) or state not in _STATES:
        raise VendorFailed(f"IonQ has an unknown state {state!r:.80}")
    return _STATES[state]


def _submitted_at(job: Document) -> datetime:
    try:
        return datetime.fromisoformat(job["submitted_at"])
    except (LookupError, TypeError, ValueError) as error:
        raise VendorFailed(f"IonQ lists a job with an unknown time: {error!r:.80}") from error


def _gate_counts(program: QuantumCircuit) -> tuple[int, int]:
    """Gates on one qubit and on two."""
    sizes = [len(it.qubits) for it in program.data if it.operation.name not in ("barrier", "measure")]
    return sizes.count(1), len(sizes) - sizes.count(1)


def _pass_manager(seed: int) -> PassManager:
    """Level 1: IonQ compiles further, and advises against higher levels."""
    return generate_preset_pass_manager(1, basis_gates=[*_GATES], seed_transpiler=seed)
