"""What the fleet service knows of each backend, folded from the log and from the ends of jobs as they come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from queuebit_contracts.alerts import AlertFired, AlertResolved
from queuebit_contracts.backend import BackendCalibrated, BackendRegistered
from queuebit_contracts.fleet import (
    BackendDegraded,
    BackendIsolated,
    BackendReadmitted,
    BackendRecalibrationAsked,
    Degradation,
    Isolation,
    Readmission,
    Recalibration,
)
from queuebit_contracts.job import JobCompleted, JobFailed
from queuebit_contracts.probe import ProbeJudged
from queuebit_contracts.subjects import parse
from queuebit_contracts.wire import Payload
from queuebit_fleet.calendar import SERVICE, Calendar
from queuebit_isolation import Breaker, CalibrationRule, Elements, Failures, Figures, FleetDocument, Outcome, Proof
from queuebit_runtime.stored import Stored

__all__ = ["FAULTS", "Calibrated", "Fleet", "KnownBackend", "Shown", "micros"]

FAULTS: Final = frozenset({"backend_error", "not_reachable", "vendor_credentials", "vendor_failed", "vendor_quota"})
"""Codes of failures that are the backend's fault, or that of its vendor. Others may come from the job."""

_ACTIVE: Final = "active"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration that the log has."""

    event: str
    at_us: int
    """When the device was calibrated."""
    stored_us: int
    digest: str
    snapshot: Payload


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding that is no calibration: the event that shows it, since when, and what was seen."""

    event: str
    at_us: int
    text: str


@dataclass(slots=True)
class KnownBackend:
    """One backend."""

    backend: str
    breaker: Breaker
    failures: Failures
    calibrated: deque[Calibrated]
    """The newest calibrations, the oldest first."""
    calendar: Calendar
    rule: CalibrationRule | None
    """By which windows for its calibrations are planned."""
    elements: Elements = field(default_factory=Elements)
    """What the newest calibration says, once it was read."""
    figures: deque[Figures] = field(default_factory=deque)
    """Those of the calibrations that were judged, the oldest first."""
    judged: str = ""
    """The event of the calibration that `elements` follows from."""
    isolation: Isolation | None = None
    degradation: Degradation | None = None
    readmission: Readmission | None = None
    recalibration: Recalibration | None = None
    """The newest time that the operator's system was asked to calibrate it."""
    asked: dict[str, datetime] = field(default_factory=dict)
    """By cause: since when it was, as the newest request for it says."""
    proof: Proof | None = None
    proof_event: str = ""
    bad_runs: dict[str, int] = field(default_factory=dict)
    """By probe: how many runs in a row were below its floor."""
    below: Shown | None = None
    """That too many of these were."""
    drifting: dict[str, Shown] = field(default_factory=dict)
    """By alert: that results of a reference circuit drift."""
    status: str | None = None
    """What its vendor says of it."""
    not_active: Shown | None = None
    """That its vendor says that it is not active."""
    failing: Shown | None = None
    """That too many jobs fail."""

    def calibrated_since(self, moment: datetime) -> bool:
        """Whether its newest calibration is not older than a moment."""
        return bool(self.calibrated) and self.calibrated[-1].at_us >= micros(moment)

    def forget_failures(self) -> None:
        """Begin again after a change of its state."""
        self.failures.reset()
        self.failing = self.below = None
        self.bad_runs.clear()


