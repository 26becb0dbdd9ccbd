"""The catalogue of event types: subject, appending services, and the resulting state of a job.

This is the only list. Permissions, subjects, the AsyncAPI document, `lifecycle`, and the terminal events that views and
queries use are derived from it or checked against it. To add a type, add its class, its line here and a golden example,
then run `make generate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Annotated, Any, Final, Union

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from queuebit_contracts.access import AccessRead, AccessRefused
from queuebit_contracts.account import (
    AccountCorrected,
    AccountExpired,
    AccountFunded,
    AccountGranted,
    AccountHeld,
    AccountReleased,
    AccountSettled,
)
from queuebit_contracts.alerts import (
    AlertAcknowledged,
    AlertDelivered,
    AlertFired,
    AlertNotified,
    AlertResolved,
    SilenceCreated,
    SilenceEnded,
)
from queuebit_contracts.backend import (
    BackendCalibrated,
    BackendCalibrationFailed,
    BackendInterrupted,
    BackendRegistered,
    BackendRestored,
)
from queuebit_contracts.budget import BudgetReached
from queuebit_contracts.calendar import (
    BackendFreed,
    BackendReserved,
    BackendWindowCancelled,
    BackendWindowPlanned,
)
from queuebit_contracts.canaries import (
    CanaryAborted,
    CanaryDrafted,
    CanaryJudged,
    CanaryPromoted,
    CanaryShadowed,
    CanaryStarted,
)
from queuebit_contracts.command import CancelJob
from queuebit_contracts.config import ConfigApplied
from queuebit_contracts.delegation import DelegationGranted, DelegationRevoked
from queuebit_contracts.erasure import PayloadsErased
from queuebit_contracts.fleet import (
    BackendCalibrationUnplanned,
    BackendDegraded,
    BackendIsolated,
    BackendReadmitted,
    BackendRecalibrationAsked,
)
from queuebit_contracts.hybrid import (
    HybridAccepted,
    HybridCancelled,
    HybridCompleted,
    HybridFailed,
    HybridMetered,
    HybridRejected,
    HybridStarted,
    HybridStopRequested,
    HybridSubmitted,
)
from queuebit_contracts.incidents import (
    IncidentAcknowledged,
    IncidentJoined,
    IncidentNoted,
    IncidentOpened,
    IncidentReopened,
    IncidentResolved,
)
from queuebit_contracts.invoice import InvoiceCredited, InvoiceIssued
from queuebit_contracts.job import (
    JobAccepted,
    JobCancelled,
    JobCompleted,
    JobCorrected,
    JobDispatched,
    JobExpired,
    JobFailed,
    JobMetered,
    JobPlaced,
    JobRejected,
    JobSealed,
    JobSealedV1,
    JobStarted,
    JobSubmitted,
    JobUsageReported,
    JobWithdrawn,
)
from queuebit_contracts.leader import LeaderElected
from queuebit_contracts.probe import ProbeJudged
from queuebit_contracts.reservation import (
    ReservationBooked,
    ReservationCancelled,
    ReservationEnded,
    ReservationMetered,
    ReservationReturned,
    ReservationStarted,
)
from queuebit_contracts.session import SessionClosed, SessionMetered, SessionOpened
from queuebit_contracts.subjects import parse
from queuebit_contracts.tenant import (
    CircuitDefined,
    IssuerDefined,
    IssuerRemoved,
    ProjectDefined,
    ProjectRemoved,
    TenantDefined,
    TenantRemoved,
    UserDefined,
    UserRemoved,
)
from queuebit_contracts.transparency import KeysRotated, LogCheckpointed, StatementLogged
from queuebit_contracts.vendor_bill import BillImported, CostRead
from queuebit_contracts.wire import Event, UnknownEvent
from queuebit_kernel import Malformed

__all__ = ["CATALOG", "EVENTS", "NUMBERED", "AnyEvent", "Decoded", "Entry", "decode", "wire_name"]

AnyEvent = Event[Any]  # the class is known only after reading `type`

Decoded = AnyEvent | UnknownEvent
"""An event in the log: one of the catalogue, or one of an unknown type."""


def wire_name(event: type[AnyEvent]) -> str:
    """The `type` that documents of this class carry."""
    return str(event.model_fields["type"].default)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event type."""

    event: type[AnyEvent]
    subject: str
    """Its subject; names in braces are fields of its data."""
    appended_by: tuple[str, ...]
    """The services that append it; `executor` is each executor, `client` is a tenant's user, through the intake.
    Empty for an earlier version of a type, which is only read."""
    state: str | None = None
    """The state of its job from then on; None if it changes none."""
    terminal: bool = False
    """Whether nothing more happens to the job but its bill and its receipt."""
    revised: bool = False
    """Whether more than one may follow: where the data have a `revision`, it is one more token of the subject."""

    @property
    def type(self) -> str:
        """The wire name."""
        return wire_name(self.event)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everywhere that it may be published."""
        return (self.subject, f"{self.subject}.{{revision}}") if self.revised else (self.subject,)

    @property
    def noun(self) -> str:
        """The noun of its subject, such as `job`."""
        return parse(self.subject).noun

    @property
    def name(self) -> str:
        """The event's name in its subject, such as `placed`."""
        return parse(self.subject).event


