"""The life of a job, as facts. What each of them says is in `admission`, `execution` and `billing`."""

from __future__ import annotations

from typing import Literal

from queuebit_contracts.admission import (
    MOST_GATES,
    MOST_PRIORITY,
    OBJECTIVES,
    Acceptance,
    Candidate,
    FallbackTerms,
    GateShots,
    JobObjective,
    Profile,
    Rejection,
    Signature,
    Submission,
    Terms,
)
from queuebit_contracts.billing import (
    Charge,
    ChargeLine,
    Correction,
    Credits,
    Metering,
    Seal,
    SealV1,
    UsageReport,
)
from queuebit_contracts.execution import (
    Cancellation,
    Compilation,
    CompileChoice,
    Completion,
    Dispatch,
    Expiry,
    Failure,
    ItemSummary,
    Moved,
    Part,
    Placement,
    Preempted,
    Score,
    Start,
    Withdrawal,
)
from queuebit_contracts.fallback import Fallback
from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.limits import JobLimits
from queuebit_contracts.sharing import SharedRun
from queuebit_contracts.usage import Measure, Usage
from queuebit_contracts.wire import Event

__all__ = [
    "MOST_GATES",
    "MOST_PRIORITY",
    "OBJECTIVES",
    "TERMINAL",
    "Acceptance",
    "Cancellation",
    "Candidate",
    "Charge",
    "ChargeLine",
    "Compilation",
    "CompileChoice",
    "Completion",
    "Correction",
    "Credits",
    "Dispatch",
    "Ended",
    "Expiry",
    "Failure",
    "Fallback",
    "FallbackTerms",
    "GateShots",
    "ItemSummary",
    "JobAccepted",
    "JobCancelled",
    "JobCompleted",
    "JobCorrected",
    "JobDispatched",
    "JobExpired",
    "JobFailed",
    "JobLimits",
    "JobMetered",
    "JobObjective",
    "JobPlaced",
    "JobRejected",
    "JobSealed",
    "JobSealedV1",
    "JobStarted",
    "JobSubmitted",
    "JobUsageReported",
    "JobWithdrawn",
    "Measure",
    "Metering",
    "Moved",
    "Part",
    "Placement",
    "Preempted",
    "Profile",
    "Rejection",
    "Score",
    "Seal",
    "SealV1",
    "SharedRun",
    "Signature",
    "Start",
    "Submission",
    "Terms",
    "Usage",
    "UsageReport",
    "Withdrawal",
]


class JobSubmitted(Event[Submission]):
    """A client asks for a job. Says nothing about whether it will run."""

    type: Literal["qb.job.submitted.v1"] = "qb.job.submitted.v1"


class JobAccepted(Event[Acceptance]):
    """The job will run: it fits, it may, and its budget is held."""

    type: Literal["qb.job.accepted.v1"] = "qb.job.accepted.v1"


class JobRejected(Event[Rejection]):
    """The job will not run. Terminal."""

    type: Literal["qb.job.rejected.v1"] = "qb.job.rejected.v1"


class JobPlaced(Event[Placement]):
    """A backend was chosen. The executor answers with `JobStarted`."""

    type: Literal["qb.job.placed.v1"] = "qb.job.placed.v1"


class JobWithdrawn(Event[Withdrawal]):
    """The job has no place any more and waits for another decision. Its executor starts no run of that place."""

    type: Literal["qb.job.withdrawn.v1"] = "qb.job.withdrawn.v1"


class JobStarted(Event[Start]):
    """An attempt began; a later attempt means that this one was lost."""

    type: Literal["qb.job.started.v1"] = "qb.job.started.v1"


class JobDispatched(Event[Dispatch]):
    """A vendor has the job's work, and this is its handle. Appended before anything waits for the vendor."""

    type: Literal["qb.job.dispatched.v1"] = "qb.job.dispatched.v1"


class JobCompleted(Event[Completion]):
    """The job has a result. Terminal."""

    type: Literal["qb.job.completed.v1"] = "qb.job.completed.v1"


class JobFailed(Event[Failure]):
    """The job has no result and will get none. Terminal."""

    type: Literal["qb.job.failed.v1"] = "qb.job.failed.v1"


class JobCancelled(Event[Cancellation]):
    """The job was stopped at its owner's wish. Terminal."""

    type: Literal["qb.job.cancelled.v1"] = "qb.job.cancelled.v1"


class JobExpired(Event[Expiry]):
    """The job could not be in time any more, and never ran. It costs nothing. Terminal."""

    type: Literal["qb.job.expired.v1"] = "qb.job.expired.v1"


class JobMetered(Event[Metering]):
    """The job's usage was rated."""

    type: Literal["qb.job.metered.v1"] = "qb.job.metered.v1"


class JobUsageReported(Event[UsageReport]):
    """A backend states the usage of a job after its end. It is billed once the job is metered, whenever it comes."""

    type: Literal["qb.job.usage_reported.v1"] = "qb.job.usage_reported.v1"


class JobCorrected(Event[Correction]):
    """The job's bill changed, since its usage did."""

    type: Literal["qb.job.corrected.v1"] = "qb.job.corrected.v1"


class JobSealed(Event[Seal]):
    """The statement about the job is a leaf of the log, so that its receipt can be issued at any time.

    Each correction of its bill gives the job another leaf.
    """

    type: Literal["qb.job.sealed.v2"] = "qb.job.sealed.v2"


class JobSealedV1(Event[SealV1]):
    """The receipt of a job, complete and signed, as version 0.1 wrote it."""

    type: Literal["qb.job.sealed.v1"] = "qb.job.sealed.v1"


Ended = JobRejected | JobCompleted | JobFailed | JobCancelled | JobExpired
"""The events named in `TERMINAL`."""
