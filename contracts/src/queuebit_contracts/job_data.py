"""What the events of a job say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt

from queuebit_contracts.lifecycle import TERMINAL
from queuebit_contracts.usage import Measure, Usage
from queuebit_contracts.wire import (
    Amount,
    DecimalText,
    Digest,
    Moment,
    Name,
    Payload,
    Reason,
    Sentence,
    Wire,
    open_text,
)

__all__ = [
    "Acceptance",
    "Cancellation",
    "Candidate",
    "Charge",
    "ChargeLine",
    "Compilation",
    "Completion",
    "Correction",
    "Dispatch",
    "Failure",
    "ItemSummary",
    "Measure",
    "Metering",
    "Placement",
    "Profile",
    "Rejection",
    "Score",
    "Seal",
    "Signature",
    "Start",
    "Submission",
    "Terms",
    "Usage",
    "UsageReport",
]


class Signature(Wire):
    """Who asks: a public key, and the signature by its secret half over the canonical `data` without `proof`.

    The canonical form is RFC 8785, with whole numbers only, within 2^53 - 1 of 0.
    """

    key: str
    """The public key, in the form of its algorithm; for `ed25519` the public half of a token."""
    signature: str
    """Base64url without padding."""
    algorithm: str | None = None
    """How it was signed; absent means `ed25519`. The broker rejects what was signed by an algorithm unknown to it."""
    key_id: str | None = None
    """Which of its author's keys signed, as the author names it. It says nothing about who the author is."""


class Submission(Wire):
    """What a person asks for."""

    tenant: Name
    project: Name
    job: Name
    """Derived from tenant and key: `j` and 20 characters of base 32 over SHA-256 of `tenant`, newline, `key`."""
    key: str = Field(min_length=1, max_length=128)
    """Idempotency key: the same key with the same content is the same job."""
    purpose: str = Field(default="", max_length=200)
    label: str = Field(default="", max_length=200)
    """A name for people, such as the file the circuit came from."""
    circuit: Payload
    """What to run; its media type says what that is. `text/x-openqasm`: one circuit, OpenQASM 2 or 3 source.
    `application/vnd.queuebit.program+json`: a program of several items, see `queuebit_contracts.program`."""
    shots: StrictInt
    """How often the circuit is run; in a program, each item, and each basis of its observables."""
    backend: Name | None = None
    """The backend to run on; absent means the cheapest that fits, of the project's default kind."""
    max_cost: Amount | None = None
    """The most this job may cost; it is refused when its quote is higher."""
    seed: StrictInt | None = Field(default=None, ge=0, lt=2**53)
    """Seed of the simulation; derived from the job's id when absent."""
    tags: tuple[Name, ...] | None = Field(default=None, max_length=8)
    """Words for the bill; the job also counts against the budget of each tag that has one."""
    proof: Signature


class Profile(Wire):
    """What admission and scheduling know of a circuit; of a program, the most that any of its items needs."""

    qubits: int
    clbits: int
    depth: int
    two_qubit_gates: int
    simulation_bytes: int
    features: tuple[str, ...] = ()
    items: int | None = None
    """Items of a program; absent for a single circuit."""
    shots: int | None = None
    """Shots of all items of a program together; absent for a single circuit."""


class Candidate(Wire):
    """A backend that fits, with what the job would cost and take there."""

    backend: Name
    price: str
    """Immutable id of the price that applied."""
    hold: DecimalText
    qpu_us: int = Field(ge=0)
    """The most QPU time, in microseconds, that the hold pays for."""
    esp_ppm: int | None = Field(default=None, ge=0, le=1_000_000)
    """Estimated success probability in parts per million; absent on ideal simulators."""
    calibration: Digest | None = None
    """The calibration under which `esp_ppm` was computed."""
    operations: Payload | None = None
    """Of the compiled circuit, as `BackendEstimate.operations`: with them the scheduler scores the candidate anew when
    the backend's calibration changes."""


