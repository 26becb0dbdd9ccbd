"""What the fleet service found and could not settle itself: tickets, each until its cause ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from queuebit_alerting.state import Signal
from queuebit_contracts.alerts import MOST_EVIDENCE, Evidence
from queuebit_contracts.backend import BackendCalibrated
from queuebit_contracts.calendar import BackendWindowPlanned
from queuebit_contracts.fleet import (
    BackendCalibrationUnplanned,
    BackendDegraded,
    BackendReadmitted,
    BackendRecalibrationAsked,
    Degradation,
    Recalibration,
)
from queuebit_runtime.stored import Stored

__all__ = ["FleetTickets"]

_Element = tuple[int, ...]

_DEGRADED: Final = "BackendDegraded"
_ASKED: Final = "CalibrationAsked"
_UNPLANNED: Final = "CalibrationUnplanned"


@dataclass(frozen=True, slots=True)
class _Cause:
    summary: str
    evidence: Evidence


class FleetTickets:
    """Three alerts of each backend, for which the facts have the thresholds, so that none of them flaps.

    `BackendDegraded`: qubits or couplers are not used, until all are used again; those that the first calibration of
    the backend took out are how it came, and no ticket. `CalibrationAsked`: the operator's
    system was asked to calibrate, until a later calibration comes or the backend is readmitted; a planned window whose
    request was accepted is no ticket. `CalibrationUnplanned`: a calibration is due by rule and its window has no place,
    until one is planned or a calibration comes.
    """

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], _Cause | None] = {}
        """By alert and backend; None once its cause ended."""
        self._asked_at: dict[str, datetime] = {}
        self._first: dict[str, str] = {}
        """By backend: the digest of its first calibration."""
        self._never_used: dict[str, frozenset[_Element]] = {}
        """By backend: the elements that this one took out."""

    def take(self, stored: Stored) -> None:
        """Fold a fact about a backend."""
        match stored.event:
            case BackendDegraded(id=event, data=data):
                elements = frozenset((*((it,) for it in data.qubits), *data.couplers))
                if data.calibration == self._first.get(data.backend, ""):
                    self._never_used.setdefault(data.backend, elements)
                if elements - self._never_used.get(data.backend, frozenset()):
                    self._newest[_DEGRADED, data.backend] = _degraded(event, data)
                else:
                    self._end(_DEGRADED, data.backend)
            case BackendRecalibrationAsked(id=event, data=asked):
                if (asked.reason.code, asked.outcome) != ("window", "accepted"):
                    self._newest[_ASKED, asked.backend] = _asked(event, asked)
                    self._asked_at[asked.backend] = asked.at
            case BackendCalibrationUnplanned(id=event, data=unplanned):
                evidence = Evidence(events=(event,), since=unplanned.at)
                self._newest[_UNPLANNED, unplanned.backend] = _Cause(unplanned.reason.text, evidence)
            case BackendCalibrated(data=calibration):
                self._first.setdefault(calibration.backend, calibration.digest)
                self._end(_UNPLANNED, calibration.backend)
                asked_at = self._asked_at.get(calibration.backend)
                if asked_at is not None and calibration.calibrated_at > asked_at:
                    self._end(_ASKED, calibration.backend)
            case BackendReadmitted(data=readmission):
                self._end(_ASKED, readmission.backend)
            case BackendWindowPlanned(data=window) if window.kind == "calibration":
                self._end(_UNPLANNED, window.backend)
            case _:
                pass

    async def signals(self, now: datetime) -> Sequence[Signal]:
        """One signal for each alert that ever fired; see `SignalSource`."""
        return [_signal(name, backend, cause, now) for (name, backend), cause in self._newest.items()]

    def _end(self, name: str, backend: str) -> None:
        if (name, backend) in self._newest:
            self._newest[name, backend] = None


def _degraded(event: str, data: Degradation) -> _Cause:
    seen = dict.fromkeys([event, *(it.event for it in data.evidence if it.event)])
    return _Cause(data.reason.text, Evidence(events=tuple(seen)[:MOST_EVIDENCE], since=data.at))


def _asked(event: str, data: Recalibration) -> _Cause:
    text = f"the operator's system was asked to calibrate {data.backend}, and no calibration came yet"
    if data.outcome != "accepted":
        text = f"the operator's system could not be asked to calibrate {data.backend} ({data.error or data.outcome})"
    return _Cause(f"{text}: {data.reason.text}", Evidence(events=(event,), since=data.since))


def _signal(name: str, backend: str, cause: _Cause | None, now: datetime) -> Signal:
    labels = {"alertname": name, "severity": "ticket", "backend": backend}
    if cause is None:
        return Signal(labels, {}, firing=False, at=now)
    return Signal(labels, {"summary": cause.summary[:1000]}, firing=True, at=now, evidence=cause.evidence)
