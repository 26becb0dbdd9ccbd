"""The life of a hybrid job, as facts: a Python file that the platform runs beside its backends.

The file runs in a bounded child of the hybrid service, which submits jobs in the name of the job's owner with a
delegated key. Logs and metrics are not facts: they are in the stream `OUTPUT`, in numbered chunks under
`subjects.output`.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field, StrictInt

from queuebit_contracts.admission import Signature
from queuebit_contracts.billing import Charge
from queuebit_contracts.wire import Amount, Digest, Event, Moment, Name, Payload, Reason, Wire, open_text

__all__ = [
    "ENDS",
    "MAX_TIME_S",
    "METRICS_TYPE",
    "PYTHON",
    "SIGNS_FOR_S",
    "Chunks",
    "HybridAcceptance",
    "HybridAccepted",
    "HybridCancellation",
    "HybridCancelled",
    "HybridCompleted",
    "HybridCompletion",
    "HybridFailed",
    "HybridFailure",
    "HybridMetered",
    "HybridMetering",
    "HybridRejected",
    "HybridRejection",
    "HybridStart",
    "HybridStarted",
    "HybridStopRequest",
    "HybridStopRequested",
    "HybridSubmission",
    "HybridSubmitted",
    "HybridTerms",
    "HybridUsage",
    "cap_key",
    "hybrid_id",
    "is_hybrid",
]

PYTHON: Final = "text/x-python"
"""Media type of the file."""

METRICS_TYPE: Final = "application/x-ndjson"
"""Media type of a chunk of metrics: one JSON object a line, with `name`, `value`, `at`, and `step` if it has one."""

MAX_TIME_S: Final = 21_600
"""The longest time limit: six hours. With `SIGNS_FOR_S` it fits into the life of a delegated key."""

SIGNS_FOR_S: Final = 21_600
"""How much longer than its time limit the key of a hybrid job lives, so that it may wait for a place."""

_PREFIX: Final = "h"


class HybridSubmission(Wire):
    """The request of a user."""

    tenant: Name
    project: Name
    """The project that pays for it; its jobs name their own."""
    hybrid: Name
    """Derived from tenant and key, see `hybrid_id`."""
    key: str = Field(min_length=1, max_length=128)
    """Idempotency key: the same key with the same content is the same hybrid job."""
    purpose: str = Field(default="", max_length=200)
    label: str = Field(default="", max_length=200)
    """A name for people, such as that of the file."""
    file: Payload
    """The Python file, `text/x-python`; its dependencies are declared inside of it (PEP 723)."""
    parameters: str = Field(default="{}", max_length=16_384)
    """A JSON object that the file reads with `queuebit.hybrid.parameters()`."""
    delegation: Name
    """The key with which its jobs are signed: that of this hybrid job, granted by the author."""
    max_time_s: StrictInt
    """Its time limit over all attempts, in seconds."""
    retries: StrictInt | None = None
    """How often it is run again if the platform lost it; absent: never."""
    max_cost: Amount | None = None
    """The most that its own time may cost; it is refused when its hold is higher."""
    session: Name | None = None
    """The session that pays for it: its hold counts against the cap. Its jobs are of the same session."""
    tags: tuple[Name, ...] | None = Field(default=None, max_length=8)
    """Words for the bill; it also counts against the budget of each tag that has one."""
    proof: Signature


class HybridTerms(Wire):
    """The accepted terms; they are sufficient to charge its end."""

    project: Name
    price: str
    """Immutable id of the price that applies."""
    price_book: Digest
    hold: Amount
    max_time_s: int = Field(ge=1)


class HybridAcceptance(Wire):
    """The broker admitted a hybrid job and holds the cost of its time limit."""

    tenant: Name
    hybrid: Name
    user: Name
    delegation: Name
    file: Payload
    parameters: str
    purpose: str
    label: str = ""
    session: Name | None = None
    retries: int = Field(default=0, ge=0)
    terms: HybridTerms
    budgets: tuple[str, ...] | None = None
    """Names of the budgets that the hold counts against, beside the account."""
    submitted_at: Moment
    flags: tuple[str, ...] | None = None
    """What rules of data protection found in the submission, as `RULE:FIELD`; absent: nothing."""
    erasable: bool | None = None
    """Whether its result is kept outside of events, however small, so that it can be erased; absent: no."""


class HybridRejection(Wire):
    """The broker refused a hybrid job, with all reasons."""

    tenant: Name
    hybrid: Name
    reasons: tuple[Reason, ...] = Field(min_length=1)
    submitted_at: Moment


class HybridStart(Wire):
    """The file begins to run."""

    tenant: Name
    hybrid: Name
    attempt: int = Field(ge=1)
    service: str
    """The process that runs it."""


class HybridStopRequest(Wire):
    """A hybrid job is to be stopped."""

    tenant: Name
    hybrid: Name
    by: Name
    delegation: Name | None = None
    """The delegation under which it was asked; absent if the user signed the request."""
    reason: str = ""


class HybridUsage(Wire):
    """What all attempts used together."""

    time_us: int = Field(default=0, ge=0)
    """Time from start to end, in microseconds; it is what is charged."""
    processor_us: int = Field(default=0, ge=0)
    """Processor time of all its processes, in microseconds."""
    most_memory_bytes: int = Field(default=0, ge=0)
    """The most memory of all its processes together that was seen."""


class Chunks(Wire):
    """What is in `OUTPUT`: chunks from 1 to this number."""

    logs: int = Field(default=0, ge=0)
    metrics: int = Field(default=0, ge=0)
    logs_cut: bool = False
    """Whether it wrote more than is kept."""
    metrics_cut: bool = False
    """The same for metrics."""


class _End(Wire):
    tenant: Name
    hybrid: Name
    attempt: int = Field(default=0, ge=0)
    """The attempt that ended it; 0 if there was none."""
    usage: HybridUsage = HybridUsage()
    output: Chunks = Chunks()
    terms: HybridTerms
    submitted_at: Moment
    started_at: Moment | None = None


class HybridCompletion(_End):
    """The file ran to its end."""

    result: Payload | None = None
    """What it saved with `save_result`, JSON; absent if it saved nothing."""


class HybridFailure(_End):
    """The file could not be run to its end."""

    reason: Reason


class HybridCancellation(_End):
    """A hybrid job was stopped by a user."""

    by: Name
    delegation: Name | None = None
    reason: str = ""


class HybridMetering(Wire):
    """The charge for the time of a hybrid job. Its jobs have bills of their own."""

    tenant: Name
    project: Name
    hybrid: Name
    state: Annotated[str, open_text("completed", "failed", "cancelled")]
    usage: HybridUsage
    charge: Charge
    price_book: Digest
    hold: Amount
    submitted_at: Moment
    ended_at: Moment


class HybridSubmitted(Event[HybridSubmission]):
    """A client asks for a hybrid job. Says nothing about whether it will run."""

    type: Literal["qb.hybrid.submitted.v1"] = "qb.hybrid.submitted.v1"


class HybridAccepted(Event[HybridAcceptance]):
    """It may run, and its budget is held. It is the work item of the hybrid service."""

    type: Literal["qb.hybrid.accepted.v1"] = "qb.hybrid.accepted.v1"


class HybridRejected(Event[HybridRejection]):
    """It will not run. Terminal."""

    type: Literal["qb.hybrid.rejected.v1"] = "qb.hybrid.rejected.v1"


class HybridStarted(Event[HybridStart]):
    """An attempt began; a later attempt means that this one was lost."""

    type: Literal["qb.hybrid.started.v1"] = "qb.hybrid.started.v1"


class HybridStopRequested(Event[HybridStopRequest]):
    """A user asked to stop it; the hybrid service answers with `HybridCancelled`, or with the end that came first."""

    type: Literal["qb.hybrid.stop_requested.v1"] = "qb.hybrid.stop_requested.v1"


class HybridCompleted(Event[HybridCompletion]):
    """It ran to its end. Terminal."""

    type: Literal["qb.hybrid.completed.v1"] = "qb.hybrid.completed.v1"


class HybridFailed(Event[HybridFailure]):
    """It has no result and will get none. Terminal."""

    type: Literal["qb.hybrid.failed.v1"] = "qb.hybrid.failed.v1"


class HybridCancelled(Event[HybridCancellation]):
    """It was stopped at a user's request. Terminal."""

    type: Literal["qb.hybrid.cancelled.v1"] = "qb.hybrid.cancelled.v1"


class HybridMetered(Event[HybridMetering]):
    """Its time was rated."""

    type: Literal["qb.hybrid.metered.v1"] = "qb.hybrid.metered.v1"


ENDS: Final = ("rejected", "completed", "failed", "cancelled")
"""The names of the events after which nothing more happens to a hybrid job but its bill."""


def hybrid_id(tenant: str, key: str) -> str:
    """Derive the id of a hybrid job from its tenant and idempotency key: `h` and 20 digits of base 32."""
    image = hashlib.sha256(f"hybrid\n{tenant}\n{key}".encode()).digest()
    return _PREFIX + base64.b32encode(image[:15]).decode()[:20].lower()


def cap_key(hybrid: str) -> str:
    """The key of the session whose cap pays for a hybrid job and for its jobs, and for nothing else."""
    return f"hybrid-{hybrid}"


def is_hybrid(id_: str) -> bool:
    """Whether an id is that of a hybrid job: ids of jobs begin with `j`."""
    return id_.startswith(_PREFIX)
