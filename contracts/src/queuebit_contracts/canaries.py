"""Canaries: a candidate beside what is in use, from the draft to the decision (ADR 0083, 0084).

qb.canary.<canary>.drafted            qb.canary.<canary>.started
qb.canary.<canary>.judged.<number>    qb.canary.<canary>.shadowed.<number>
qb.canary.<canary>.promoted           qb.canary.<canary>.aborted

The scheduler appends `shadowed`, the alerting service all others: by rule, or because a person asks it on
`subjects_alerting.CANARY_REQUEST`. A client reads which canaries run on `qb.query.<tenant>.canaries`, and tags each job
with its arm.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from queuebit_contracts.tenant import Author
from queuebit_contracts.wire import NAME, DecimalText, Event, Moment, Name, Reason, Sentence, Wire, open_text

__all__ = [
    "METRICS",
    "MOST_JUDGED",
    "AbortOrder",
    "ArmCounts",
    "CanaryAborted",
    "CanaryAnswer",
    "CanaryCheck",
    "CanaryDrafted",
    "CanaryEnd",
    "CanaryEvidence",
    "CanaryJudged",
    "CanaryJudgement",
    "CanaryMetric",
    "CanaryName",
    "CanaryPlan",
    "CanaryPromoted",
    "CanaryRequest",
    "CanaryRow",
    "CanaryShadowed",
    "CanaryStart",
    "CanaryStarted",
    "Draft",
    "PromoteOrder",
    "Shadow",
]

MOST_JUDGED: Final = 100
"""The most facts `judged` of a canary."""

METRICS: Final = ("latency", "wait", "cost", "esp", "gates")
"""The values of jobs that this version compares: milliseconds to the result, milliseconds until the start, the charge,
the estimated success probability of the compiled circuit (more is better), and its two-qubit gates."""

CanaryName = Annotated[str, Field(pattern=NAME, max_length=40)]
"""The name of a canary; tags of jobs contain it."""


class CanaryMetric(Wire):
    """A value of each job that must not be worse than the baseline's by more than a ratio."""

    name: Annotated[str, open_text(*METRICS)]
    ratio: DecimalText
    """The limit, in times of the baseline's values: `1.1` allows ten percent more; of `esp`, `0.98` allows two percent
    less."""


class CanaryPlan(Wire):
    """What is agreed before the start. It does not change afterwards: another plan is another canary."""

    canary: CanaryName
    subject: Annotated[str, open_text("circuit", "compiler", "backend", "policy")]
    """What is compared. The values of a `policy` are names of policies: the scheduler compares their decisions over the
    same snapshots, and the candidate places nothing."""
    flag: Name
    """The flag whose value the arms differ in, such as `optimization-level`."""
    baseline: JsonValue
    """Its value as it is in use."""
    candidate: JsonValue
    """The value that is tried."""
    unit: Annotated[str, open_text("job", "tenant")] = "job"
    """What is assigned to an arm. Whole tenants are compared by a person, not by the tests."""
    share_percent: int = Field(default=50, ge=1, le=50)
    """How much of all units has the candidate."""
    tenant: Name | None = None
    """Only jobs of this tenant; absent for all."""
    cases: int = Field(default=500, ge=20, le=10_000)
    """The number of ended jobs of each arm at which it is judged."""
    margin: DecimalText = "0.03"
    """By how much the failure rate may be larger, as a difference of shares."""
    most_failures: DecimalText | None = None
    """A limit of the candidate's failure rate; absent: none."""
    metrics: tuple[CanaryMetric, ...] = Field(default=(), max_length=len(METRICS))
    automatic: bool = False
    """Whether it is promoted as soon as it passes; otherwise a person promotes it. It is always aborted by rule."""
    reason: Sentence = ""


class Draft(CanaryPlan):
    """A plan, and who made it."""

    by: Author


class CanaryStart(Wire):
    """From here on jobs are assigned."""

    canary: CanaryName
    by: Author


class ArmCounts(Wire):
    """Jobs of one arm since the start."""

    assigned: int = Field(ge=0)
    """Submitted with the tag of the arm."""
    cases: int = Field(ge=0)
    """Of them, those that completed, failed or were rejected."""
    failures: int = Field(ge=0)
    """Of them, those without a usable result."""


class CanaryCheck(Wire):
    """One rule, with its numbers."""

    name: str
    """`failures`, `limit`, `share`, `success`, or a metric."""
    passed: bool
    value: str
    """What was found."""
    limit: str
    """The number at which it passes, or stops to pass."""
    text: Sentence