class Terms(Wire):
    """What was accepted for the backend that runs the job: its end can be billed from this alone."""

    project: Name
    """Whose account holds the money."""
    price: str
    """Immutable id of the price that applies."""
    price_book: Digest
    hold: Amount
    shots: int = Field(ge=0)
    """All shots that the hold pays for."""
    qpu_us: int = Field(ge=0)
    """The most QPU time, in microseconds, that the hold pays for."""
    qubits: int = Field(ge=0)


class ItemSummary(Wire):
    """How the items of a program ended."""

    total: int = Field(ge=1)
    completed: int = Field(ge=0)
    failed: int = Field(ge=0)


class Acceptance(Wire):
    """The broker admitted a job and holds its budget."""

    tenant: Name
    project: Name
    job: Name
    user: Name
    share: int = Field(ge=1)
    """The tenant's weight in fair share."""
    shots: int
    circuit: Digest
    profile: Profile
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    hold: Amount
    """Held on the project's account: the largest of the candidates' holds."""
    budgets: tuple[str, ...] | None = None
    """Names of the budgets that the hold counts against, beside the account."""
    price_book: Digest
    seed: int
    submitted_at: Moment
    submission: int | None = Field(default=None, ge=1)
    """Sequence of the submission that was accepted; later ones of the same job change nothing."""
    program: Payload | None = None
    """What to run, as it was submitted; absent where it is too large to ride along, and the submission has it."""


class Rejection(Wire):
    """The broker refused a job; every reason at once."""

    tenant: Name
    job: Name
    project: str
    reasons: tuple[Reason, ...] = Field(min_length=1)
    submitted_at: Moment


class Score(Wire):
    """How one candidate looked when the choice was made."""

    backend: Name
    expected_ms: int
    """Expected time to completion."""


class Placement(Wire):
    """The scheduler gave a job to a backend. It is the work item of that backend's executors."""

    tenant: Name
    project: Name
    job: Name
    backend: Name
    shots: int
    circuit: Digest
    seed: int
    qpu_us: int
    """The most QPU time the hold pays for."""
    policy: str
    snapshot: Digest
    """Digest of the inputs of the decision."""
    decision: Payload | None = None
    """The inputs themselves, `application/vnd.queuebit.decision+json`; its digest is `snapshot`. Absent: not kept."""
    scores: tuple[Score, ...]
    submitted_at: Moment
    accepted_at: Moment
    program: Payload | None = None
    """What to run; absent where it is too large to ride along, and the submission has it."""
    terms: Terms | None = None
    """What was accepted for this backend."""


class Start(Wire):
    """An executor began an attempt."""

    tenant: Name
    job: Name
    backend: Name
    attempt: int = Field(ge=1)
    executor: str
    reports_usage: bool | None = None
    """Whether the executor appends `usage_reported` for this attempt if the job is cancelled. Until then
    the hold stays."""


class Compilation(Wire):
    """How the circuit was made to fit its backend."""

    compiler: str
    digest: Digest
    """Of the target that the circuit was compiled for."""
    seed: int
    depth: int
    two_qubit_gates: int
    duration_ns: int
    esp_ppm: int | None = None


class Dispatch(Wire):
    """A vendor took the work; whichever executor reads this asks for it under the handle, and starts no second run."""

    tenant: Name
    job: Name
    backend: Name
    attempt: int = Field(ge=1)
    handle: str = Field(min_length=1, max_length=1024)
    """The vendor's name for the run."""
    token: str = Field(min_length=1, max_length=256)
    """Our name for the run, under which the vendor finds it where its handle was lost."""
    qubits: int | None = None
    """Of the circuit."""
    compilation: Compilation | None = None
    """How the circuit was made to fit the backend, which the vendor does not say afterwards."""
    calibration: Digest | None = None