_JOB = "qb.job.{tenant}.{job}."
_ACCOUNT = "qb.account.{tenant}.{account}."
_TENANT = "qb.tenant.{tenant}."
_DELEGATION = "qb.delegation.{tenant}.{delegation}."
_RESERVATION = "qb.reservation.{tenant}.{reservation}."
_SESSION = "qb.session.{tenant}.{session}."
_HYBRID = "qb.hybrid.{tenant}.{hybrid}."
_INVOICE = "qb.invoice.{tenant}.{period}."
_INCIDENT = "qb.incident.{incident}."
_CANARY = "qb.canary.{canary}."
_ACCESS = "qb.access.{tenant}.{process}."

CATALOG: Final[Mapping[str, Entry]] = MappingProxyType({
    entry.type: entry
    for entry in (
        Entry(JobSubmitted, _JOB + "submitted", ("client", "broker"), "submitted"),
        Entry(JobAccepted, _JOB + "accepted", ("broker",), "accepted"),
        Entry(JobRejected, _JOB + "rejected", ("broker",), "rejected", terminal=True),
        Entry(JobPlaced, _JOB + "placed.{backend}", ("scheduler",), "placed"),
        Entry(JobWithdrawn, _JOB + "withdrawn", ("scheduler",), "accepted"),
        Entry(JobStarted, _JOB + "started", ("executor",), "started"),
        Entry(JobDispatched, _JOB + "dispatched", ("executor",), "dispatched", revised=True),
        Entry(JobCompleted, _JOB + "completed", ("executor",), "completed", terminal=True),
        Entry(JobFailed, _JOB + "failed", ("executor",), "failed", terminal=True),
        Entry(JobCancelled, _JOB + "cancelled", ("broker",), "cancelled", terminal=True),
        Entry(JobExpired, _JOB + "expired", ("scheduler",), "expired", terminal=True),
        Entry(JobMetered, _JOB + "metered", ("metering",)),
        Entry(JobUsageReported, _JOB + "usage_reported.{revision}", ("executor",)),
        Entry(JobCorrected, _JOB + "corrected.{revision}", ("metering",)),
        Entry(JobSealed, _JOB + "sealed", ("provenance",), revised=True),
        Entry(JobSealedV1, _JOB + "sealed", (), revised=True),
        Entry(AccountFunded, _ACCOUNT + "funded", ("broker",)),
        Entry(AccountGranted, _ACCOUNT + "granted.{grant}", ("broker",)),
        Entry(AccountExpired, _ACCOUNT + "expired.{grant}", ("broker",)),
        Entry(AccountHeld, _ACCOUNT + "held", ("broker",)),
        Entry(AccountSettled, _ACCOUNT + "settled.{job}", ("metering",)),
        Entry(AccountReleased, _ACCOUNT + "released.{job}", ("broker",)),
        Entry(AccountCorrected, _ACCOUNT + "corrected.{job}-{revision}", ("metering",)),
        Entry(BudgetReached, "qb.budget.{tenant}.{mark}.reached", ("broker",)),
        Entry(TenantDefined, _TENANT + "defined", ("broker",)),
        Entry(TenantRemoved, _TENANT + "removed", ("broker",)),
        Entry(ProjectDefined, _TENANT + "project_defined.{project}", ("broker",)),
        Entry(ProjectRemoved, _TENANT + "project_removed.{project}", ("broker",)),
        Entry(UserDefined, _TENANT + "user_defined.{user}", ("broker",)),
        Entry(UserRemoved, _TENANT + "user_removed.{user}", ("broker",)),
        Entry(IssuerDefined, _TENANT + "issuer_defined.{issuer}", ("broker",)),
        Entry(CircuitDefined, _TENANT + "circuit_defined.{circuit}-{version}", ("broker",)),
        Entry(PayloadsErased, _TENANT + "payloads_erased.{erasure}", ("broker",)),
        Entry(IssuerRemoved, _TENANT + "issuer_removed.{issuer}", ("broker",)),
        Entry(DelegationGranted, _DELEGATION + "granted", ("broker",)),
        Entry(DelegationRevoked, _DELEGATION + "revoked", ("broker",)),
        Entry(SessionOpened, _SESSION + "opened", ("broker",)),
        Entry(SessionClosed, _SESSION + "closed", ("broker",)),
        Entry(SessionMetered, _SESSION + "metered", ("metering",)),
        Entry(ReservationBooked, _RESERVATION + "booked", ("broker",)),
        Entry(ReservationCancelled, _RESERVATION + "cancelled", ("broker",)),
        Entry(ReservationStarted, _RESERVATION + "started", ("scheduler",)),
        Entry(ReservationReturned, _RESERVATION + "returned", ("broker",)),
        Entry(ReservationEnded, _RESERVATION + "ended", ("scheduler",)),
        Entry(ReservationMetered, _RESERVATION + "metered", ("metering",)),
        Entry(HybridSubmitted, _HYBRID + "submitted", ("client", "broker")),
        Entry(HybridAccepted, _HYBRID + "accepted", ("broker",)),
        Entry(HybridRejected, _HYBRID + "rejected", ("broker",)),
        Entry(HybridStarted, _HYBRID + "started", ("hybrid",)),
        Entry(HybridStopRequested, _HYBRID + "stop_requested", ("broker",)),
        Entry(HybridCompleted, _HYBRID + "completed", ("hybrid",)),
        Entry(HybridFailed, _HYBRID + "failed", ("hybrid",)),
        Entry(HybridCancelled, _HYBRID + "cancelled", ("hybrid",)),
        Entry(HybridMetered, _HYBRID + "metered", ("metering",)),
        Entry(InvoiceIssued, _INVOICE + "issued", ("metering",)),
        Entry(InvoiceCredited, _INVOICE + "credited.{revision}", ("metering",)),
        Entry(BillImported, "qb.bill.{vendor}.{statement}.imported", ("metering",)),
        Entry(CostRead, "qb.bill.{vendor}.{statement}.read.{revision}", ("metering",)),
        Entry(ConfigApplied, "qb.config.stack.applied", ("broker",)),
        Entry(BackendRegistered, "qb.backend.{backend}.registered", ("executor",)),
        Entry(BackendCalibrated, "qb.backend.{backend}.calibrated", ("executor",)),
        Entry(BackendCalibrationFailed, "qb.backend.{backend}.calibration_failed", ("executor",)),
        Entry(BackendInterrupted, "qb.backend.{backend}.interrupted", ("scheduler",)),
        Entry(BackendRestored, "qb.backend.{backend}.restored", ("scheduler",)),
        Entry(BackendWindowPlanned, "qb.backend.{backend}.window_planned.{window}", ("broker",)),
        Entry(BackendWindowCancelled, "qb.backend.{backend}.window_cancelled.{window}", ("broker",)),
        Entry(BackendReserved, "qb.backend.{backend}.reserved.{reservation}", ("broker",)),
        Entry(BackendFreed, "qb.backend.{backend}.freed.{reservation}", ("broker",)),
        Entry(BackendIsolated, "qb.backend.{backend}.isolated", ("scheduler",)),
        Entry(BackendReadmitted, "qb.backend.{backend}.readmitted", ("scheduler",)),
        Entry(BackendDegraded, "qb.backend.{backend}.degraded", ("fleet",)),
        Entry(BackendRecalibrationAsked, "qb.backend.{backend}.recalibration_asked", ("fleet",)),
        Entry(BackendCalibrationUnplanned, "qb.backend.{backend}.calibration_unplanned", ("fleet",)),
        Entry(AlertFired, "qb.slo.{alert}.fired.{number}", ("alerting",)),
        Entry(AlertResolved, "qb.slo.{alert}.resolved.{number}", ("alerting",)),
        Entry(AlertNotified, "qb.slo.{group}.notified.{number}", ("alerting",)),
        Entry(AlertDelivered, "qb.slo.{group}.delivered.{number}", ("alerting",)),
        Entry(AlertAcknowledged, "qb.slo.{group}.acknowledged.{number}", ("alerting",)),
        Entry(SilenceCreated, "qb.silence.{silence}.created", ("alerting",)),
        Entry(SilenceEnded, "qb.silence.{silence}.ended", ("alerting",)),
        Entry(IncidentOpened, _INCIDENT + "opened", ("alerting",)),
        Entry(IncidentJoined, _INCIDENT + "joined.{number}", ("alerting",)),
        Entry(IncidentAcknowledged, _INCIDENT + "acknowledged.{episode}", ("alerting",)),
        Entry(IncidentNoted, _INCIDENT + "noted.{number}", ("alerting",)),
        Entry(IncidentResolved, _INCIDENT + "resolved.{episode}", ("alerting",)),
        Entry(IncidentReopened, _INCIDENT + "reopened.{episode}", ("alerting",)),
        Entry(LeaderElected, "qb.leader.{service}.elected", ("scheduler",)),
        Entry(ProbeJudged, "qb.probe.{backend}.judged.{run}", ("prober",)),
        Entry(CanaryDrafted, _CANARY + "drafted", ("alerting",)),
        Entry(CanaryStarted, _CANARY + "started", ("alerting",)),
        Entry(CanaryJudged, _CANARY + "judged.{number}", ("alerting",)),
        Entry(CanaryShadowed, _CANARY + "shadowed.{number}", ("scheduler",)),
        Entry(CanaryPromoted, _CANARY + "promoted", ("alerting",)),
        Entry(CanaryAborted, _CANARY + "aborted", ("alerting",)),
        Entry(LogCheckpointed, "qb.proof.{log}.checkpointed", ("provenance",)),
        Entry(KeysRotated, "qb.proof.{log}.keys_rotated.{trust_version}", ("provenance",)),
        Entry(AccessRead, _ACCESS + "read.{number}", ("gateway", "provenance", "telemetry")),
        Entry(AccessRefused, _ACCESS + "refused.{number}", ("gateway", "broker")),
        Entry(StatementLogged, "qb.proof.{log}.statement_logged.{entry}", ("provenance",)),
        Entry(CancelJob, "qb.command.{tenant}.{job}.cancel", ("client", "broker")),
    )
})  # fmt: skip
"""By wire name."""

