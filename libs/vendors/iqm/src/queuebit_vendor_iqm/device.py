"""The port `Backend` on one quantum computer of IQM."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from iqm.iqm_client import CircuitTranspilationError, CircuitValidationError
from iqm.iqm_client.transpile import transpile_insert_moves
from iqm.station_control.client.qon import ObservationFinder
from iqm.station_control.interface.models import DynamicQuantumArchitecture
from iqm.station_control.interface.models.jobs_new import JobData, JobStatus
from iqm.station_control.interface.models.observation_set import CalibrationSet
from qiskit.transpiler import Target

from queuebit_quantum import (
    Calibration,
    Circuit,
    Compiled,
    Description,
    DoesNotFit,
    Failed,
    Measure,
    NotReachable,
    Progress,
    UnknownHandle,
    WorkItem,
    WorkResult,
    require_fit,
)
from queuebit_quantum.backends import Elements
from queuebit_quantum.calibration import read_calibration
from queuebit_quantum.compiling import COMPILER, CompileCache
from queuebit_quantum.device_compiler import DeviceCompiler
from queuebit_quantum.exclusion import without_elements
from queuebit_quantum.vendor_faults import VendorFailed, VendorFault, VendorRefused, vendor_text
from queuebit_vendor_iqm.architecture import calibrated, target_of
from queuebit_vendor_iqm.calls import VENDOR, IqmCalls, Missing, NotTaken
from queuebit_vendor_iqm.circuits import Name, counted, iqm_circuit, name_qubits, shot_by_shot
from queuebit_vendor_iqm.records import Record, Records

__all__ = ["IqmDevice"]

_MAX_SHOTS = 20_000
"""IQM states its limits to an account only; it refuses a job that is over them."""
_SHOT_S = 500e-6
"""A guess of the pause between shots, in which qubits relax to 0: IQM publishes none."""
_OVERHEAD_S = 2.0
"""A guess of what a job takes besides its shots."""
_MOST_GROUPS = 5
"""Different numbers of shots in a submission: there is a job for each, and the handle has the ids of all."""
_STATES: dict[JobStatus, Progress] = {JobStatus.WAITING: "queued", JobStatus.PROCESSING: "running"}
_REFUSED = frozenset({"circuit_transpilation_error", "circuit_validation_error", "invalid_instruction_error"})
"""Codes of failures that are due to a circuit (`exa.common.errors.iqm_error` of the SDK)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Calibrated:
    qubits: tuple[str, ...]
    architecture: DynamicQuantumArchitecture
    calibration: Calibration
    description: Description
    compiler: DeviceCompiler
    target: Target
    whole: Description
    """The computer with all of its elements."""


