"""Backends, and their calibrations."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from queuebit_contracts.wire import Digest, Event, Moment, Name, Payload, Reason, Sentence, Wire, open_text

__all__ = [
    "KINDS",
    "MOST_QUARANTINED",
    "MOST_STATUS",
    "AliveAnswer",
    "BackendCalibrated",
    "BackendCalibrationFailed",
    "BackendInterrupted",
    "BackendRegistered",
    "BackendRestored",
    "Calibration",
    "CalibrationAttempt",
    "CalibrationFailure",
    "Interruption",
    "Kind",
    "QueueState",
    "Registration",
    "Restoration",
    "Specification",
]

MOST_STATUS: Final = 100
"""The most characters of a status."""

MOST_QUARANTINED: Final = 32
"""The most values that a calibration names as not used."""

KINDS: Final = ("simulator", "emulated", "qpu")
"""The kinds that this version knows."""

Kind = Annotated[str, open_text(*KINDS)]
"""A simulator is ideal; a device, emulated or real, is noisy and costs what a device costs.

A backend of a kind that a reader does not know is used only by jobs that name it.
"""


_Status = Annotated[str, Field(max_length=MOST_STATUS), open_text("active", "internal", "dedicated", "maintenance")]


class Specification(Wire):
    """How large the medians of a calibration may be; one that is absent has no limit."""

    median_two_qubit_error_ppm: int | None = None
    median_readout_error_ppm: int | None = None


class Registration(Wire):
    """A backend offers itself, with all that admission and scheduling need to know."""

    backend: Name
    stack: Name
    """The executor that runs it."""
    vendor: str
    kind: Kind
    qubits: int = Field(ge=1)
    max_shots: int = Field(ge=1)
    memory_bytes: int | None = None
    """The memory that a simulator may use; absent on devices."""
    features: tuple[str, ...] = ()
    """Dynamic circuit features it runs, such as `reset` or `conditional`."""
    gates: tuple[str, ...] = ()
    rep_delay_ns: int = Field(default=0, ge=0)
    overhead_ns: int = Field(default=0, ge=0)
    slots: int = Field(default=1, ge=1)
    """Jobs that run at the same time."""
    control_group: Name | None = None
    """Backends with the same one share control electronics; absent: not known."""
    region: Name | None = None
    """Where it stands, such as `eu-central-1`; absent: not known, so that it takes no jobs with allowed regions."""
    answers_alive: bool | None = None
    """Its executor answers requests to `qb.alive.<backend>`, with any body. Only then does silence mean that it is
    gone, and are jobs that wait there placed elsewhere."""
    specification: Specification | None = None
    """What its calibrations are promised to keep; absent: nothing is promised."""
    status: _Status | None = None
    """What its vendor says of it; absent if it says nothing. One that is not `active` may accept jobs, and not run
    them."""


class Calibration(Wire):
    """A snapshot of a device's quality."""

    backend: Name
    calibrated_at: Moment
    snapshot: Payload
    """JSON: T1, T2 and the durations of gates in seconds, readout and gate errors as probabilities."""
    digest: Digest
    median_two_qubit_error_ppm: int | None = None
    median_readout_error_ppm: int | None = None
    quarantined: tuple[Sentence, ...] | None = None
    """Values that cannot be, such as an error that is no probability or a T2 above 2 · T1: they are not used, and the
    text says what is in force instead. At most `MOST_QUARANTINED`; absent if there are none."""


class CalibrationFailure(Wire):
    """A device's calibration could not be read; the one before stays in force."""

    backend: Name
    attempted_at: Moment
    reason: Reason


class CalibrationAttempt(Wire):
    """The newest attempt of an executor to read a device's calibration."""

    attempted_at: Moment
    failing_since: Moment | None = None
    """The first of the failed attempts since the last good one; absent if the newest was good."""
    reason: Reason | None = None
    """Why the newest failed."""


class Interruption(Wire):
    """A backend went out of service."""

    backend: Name
    since: Moment
    """When it failed to answer for the first time."""
    reason: Reason
    """Why it counts as out of service; `no_answer`: its executor did not answer for as long as the scheduler allows."""


class Restoration(Wire):
    """A backend is in service again."""

    backend: Name
    interrupted_since: Moment
    """`since` of the interruption that ends."""
    answers_since: Moment
    """From when on it answered without a gap."""


class QueueState(Wire):
    """The queue of a vendor in front of a new job on its device, as the executor read it."""

    observed_at: Moment
    jobs: int | None = Field(default=None, ge=0)
    """Jobs in it, of all customers of the vendor; absent if the vendor states a time only."""
    expected_ms: int = Field(ge=0)
    """The forecast of the wait: of the vendor, or from the jobs."""
    low_ms: int = Field(ge=0)
    """One of ten jobs is expected to wait less."""
    high_ms: int = Field(ge=0)
    """One of ten jobs is expected to wait longer."""


class AliveAnswer(Wire):
    """What an executor answers to `qb.alive.<backend>`. Older ones answer `{}`."""

    calibration: CalibrationAttempt | None = None
    """Absent before the first attempt, and of backends that have no calibration."""
    queue: QueueState | None = None
    """Absent of backends whose vendor does not report it, and while it does not answer."""


class BackendRegistered(Event[Registration]):
    """The backend exists; said again whenever what it offers changes."""

    type: Literal["qb.backend.registered.v1"] = "qb.backend.registered.v1"


class BackendCalibrated(Event[Calibration]):
    """The backend has a new calibration."""

    type: Literal["qb.backend.calibrated.v1"] = "qb.backend.calibrated.v1"


class BackendCalibrationFailed(Event[CalibrationFailure]):
    """Reading the calibration failed; said once, until an attempt succeeds or fails for another reason."""

    type: Literal["qb.backend.calibration_failed.v1"] = "qb.backend.calibration_failed.v1"


class BackendInterrupted(Event[Interruption]):
    """The backend is out of service until `restored`; said once for each interruption, however often it answers in
    between for a short time."""

    type: Literal["qb.backend.interrupted.v1"] = "qb.backend.interrupted.v1"


class BackendRestored(Event[Restoration]):
    """The backend has answered for long enough to be in service again."""

    type: Literal["qb.backend.restored.v1"] = "qb.backend.restored.v1"