class Completion(Wire):
    """A job ran: its result and its usage, in one fact."""

    tenant: Name
    job: Name
    backend: Name
    attempt: int
    shots: int
    result: Payload
    """Of a circuit, the JSON object of its counts: bit strings as Qiskit orders them, media type `application/json`.
    Of a program, `application/vnd.queuebit.results+json`, see `queuebit_contracts.results`."""
    usage: Usage
    compilation: Compilation
    """Of a program, the sum over its items: gates, duration of one shot each; the greatest depth, the least ESP."""
    calibration: Digest | None = None
    submitted_at: Moment
    accepted_at: Moment
    placed_at: Moment
    started_at: Moment
    items: ItemSummary | None = None
    """How many items of a program completed, at least one, and how many failed; absent for a single circuit."""
    terms: Terms | None = None
    """As the placement had them."""


class Failure(Wire):
    """A job could not be run."""

    tenant: Name
    job: Name
    backend: Name
    attempt: int
    reason: Reason
    usage: Usage
    submitted_at: Moment
    accepted_at: Moment
    placed_at: Moment
    started_at: Moment
    items: ItemSummary | None = None
    """Of a program whose items all failed."""
    result: Payload | None = None
    """Why each item of a program failed, as `queuebit_contracts.results` says it."""
    terms: Terms | None = None
    """As the placement had them."""


class Cancellation(Wire):
    """A job was stopped at its owner's wish before it ended by itself."""

    tenant: Name
    job: Name
    by: Name
    reason: str = ""
    submitted_at: Moment


class ChargeLine(Wire):
    """One price component."""

    price: str
    component: str
    unit: str
    consumed: DecimalText
    billed: DecimalText
    unit_price: DecimalText
    amount: DecimalText


class Charge(Wire):
    """What a job costs; the amount is the sum of its lines."""

    amount: DecimalText
    currency: str
    jbu: DecimalText
    lines: tuple[ChargeLine, ...] = ()


class Metering(Wire):
    """The bill of one job, whatever its end."""

    tenant: Name
    project: str
    job: Name
    state: Annotated[str, open_text(*TERMINAL)]
    """How the job ended: the name of its terminal event."""
    backend: Name | None = None
    usage: Usage
    charge: Charge
    price_book: Digest
    hold: Amount | None = None
    """What was held; absent when the job was never accepted."""
    final: bool | None = None
    """False: the usage may still change, so that nothing is charged and the hold stays. Absent: this is the bill."""
    submitted_at: Moment
    ended_at: Moment


class UsageReport(Wire):
    """The whole usage of a job that ended, as its backend states it later; it replaces what was stated before.

    Of several reports the final one of the highest revision counts; if none is final, the one of the highest revision.
    """

    tenant: Name
    job: Name
    backend: Name
    attempt: int = Field(ge=1)
    revision: int = Field(ge=1)
    """Counts the reports of the job from 1; the usage in the job's end is revision 0."""
    usage: Usage
    reason: Sentence = ""
    """Why it comes later, or differs: for people."""


class Correction(Wire):
    """The bill of a job changed. The first bill, the deltas of all corrections added, is the last charge."""

    tenant: Name
    project: Name
    job: Name
    backend: Name | None = None
    revision: int = Field(ge=1)
    """Counts the corrections of the job from 1."""
    report: int = Field(ge=1)
    """Revision of the usage report that this answers."""
    usage: Usage
    """The whole usage, not a difference."""
    charge: Charge
    """The whole charge from now on."""
    delta: Charge
    """What changed, without lines; an amount below 0 goes back."""
    reason: Sentence
    final: bool
    """Whether this is the bill, until a further correction. If not, nothing is charged and the hold stays."""
    price_book: Digest


class Seal(Wire):
    """The receipt of one job: a signed statement, its place in the transparency log, and the log's checkpoint."""

    tenant: Name
    job: Name
    statement: Digest
    """Of the envelope's bytes; the leaf of the log."""
    envelope: str
    """The signed DSSE envelope, base64 of its exact bytes."""
    leaf_index: int = Field(ge=0)
    tree_size: int = Field(ge=1)
    inclusion: tuple[str, ...]
    checkpoint: str
    revision: int | None = Field(default=None, ge=1)
    """The correction that the statement includes; absent in the first receipt of a job."""
    supersedes: Digest | None = None
    """The statement of the receipt before, which stays valid as what was known then; absent in the first."""
