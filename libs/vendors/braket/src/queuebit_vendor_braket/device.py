"""Devices and simulators that run at Amazon Braket."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from queuebit_kernel import digest_of
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
from queuebit_quantum.exclusion import without_elements
from queuebit_quantum.vendor_faults import VendorFailed
from queuebit_quantum.vendor_queue import VendorQueue
from queuebit_vendor_braket.capabilities import Capabilities, read
from queuebit_vendor_braket.compiler import Compiler
from queuebit_vendor_braket.results import Results, Submission, outcomes
from queuebit_vendor_braket.service import Service, asking
from queuebit_vendor_braket.submissions import Submissions, name_of

__all__ = ["BraketDevice"]

_ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
_WAITING: Final = frozenset({"CREATED", "QUEUED"})
_MOST_TASKS: Final = 20
"""Circuits of one submission to a device without program sets: each is a request."""
_SHOT_S: Final = 500e-6
"""A guess of the pause between shots: Amazon bills shots, and publishes no times."""


class BraketDevice:
    """One device or simulator at Amazon Braket."""

    def __init__(self, id_: str, arn: str) -> None:
        self._id = id_
        self._arn = arn
        self._service = Service(arn.split(":")[3] or os.environ.get("AWS_REGION") or "us-east-1")
        self._submissions = Submissions(self._service, arn)
        self.without: Elements = frozenset()
        """Qubits and couplers that circuits are not compiled for; see `exclude`."""
        self.calibrate()

    def __repr__(self) -> str:
        return f"BraketDevice({self._id!r}, {self._arn!r})"

    def describe(self) -> Description:
        return self._description

    def calibrate(self) -> Calibration | None:
        with asking():
            answer = self._service.device(self._arn)
            self._able = read(answer["deviceCapabilities"], simulator=answer["deviceType"] == "SIMULATOR")
            provider = str(answer["providerName"])
        target, updated_at = self._able.target, self._able.updated_at
        calibration = None if target is None else read_calibration(updated_at, target)
        self._calibration = calibration
        self._whole = _described(self._id, provider, self._able, calibration)
        self._use()
        return calibration

    def exclude(self, without: Elements) -> None:
        """Compile without these qubits and couplers from now on, unless Amazon itself places circuits on the device."""
        wanted = without if self._able.verbatim else frozenset()
        if wanted != self.without:
            self.without = wanted
            self._use()

    def _use(self) -> None:
        self._description = without_elements(self._whole, self.without)
        self._compiler = Compiler(self._description, self._able, self._calibration, self.without)

    def compile(self, circuit: Circuit, seed: int) -> Compiled:
        return self._compiler.compile(circuit, seed)

    def submit(self, items: Sequence[WorkItem], token: str) -> str:
        for it in items:
            require_fit(self._description, shots=it.shots)
            if it.shots < self._able.least_shots:
                raise DoesNotFit(f"{self._id}: a circuit needs at least {self._able.least_shots} shots: ask for more")
        with asking():
            return self._submissions.create(items, token, self._able)

    def find(self, token: str) -> str | None:
        with asking():
            return self._submissions.find(token)

    def find_incomplete(self, token: str) -> str | None:
        """As `find`, also of a submission some of whose tasks were never created."""
        with asking():
            return self._submissions.find_incomplete(token)

    def poll(self, handle: str) -> Progress:
        with asking():
            states = {self._service.task(it)["status"] for it in self._submissions.arns(handle)}
        if states <= _ENDED:
            return "ended"
        return "queued" if states <= _WAITING else "running"

    def collect(self, handle: str) -> tuple[WorkResult, ...]:
        with asking():
            run = self._submissions.run(handle)
            if not run.states <= _ENDED:
                raise NotReachable(f"Amazon Braket has not ended {handle}: ask again")
            return tuple(it for task, part in run.parts for it in self._collected(task, part))

    def cancel(self, handle: str) -> None:
        with asking(), suppress(UnknownHandle):
            for arn in self._submissions.arns(handle):
                self._service.cancel(arn, name_of(f"cancel {arn}"))

    def usage(self, handle: str) -> tuple[Measure, ...]:
        """What Amazon bills: quantum tasks and shots; those of tasks that failed or were cancelled are free.

        The time of a simulator is what Amazon reports; that of a device is a forecast, because Amazon reports none.
        """
        tasks = shots = time_us = 0
        with asking():
            run = self._submissions.run(handle)
            final = run.states <= _ENDED
            for task, part in run.parts if final else ():
                if task["status"] == "COMPLETED" and (found := self._results(task, part)) is not None:
                    tasks, shots = tasks + 1, shots + found.shots
                    forecast_us = sum(it.forecast_us for it in part.items)
                    time_us += forecast_us if found.simulated_us is None else max(found.simulated_us, 1)
        reserved = bool(run.parts) and all(_is_reserved(task) for task, _ in run.parts)
        return (
            *((Measure("reservation", "1", "reservation", final),) if reserved else ()),
            Measure("tasks", str(tasks), "task", final),
            Measure("shots", str(shots), "shot", final),
            Measure("qpu-time", str(time_us), "microsecond", final),
        )

    def queue(self) -> VendorQueue | None:
        """The quantum tasks that wait for the device; None if Amazon states none, as of its simulators."""
        with asking():
            jobs = self._service.queued(self._arn)
        return None if jobs is None else VendorQueue(jobs=jobs)

    def _collected(self, task: dict[str, Any], part: Submission) -> tuple[WorkResult, ...]:
        if (found := self._results(task, part)) is not None:
            return found.items
        failed = Failed("cancelled", "the quantum task was cancelled before it ended")
        if task["status"] == "FAILED":
            reason = task.get("failureReason") or "without a reason"
            failed = Failed("vendor_failed", f"Amazon Braket failed the quantum task: {reason}"[:500])
        return (failed,) * len(part.items)

    def _results(self, task: dict[str, Any], part: Submission) -> Results | None:
        """The results, also of circuits that ended before their task failed or was cancelled; None without any."""
        try:
            return outcomes(self._service, task["outputS3Bucket"], task["outputS3Directory"], part)
        except VendorFailed:
            if task["status"] == "COMPLETED":
                raise
            return None


def _is_reserved(task: dict[str, Any]) -> bool:
    """Whether a task ran in a reservation, which Amazon bills by the hour instead of by task and shot."""
    return any(it.get("type") == "RESERVATION_TIME_WINDOW_ARN" for it in task.get("associations") or ())


def _described(id_: str, provider: str, able: Capabilities, calibration: Calibration | None) -> Description:
    gates = sorted(able.gates)
    about = Description(
        id=id_,
        vendor=provider,
        kind="simulator" if able.simulator else "qpu",
        num_qubits=able.num_qubits,
        basis_gates=tuple(gates),
        features=frozenset({"verbatim"}) if able.verbatim or able.simulator else frozenset(),
        max_shots=able.most_shots,
        target_digest=digest_of({"backend": id_, "gates": list(gates)}),
        rep_delay_s=0.0 if able.simulator else _SHOT_S,
        remote=True,
        max_items=min(able.most_items, 100) if able.most_items > 1 else _MOST_TASKS,
        billed_task="submission" if able.most_items > 1 else "circuit",
        task_shots=able.most_set_shots if able.most_items > 1 else 0,
    )
    if calibration is None:
        return about
    return replace(
        about,
        couplings=len(calibration.couplers),
        target_digest=calibration.digest,
        calibrated_at=calibration.calibrated_at,
        calibration_digest=calibration.digest,
    )