class IqmDevice:
    """One quantum computer of IQM.

    A submission is one job for each number of shots among its items, with a circuit for each item. IQM has neither
    idempotency keys nor a list of jobs: `Records` prevents a second job.
    """

    def __init__(self, id_: str, alias: str) -> None:
        self._id = id_
        self._alias = alias
        self._records = Records.from_environment()
        self._calls = IqmCalls(alias)
        self._cache = CompileCache(COMPILER)
        self._pulses: tuple[UUID, CalibrationSet] | None = None
        self.without: Elements = frozenset()
        """Qubits and couplers that circuits are not compiled for; see `exclude`."""
        self._now = self._read()

    def __repr__(self) -> str:
        return f"IqmDevice({self._id!r}, {self._alias!r})"

    def describe(self) -> Description:
        return self._now.description

    def calibrate(self) -> Calibration:
        self._now = self._read()
        return self._now.calibration

    def exclude(self, without: Elements) -> None:
        """Compile without these qubits and couplers from now on, and with all others."""
        if without != self.without:
            self.without = without
            now = self._now
            self._now = self._used(now.qubits, now.architecture, now.calibration, now.target, now.whole)

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        now = self._now
        return self._cache.get(circuit, now.description.target_digest, seed, lambda: _compiled(now, circuit, seed))

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        groups: defaultdict[int, list[int]] = defaultdict(list)
        for number, item in enumerate(items):
            require_fit(self._now.description, shots=item.shots)
            groups[item.shots].append(number)
        if len(groups) > _MOST_GROUPS:
            raise DoesNotFit(
                f"{self._id}: the items have {len(groups)} different numbers of shots, and may have {_MOST_GROUPS}"
            )
        ids = []
        for shots, numbers in sorted(groups.items()):
            known = self._records.record(token, shots)
            ids.append(known.id() if known else self._send(items, numbers, shots, token))
        return ",".join(ids)

    def find(self, token: str) -> str | None:
        """Also where a process ended between the jobs of a submission: items without a job then fail."""
        found = {it.id(): it for it in self._records.of(token)}
        for id_, record in found.items():
            self._require(id_, record)
        return ",".join(found) or None

    def poll(self, handle: str) -> Progress:
        states = {_STATES.get(it.status, "ended") for it in self._jobs(handle)}
        if len(states) == 1:
            return states.pop()
        return "running"

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        results: dict[int, WorkResult] = {}
        total = 0
        for job in self._jobs(handle):
            names = [Name.read(str(it.name)) for it in self._calls.payload(str(job.id)).circuits]  # type: ignore[union-attr]  # of our own
            total = names[0].total
            results |= dict(zip((it.number for it in names), self._results(job, names), strict=True))
        missing = Failed("vendor_failed", "the executor ended before it submitted this item to IQM: submit it again")
        return tuple(results.get(it, missing) for it in range(total))

    def cancel(self, handle: str) -> None:
        for id_ in handle.split(","):
            with suppress(UnknownHandle):
                if self._calls.job(id_).status in _STATES:
                    self._calls.cancel(id_)

    def usage(self, handle: str) -> tuple[Measure, ...]:
        """The time between the start and the end of the execution on the instruments, from the timeline of each job."""
        jobs = self._jobs(handle)
        used_us = sum(_execution_us(it) for it in jobs)
        return (Measure("qpu-time", str(used_us), "microsecond", all(it.status not in _STATES for it in jobs)),)

    def _send(self, items: Sequence[WorkItem], numbers: Sequence[int], shots: int, token: str) -> str:
        """Create one job, and return its id."""
        names = [Name(token, it, len(items), items[it].compiled.registers, items[it].memory) for it in numbers]
        circuits = [iqm_circuit(items[it.number].compiled.program, it) for it in names]
        definition = self._defined(circuits, shots)
        about = {"computer": self._alias, "circuits": [it.name for it in circuits]}
        try:
            record = self._records.begin(token, shots, about)
        except FileExistsError:  # another executor is ahead
            known = self._records.record(token, shots)
            if known is None:
                raise NotReachable(f"{VENDOR} refused this job to another executor: sent again") from None
            return known.id()
        try:
            id_ = self._calls.submit(definition)
        except (NotTaken, VendorFault, VendorRefused):
            record.withdraw()
            raise
        except NotReachable as error:
            raise NotReachable(f"{record.unknown()}: {error}") from error
        try:
            record.keep(id_)
        except OSError as error:  # the log will have it
            _log.error("the id of %s cannot be written: %s", record.sent, error)
        return id_

    def _defined(self, circuits: list[Any], shots: int) -> Any:  # the SDK's own classes
        """What is to be submitted, after the SDK has compared it with the present calibration of IQM.

        Circuits for a star have their MOVE gates then.
        """
        with self._calls.asking():
            try:
                routed: list[Any] = [transpile_insert_moves(it, self._now.architecture) for it in circuits]
                return self._calls.client.create_circuit_job_definition(routed, shots=shots)
            except (CircuitTranspilationError, CircuitValidationError) as error:
                text, before = vendor_text(str(error)), self._now.description.target_digest
        if self.calibrate().digest == before:
            raise VendorRefused(f"iqm-client: {text}")
        raise NotReachable(
            f"{VENDOR} has calibrated {self._alias} since, so that the circuits are compiled again: {text}"
        )

    def _require(self, id_: str, record: Record) -> None:
        """Check that IQM has a job, whose id an operator may have written."""
        try:
            self._calls.job(id_)
        except UnknownHandle as error:
            raise NotReachable(f"{error}, which {record.job} names: correct it") from None

    def _jobs(self, handle: str) -> list[JobData]:
        return [self._calls.job(it) for it in handle.split(",")]

    def _results(self, job: JobData, names: Sequence[Name]) -> Iterator[WorkResult]:
        """The results of the circuits of a job that has ended, in order."""
        id_ = str(job.id)
        match job.status:
            case JobStatus.COMPLETED:
                counts = self._calls.counts(id_)
                shots = self._calls.measurements(id_) if any(it.memory for it in names) else [{}] * len(names)
                if len(counts) != len(names) or len(shots) != len(names):
                    raise VendorFailed(f"{VENDOR} has results of {len(counts)} of {len(names)} circuits of {id_}")
                for name, found, each in zip(names, counts, shots, strict=True):
                    yield shot_by_shot(each, name.registers) if name.memory else counted(found, name.registers)
            case JobStatus.FAILED:
                yield from [_failed(job)] * len(names)
            case JobStatus.CANCELLED:
                yield from [Failed("cancelled", "the job was cancelled at IQM before it ended")] * len(names)
            case _:
                raise NotReachable(f"{VENDOR} has not ended {id_}: ask again")

    def _read(self) -> _Calibrated:
        with self._calls.asking():
            client = self._calls.client
            architecture = client.get_dynamic_quantum_architecture()
            qubits = calibrated(client.get_static_quantum_architecture().qubits, architecture)
            id_ = architecture.calibration_set_id
            if self._pulses is None or self._pulses[0] != id_:  # a set never changes
                self._pulses = id_, client.get_calibration_set(id_)
            pulses, metrics = self._pulses[1], None
            with suppress(Missing):  # a set can be without metrics
                metrics = client.get_quality_metric_set(id_)
            seen = ObservationFinder([*pulses.observations, *(metrics.observations if metrics else ())], True)
            target = target_of(qubits, architecture, seen)
            calibration = read_calibration(_time(metrics or pulses), target)
        description = Description(
            id=self._id,
            vendor=VENDOR,
            kind="qpu",
            num_qubits=len(qubits),
            basis_gates=tuple(sorted(target.operation_names)),
            couplings=len(calibration.couplers),
            features=frozenset({"mid_circuit_measurement", "verbatim"}),
            max_shots=_MAX_SHOTS,
            target_digest=calibration.digest,
            calibrated_at=calibration.calibrated_at,
            calibration_digest=calibration.digest,
            rep_delay_s=_SHOT_S,
            overhead_s=_OVERHEAD_S,
            remote=True,
        )
        return self._used(qubits, architecture, calibration, target, description)

    def _used(
        self,
        qubits: tuple[str, ...],
        architecture: DynamicQuantumArchitecture,
        calibration: Calibration,
        target: Target,
        whole: Description,
    ) -> _Calibrated:
        description = without_elements(whole, self.without)
        compiler = DeviceCompiler(target, calibration, description, without=self.without)
        return _Calibrated(qubits, architecture, calibration, description, compiler, target, whole)