EVENTS: Final[Mapping[str, type[AnyEvent]]] = MappingProxyType({name: it.event for name, it in CATALOG.items()})
"""The class of each type, by wire name."""

NUMBERED: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(it.name for it in CATALOG.values() if it.noun == "job" and it.subjects[-1].endswith("{revision}"))
)
"""The names of those events of a job that may follow its end several times, each with a number in its subject."""


# One pass over the bytes: `type` selects the class while it is parsed. Any, since it exists only at run time.
_union: Any = Union[tuple(EVENTS.values())]  # noqa: UP007
_ANY: Final[TypeAdapter[AnyEvent]] = TypeAdapter(
    Annotated[_union, Field(discriminator="type")],
    config=ConfigDict(defer_build=True),  # a client that only submits decodes nothing
)


_MAX_DEPTH = 32
"""Levels of brackets in an event. Deeper nesting could exhaust the stack of a recursive reader."""

_NO_BRACKETS = bytes({*range(256)} - {*b"[]{}"})


def _too_deep(body: bytes) -> bool:
    """Whether brackets outside texts nest too deep; a text without an end reaches to the end of the body."""
    if _opened(body) <= _MAX_DEPTH:
        return False
    outside = body.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2]  # a backslash belongs to a text
    brackets = b"".join(outside).translate(None, _NO_BRACKETS)
    if _opened(brackets) <= _MAX_DEPTH:
        return False
    return max(accumulate(1 if it in b"[{" else -1 for it in brackets)) > _MAX_DEPTH


def _opened(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def decode(body: bytes, subject: str = "") -> Decoded:
    """Read a document of the log.

    A type that is not in the catalogue is not an error: it gives an `UnknownEvent`, which readers ignore.

    Raises:
        Malformed: not a JSON object with a `type`, nested too deep, or of a known type whose schema it breaks.
    """
    if _too_deep(body):
        raise Malformed(f"not an event: it nests more than {_MAX_DEPTH} levels deep")
    try:
        return _ANY.validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False, include_context=False)[0]["type"] == _UNKNOWN_TYPE:
            name = from_json(body)["type"]
            if not name or not isinstance(name, str):
                raise Malformed("not an event: its `type` is not a text") from error
            return UnknownEvent(name, subject, body)
        raise Malformed(f"not an event: {_faults(error):.300}") from error


_UNKNOWN_TYPE = "union_tag_invalid"
"""The error type of pydantic for a `type` that is not in the union."""


def _faults(error: ValidationError) -> str:
    """Each invalid field and its error, without the list of all types."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, it['loc'][1:]))} {it['msg']}".strip() for it in found[:5])
