"""The forms of answers, for the OpenAPI document; clients ignore fields that they do not know."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from queuebit_contracts.wire import Amount, Reason

__all__ = [
    "AuditAnswer",
    "GroupAnswer",
    "GroupsAnswer",
    "InventoryAnswer",
    "JobAnswer",
    "JobRow",
    "JobsAnswer",
    "ObjectAnswer",
    "ProblemAnswer",
    "ResultAnswer",
    "RowsAnswer",
    "StatesAnswer",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Step(_Answer):
    """One event of a job."""

    job: str
    event: str
    at: str
    detail: str


class PlanOutcome(_Answer):
    """What was expected of a job, beside what came of it; null: not known, or not yet."""

    backend: str
    most_cost: Amount | None
    charge: Amount | None
    expected_run_s: float | None
    """The most time on the backend that its hold pays for."""
    run_s: float | None
    expected_fidelity: float | None
    """The estimated success probability."""
    fidelity: float | None
    """The Hellinger fidelity of its quality check."""
    expected_s: float | None
    """From its placement to the result, as the scheduler expected it."""
    took_s: float | None
    waited_s: float | None
    """From its acceptance to the start of its run."""


class _State(_Answer):
    """How far a job has come."""

    job: str
    state: str
    tenant: str
    project: str
    label: str
    backend: str | None
    shots: int
    delegation: str | None
    charge: Amount | None
    sealed: bool
    reasons: list[Reason]
    plan: PlanOutcome | None
    """What was expected on its backend, beside what came of it; null until it has one."""


class UncertaintyAnswer(_Answer):
    """The uncertainty of counts. It covers shot noise, not errors of the device."""

    method: str
    """`wilson`: the Wilson score interval of each share; `standard-error`: each value has its error beside it."""
    level: str | None = None
    """The confidence level, an exact decimal."""
    intervals: dict[str, tuple[float, float]] | None = None
    """Lower and upper end of the share of each outcome, from 0 to 1."""


class FallbackAnswer(_Answer):
    """The label of a job that ran on another backend than it asked for."""

    instead_of: list[str]
    """The backends that it asked for; all of them were out of service."""
    since: str
    """Since when the last of them was."""


class SharedRunAnswer(_Answer):
    """A run of several circuits on one device at once."""

    circuits: int
    """How many ran at once, this one included."""
    region: list[int]
    """The qubits of the device that were this circuit's own."""


class JobAnswer(_State):
    """A job, with its result if the request waited for it."""

    steps: list[_Step]
    provisional: bool
    waiting: str | None
    """Why it waits."""
    counts: dict[str, int] | None = None
    items: list[dict[str, Any]] | None = None
    uncertainty: UncertaintyAnswer | None = None
    fallback: FallbackAnswer | None = None
    shared: SharedRunAnswer | None = None
    suspect: Reason | None = None
    digest: str | None = None
    as_of_seq: int


class ResultAnswer(_Answer):
    """What a completed job returned."""

    job: str
    backend: str
    shots: int
    counts: dict[str, int] | None
    items: list[dict[str, Any]] | None = None
    """Of a program: what each of its circuits returned."""
    uncertainty: UncertaintyAnswer | None = None
    """Of the counts; each item of a program has its own."""
    fallback: FallbackAnswer | None = None
    """Absent if the job ran where it asked to."""
    shared: SharedRunAnswer | None = None
    """Absent if no other circuit was on the device."""
    suspect: Reason | None = None
    """Why the result may be wrong although the job completed; absent if nothing is known to be."""
    digest: str
    as_of_seq: int


class JobRow(_Answer):
    """A job in a list."""

    job: str
    state: str
    sequence: int
    charge: Amount | None


class JobsAnswer(_Answer):
    """A page of jobs, newest first."""

    data: list[JobRow]
    next: str | None
    """The cursor of the next page, for `after`."""
    as_of_seq: int | None


class StatesAnswer(_Answer):
    """The states of many jobs."""

    data: list[_State]
    missing: list[str]
    """Ids of jobs that there are not."""
    as_of_seq: int | None


class RowsAnswer(_Answer):
    """A list."""

    data: list[dict[str, JsonValue]]
    next: str | None
    as_of_seq: int | None


class AuditRecord(_Answer):
    """One action. What it does not say is absent."""

    sequence: int
    """Of its event in the log."""
    at: str
    """When, by the clock of its author."""
    stored_at: str
    """When the log stored it."""
    tenant: str
    actor: str
    """The person by name; else the public key that signed; else the service; `unknown` if nothing says who tried."""
    key: str = ""
    delegation: str = ""
    service: str
    """Which process wrote the event; `client` for a signed request of a user."""
    action: str
    """Noun and verb, such as `user.define`."""
    about: str
    """`money`, `keys`, `roles`, `policies`, `results`, `configuration`, `work`, `operation`, `reads` or `refusals`."""
    object: str
    """What it was done to."""
    outcome: str
    """`done`, `requested`, `refused` or `failed`."""
    detail: str = ""
    """What it sets, such as the role of a user."""
    reason: str = ""
    amount: str = ""
    event: str
    type: str
    trace: str = ""
    door: str = ""
    """Of reads and refusals: where."""
    since: str = ""
    count: int = 1
    objects: list[str] = Field(default_factory=list)
    vocabulary: str


class AuditAnswer(_Answer):
    """Records of the audit trail."""

    data: list[AuditRecord]
    next: str | None
    as_of_seq: int | None


class WorkloadRow(_Answer):
    """A project in force."""

    tenant: str
    project: str
    owner: str | None
    purpose: str | None
    impact: str | None
    risk_class: str | None
    missing: list[str]
    """Which of the four the project does not say."""
    jobs: int
    """Completed jobs."""
    last_run: str | None
    """When its newest result was published."""
    cost: list[str]
    """Bills with their corrections, such as `12.50 USD`."""
    backends: list[str]
    data_sets: list[str]
    """Data sets that its submissions name."""
    regions: list[str]
    """What tenant and project allow together; empty: everywhere."""
    vendors: list[str]


class InventoryAnswer(_Answer):
    """The workload inventory of the tenant."""

    data: list[WorkloadRow]
    next: str | None
    as_of_seq: int | None


class PlanAnswer(RowsAnswer):
    """What a job would cost and reach on each backend."""

    advice: Reason | None
    """Where limits exclude every backend: which one takes the last away, and the nearest plan."""


class _Group(_Answer):
    """The jobs with a tag, of a session or of a workflow."""

    kind: str
    name: str
    jobs: int
    states: dict[str, int]
    """The number of jobs by state."""
    sealed: int
    charged: list[Amount]
    held: list[Amount]
    """On hold for its jobs."""
    first_at: str
    last_at: str
    """The newest submission or end."""


class GroupAnswer(_Group):
    """One group."""

    as_of_seq: int | None


class GroupsAnswer(_Answer):
    """Groups, the newest first."""

    data: list[_Group]
    next: str | None
    as_of_seq: int | None


class ObjectAnswer(_Answer):
    """One object."""

    as_of_seq: int | None


class _ProblemReason(_Answer):
    """One reason."""

    code: str
    text: str


class ProblemAnswer(_Answer):
    """What is wrong, all reasons, and what to do next (RFC 9457)."""

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    code: str
    detail: str
    reasons: list[_ProblemReason]
    request_id: str
    retryable: bool
    next_step: str | None
