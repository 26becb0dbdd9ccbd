"""Backends that the circuit-breaker takes out of service, whole or in part (ADR 0096).

qb.backend.<backend>.isolated   qb.backend.<backend>.readmitted   qb.backend.<backend>.degraded
qb.backend.<backend>.recalibration_asked   qb.backend.<backend>.calibration_unplanned

The service `fleet` decides. The scheduler appends `isolated` and `readmitted`, because it appends placements, too: one
writer makes their order exact. Fleet asks it on `subjects.ISOLATION_REQUEST`, and appends the others itself. The
operator asks fleet on `subjects.FLEET_REQUEST`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.wire import DecimalText, Digest, Event, Moment, Name, Reason, Sentence, Wire, open_text

__all__ = [
    "CAUSES",
    "MOST_EVIDENCE",
    "PROBES",
    "BackendCalibrationUnplanned",
    "BackendDegraded",
    "BackendIsolated",
    "BackendReadmitted",
    "BackendRecalibrationAsked",
    "Degradation",
    "FleetAnswer",
    "FleetRequest",
    "FleetRow",
    "Isolation",
    "IsolationAnswer",
    "IsolationRequest",
    "ManualOrder",
    "Observation",
    "Readmission",
    "Recalibration",
    "UnplannedCalibration",
]

PROBES: Final = "probes"
"""The tenant of probes. Its jobs alone are placed on an isolated backend, to find out whether it is good again."""

CAUSES: Final = ("vendor_status", "overdue", "elements", "failures", "drift", "probe", "no_finding", "operator")
"""The codes of reasons: its vendor says that it is not active; no new calibration for too long; too few good qubits and
couplers are left; too many jobs fail by its fault; its results drift; probes; nothing speaks against it any more; a
person."""

MOST_EVIDENCE: Final = 32
"""The most observations in one fact; the worst come first."""

_MEASURES = (
    "two_qubit_error",
    "readout_error",
    "calibration_age_s",
    "good_qubits",
    "vendor_status",
    "failures",
    "drift",
    "probe",
)
_Qubit = Annotated[int, Field(ge=0)]
_Author = Annotated[str, Field(min_length=1, max_length=200)]


class Observation(Wire):
    """One value that a decision rests on."""

    measure: Annotated[str, open_text(*_MEASURES)]
    element: str | None = Field(default=None, max_length=40)
    """A qubit, such as `3`, or a coupler, such as `3-5`; absent for the whole backend."""
    value: DecimalText | None = None
    """What was seen; absent if there is no number, such as of an element without a value."""
    limit: DecimalText | None = None
    """The limit that it was compared with."""
    event: str | None = Field(default=None, max_length=64)
    """The id of the event that shows it."""
    text: str | None = Field(default=None, max_length=300)
    """What was seen, where it is no number."""


_Evidence = Annotated[tuple[Observation, ...], Field(max_length=MOST_EVIDENCE)]


class Isolation(Wire):
    """A backend gets no placement from here on; only those of probes."""

    backend: Name
    since: Moment
    """When it was decided."""
    reason: Reason
    """Its code is one of `CAUSES`."""
    evidence: _Evidence = ()
    by: _Author
    """`fleet`, or who asked for it."""
    not_before: Moment | None = None
    """The service does not readmit it before; absent if only a person does."""


class Readmission(Wire):
    """A backend is in service again."""

    backend: Name
    isolated_since: Moment
    """`since` of the isolation that ends."""
    at: Moment
    reason: Reason
    evidence: _Evidence = ()
    by: _Author


class Degradation(Wire):
    """Which elements of a backend are not used; the rest stays in service. Each fact replaces the one before it."""

    backend: Name
    at: Moment
    qubits: tuple[_Qubit, ...] = ()
    couplers: tuple[tuple[_Qubit, _Qubit], ...] = ()
    """Pairs of qubits, the lower number first; those of qubits that are not used are left out."""
    calibration: Digest | None = None
    """The calibration that was judged."""
    reason: Reason
    evidence: _Evidence = ()
    by: _Author


class Recalibration(Wire):
    """The operator's own system was asked to calibrate a backend, once for each cause."""

    backend: Name
    reason: Reason
    """Its code is `elements`, `overdue` or `drift`; or `window`: a planned window for a calibration began."""
    since: Moment
    """Since when this is so: `since` of the isolation, when its calibration was overdue, or when the window began."""
    at: Moment
    """When the last try ended."""
    outcome: Annotated[str, open_text("accepted", "given_up")]
    tries: int = Field(ge=1)
    status: int | None = None
    """Of the last answer; absent if there was none."""
    error: Sentence | None = None
    """Why the last try failed."""


class UnplannedCalibration(Wire):
    """A calibration is due by rule, and the calendar of its backend has no place for its window."""

    backend: Name
    at: Moment
    due_at: Moment
    rule: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Reason
    """Its code is `no_place`."""


class BackendIsolated(Event[Isolation]):
    """The backend is isolated until `readmitted`: between the two there is no placement on it, except of probes."""

    type: Literal["qb.backend.isolated.v1"] = "qb.backend.isolated.v1"


class BackendReadmitted(Event[Readmission]):
    """The backend gets placements again."""

    type: Literal["qb.backend.readmitted.v1"] = "qb.backend.readmitted.v1"


class BackendDegraded(Event[Degradation]):
    """Other elements of the backend are taken out than before; none if it is whole again."""

    type: Literal["qb.backend.degraded.v1"] = "qb.backend.degraded.v1"


class BackendRecalibrationAsked(Event[Recalibration]):
    """The operator's own system was asked to calibrate the backend; a calibration follows, or none."""

    type: Literal["qb.backend.recalibration_asked.v1"] = "qb.backend.recalibration_asked.v1"


class BackendCalibrationUnplanned(Event[UnplannedCalibration]):
    """A calibration got no window; the next one that is planned for a calibration ends this, and a calibration does."""

    type: Literal["qb.backend.calibration_unplanned.v1"] = "qb.backend.calibration_unplanned.v1"


class IsolationRequest(Wire):
    """Exactly one of both."""

    isolate: Isolation | None = None
    readmit: Readmission | None = None


class IsolationAnswer(Wire):
    """What became of it."""

    sequence: int | None = None
    """Of the fact in the log; also if an earlier request of the same content had stored it."""
    errors: tuple[Reason, ...] = ()


class ManualOrder(Wire):
    """A person isolates a backend, or readmits it."""

    backend: Name
    reason: Sentence
    by: _Author
    """Who gives it, as the client of the operator says."""


class FleetRequest(Wire):
    """An order of the operator; without any, the answer lists all backends."""

    isolate: ManualOrder | None = None
    readmit: ManualOrder | None = None


class FleetRow(Wire):
    """A backend, as the fleet service sees it."""

    backend: Name
    state: Annotated[str, open_text("in_service", "degraded", "isolated")]
    since: Moment | None = None
    reason: Reason | None = None
    by: str | None = None
    not_before: Moment | None = None
    qubits: tuple[int, ...] = ()
    couplers: tuple[tuple[int, int], ...] = ()
    recalibration: Recalibration | None = None
    """The newest; absent once a calibration followed it."""


class FleetAnswer(Wire):
    """What became of an order, and the backends."""

    sequence: int | None = None
    rows: tuple[FleetRow, ...] = ()
    errors: tuple[Reason, ...] = ()