class Fleet:
    """All backends that the log names."""

    def __init__(self, document: FleetDocument) -> None:
        self._document = document
        self.backends: dict[str, KnownBackend] = {}

    def of(self, backend: str) -> KnownBackend:
        """What is known of a backend."""
        if backend not in self.backends:
            limits = self._document.of(backend)
            self.backends[backend] = KnownBackend(
                backend,
                Breaker(limits),
                Failures(limits),
                deque(maxlen=limits.history + 1),
                Calendar(backend),
                self._document.calibration_of(backend),
                figures=deque(maxlen=limits.history),
            )
        return self.backends[backend]

    def take(self, stored: Stored) -> None:
        """Fold a fact."""
        if (about := parse(stored.subject)).noun == "backend":
            self.of(about.id).calendar.take(stored.event, stored.stored_at)
        match stored.event:
            case BackendRegistered(data=registration, id=event):
                known = self.of(registration.backend)
                status = registration.status
                if status in (None, _ACTIVE):
                    known.not_active = None
                elif known.not_active is None or known.status != status:
                    text = f"{registration.vendor} says that {registration.backend} is {status}, and not active"
                    known.not_active = Shown(event, micros(stored.stored_at), text)
                known.status = status
            case BackendCalibrated(data=data, id=event):
                at_us, stored_us = micros(data.calibrated_at), micros(stored.stored_at)
                found = Calibrated(event, at_us, stored_us, data.digest, data.snapshot)
                self.of(data.backend).calibrated.append(found)
            case BackendIsolated() | BackendReadmitted() | BackendDegraded():
                self._changed(stored.event)
            case BackendRecalibrationAsked(data=asked):
                known = self.of(asked.backend)
                known.recalibration = asked
                known.asked[asked.reason.code] = asked.since
            case ProbeJudged():
                self._probed(stored.event, stored.stored_at)
            case AlertFired(data=alert, id=event):
                labels = alert.labels
                if labels.get("alertname") == "Drift" and labels.get("measure") == "quality" and "backend" in labels:
                    text = f"results of a reference circuit on {labels['backend']} drift: alert {alert.alert}"
                    shown = Shown(event, micros(stored.stored_at), text)
                    self.of(labels["backend"]).drifting[alert.alert] = shown
            case AlertResolved(data=ended):
                for known in self.backends.values():
                    known.drifting.pop(ended.alert, None)

    def ended(self, event: JobCompleted | JobFailed, at: datetime) -> bool:
        """Count the end of a job; return whether it shows that a backend fails too often."""
        data, failed = event.data, isinstance(event, JobFailed)
        if data.backend is None or (isinstance(event, JobFailed) and event.data.reason.code not in FAULTS):
            return False
        known = self.of(data.backend)
        text = known.failures.take(Outcome(data.tenant, micros(at), failed))
        if text is not None:
            known.failing = Shown(event.id, micros(at), text)
        return text is not None

    def _changed(self, event: BackendIsolated | BackendReadmitted | BackendDegraded) -> None:
        known = self.of(event.data.backend)
        match event:
            case BackendIsolated(data=it):
                not_before = micros(it.not_before) if it.not_before else 0
                known.isolation, known.readmission = it, None
                known.breaker.isolated(micros(it.since), by_person=it.by != SERVICE, not_before_us=not_before)
            case BackendReadmitted(data=readmission):
                known.isolation, known.readmission = None, readmission
                known.breaker.readmitted(micros(readmission.at), by_person=readmission.by != SERVICE)
                known.forget_failures()
            case BackendDegraded(data=degradation):
                known.degradation = degradation

    def _probed(self, event: ProbeJudged, at: datetime) -> None:
        """A run of a probe; one that is unclear, or did not run, says nothing."""
        it = event.data
        if it.kind == "rerun" or it.state not in ("passed", "below", "failed"):
            return
        known, at_us = self.of(it.backend), micros(at)
        known.proof_event = event.id
        known.proof = Proof(at_us, it.state == "passed", f"the probe {it.probe} {it.state} in its run {it.run}")
        if it.state == "passed":
            known.bad_runs.pop(it.probe, None)
            known.below = None
        elif it.state == "below":
            runs = known.bad_runs[it.probe] = known.bad_runs.get(it.probe, 0) + 1
            if runs >= known.breaker.limits.bad_probes:
                known.below = Shown(
                    event.id, at_us, f"{runs} runs of the probe {it.probe} in a row were below its floor"
                )