def _compiled(now: _Calibrated, circuit: Circuit, seed: int) -> Compiled:
    found = now.compiler.compile(circuit, seed)
    name_qubits(found.program, now.qubits)
    return found


def _time(of: CalibrationSet) -> datetime:
    at = of.end_timestamp or of.created_timestamp
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _failed(job: JobData) -> Failed:
    """The failure of a job, with IQM's code and message."""
    code = next((it.error_code for it in job.errors if it.error_code), None)
    text = "; ".join(f"{it.error_code}: {it.message}" if it.error_code else it.message for it in job.errors)
    kind = "vendor_refused" if code in _REFUSED else "vendor_failed"
    return Failed(kind, vendor_text(f"IQM: {text or 'the job failed, and IQM does not say why'}"))


def _execution_us(job: JobData) -> int:
    """Microseconds on the instruments; 0 for a job that never came to them.

    Raises:
        VendorFailed: IQM completed the job and does not say how long it took.
    """
    at = {it.status.lower().replace(" ", "_"): it.timestamp for it in job.timeline}  # both forms occur
    started = at.get("execution_started")
    if started is None:
        if job.status == JobStatus.COMPLETED:
            raise VendorFailed(f"{VENDOR} does not say when it executed {job.id}")
        return 0
    ended = at.get("execution_ended") or max(at.values())
    return max(0, round((ended - started).total_seconds() * 1_000_000))