class CanaryEvidence(Wire):
    """What a decision was made of."""

    baseline: ArmCounts
    candidate: ArmCounts
    misassigned: int = Field(default=0, ge=0)
    """Jobs that are left out, because their tag is not the arm that their id has."""
    checks: tuple[CanaryCheck, ...] = ()


class CanaryJudgement(Wire):
    """What the rules found; nothing is released or stopped by it."""

    canary: CanaryName
    number: int = Field(ge=1)
    verdict: Annotated[str, open_text("passed", "extended", "paused")]
    """`passed`: it may be promoted. `extended`: it is judged again after twice the jobs. `paused`: it cannot be
    decided; new jobs have the baseline until a person promotes or aborts it."""
    reason: Sentence
    evidence: CanaryEvidence


class CanaryEnd(Wire):
    """A canary is over."""

    canary: CanaryName
    by: Author | None = None
    """The person who ended it; absent if a rule did."""
    reason: Sentence
    unproven: bool = False
    """Whether a person promoted it although the rules did not pass it."""
    evidence: CanaryEvidence | None = None
    """What was counted then; absent where nothing could be, or it never started."""


class CanaryDrafted(Event[Draft]):
    """A canary is planned. No job is assigned yet."""

    type: Literal["qb.canary.drafted.v1"] = "qb.canary.drafted.v1"


class CanaryStarted(Event[CanaryStart]):
    """Jobs that are submitted from here on are assigned to arms."""

    type: Literal["qb.canary.started.v1"] = "qb.canary.started.v1"


class CanaryJudged(Event[CanaryJudgement]):
    """The rules judged a canary at its agreed size, or found that they cannot."""

    type: Literal["qb.canary.judged.v1"] = "qb.canary.judged.v1"


class CanaryPromoted(Event[CanaryEnd]):
    """The candidate is released: every job has it."""

    type: Literal["qb.canary.promoted.v1"] = "qb.canary.promoted.v1"


class CanaryAborted(Event[CanaryEnd]):
    """The candidate is withdrawn: every job has the baseline."""

    type: Literal["qb.canary.aborted.v1"] = "qb.canary.aborted.v1"


class Shadow(Wire):
    """How far the decisions of a policy agree with those of the one that places, over some time."""

    canary: CanaryName
    number: int = Field(ge=1)
    """The second since 1970 in which the time began."""
    since: Moment
    until: Moment
    cycles: int = Field(ge=0)
    """Cycles that were compared."""
    skipped: int = Field(default=0, ge=0)
    """Cycles that were not, so that shadows take little time."""
    faults: int = Field(default=0, ge=0)
    """Cycles in which the candidate failed."""
    placed: int = Field(ge=0)
    """Placements of the policy that places."""
    same: int = Field(ge=0)
    """Of them, those that the candidate makes in the same cycle on the same backend."""
    moved: int = Field(ge=0)
    """Of them, those that it makes on another backend."""
    missing: int = Field(ge=0)
    """Of them, those that it does not make in that cycle."""
    added: int = Field(ge=0)
    """Placements that only the candidate makes."""


class CanaryShadowed(Event[Shadow]):
    """A policy decided over the same snapshots as the one that places, and placed nothing."""

    type: Literal["qb.canary.shadowed.v1"] = "qb.canary.shadowed.v1"


class PromoteOrder(Wire):
    """Release a candidate."""

    canary: CanaryName
    reason: Sentence = ""
    unproven: bool = False
    """Also if the rules did not pass it; then a reason is needed."""


class AbortOrder(Wire):
    """Withdraw a candidate."""

    canary: CanaryName
    reason: Sentence = ""


class CanaryRequest(Wire):
    """At most one order; without one, the answer lists canaries."""

    by: Author
    draft: CanaryPlan | None = None
    start: CanaryName | None = None
    promote: PromoteOrder | None = None
    abort: AbortOrder | None = None
    canary: CanaryName | None = None
    """Of a list: only this one, with what is counted now."""


class CanaryRow(Wire):
    """One canary of a list."""

    plan: Draft
    state: str
    """`draft`, `running`, `passed`, `paused`, `promoted` or `aborted`."""
    drafted_at: Moment
    started_at: Moment | None = None
    ended_at: Moment | None = None
    ended_by: str | None = None
    extended: bool = False
    reason: Sentence = ""
    """Of its last decision; or why it is not decided yet."""
    evidence: CanaryEvidence | None = None
    """Of its last decision; of one that runs, what is counted now."""
    shadow: Shadow | None = None
    """Of a policy: the sum of all comparisons."""


class CanaryAnswer(Wire):
    """What was found or appended; or why nothing was."""

    canaries: tuple[CanaryRow, ...] = ()
    sequence: int = 0
    """Of the fact that was appended."""
    errors: tuple[Reason, ...] = ()
