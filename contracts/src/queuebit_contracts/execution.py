"""The data of a job's events from its placement to its end."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from queuebit_contracts.admission import Terms
from queuebit_contracts.fallback import Fallback
from queuebit_contracts.quality import Quality
from queuebit_contracts.sharing import ANYONE, TENANT, SharedRun
from queuebit_contracts.uncertainty import Uncertainty
from queuebit_contracts.usage import Usage
from queuebit_contracts.wire import Digest, Moment, Name, Payload, Reason, Wire, open_text

__all__ = [
    "Cancellation",
    "Compilation",
    "CompileChoice",
    "Completion",
    "Dispatch",
    "Expiry",
    "Failure",
    "ItemSummary",
    "Moved",
    "Part",
    "Placement",
    "Preempted",
    "Score",
    "Start",
    "Withdrawal",
]


class Score(Wire):
    """One candidate at the time of the decision."""

    backend: Name
    expected_ms: int
    """Expected time to completion."""


class Preempted(Wire):
    """Why a placed job that had not started was placed again: a job that goes before it got a place."""

    by: Name | None = None
    """That job, which is of the same tenant; absent if it is not to be named."""
    rule: str
    """Why that job goes before it: `class` or `priority`; may grow."""
    gained_ms: int = Field(ge=0)
    """How much sooner that job is expected to start, with all jobs that were placed again for it."""


class Moved(Wire):
    """Why a placed job that had not started was placed again: another backend became better for it."""

    left: Name
    """The backend at which it waited."""
    gained_ms: int = Field(ge=0)
    """How much sooner it is expected to end."""


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
    session: Name | None = None
    """The session with priority that the run counts for: a job without a session waited for the backend. Absent for
    any other job."""
    submitted_at: Moment
    accepted_at: Moment
    program: Payload | None = None
    """The program to run; absent if it is too large for this event, and then in the submission."""
    terms: Terms | None = None
    """The accepted terms for this backend."""
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""
    fallback: Fallback | None = None
    """The backends that this one stood in for; absent if the job asked for it."""
    reservation: Name | None = None
    """The reservation in whose slot the job runs; its usage then has the measure `reservation`."""
    start_by: Moment | None = None
    """The executor does not start it after this moment: it could not end before the next window of the backend, or
    before the end of its slot. The scheduler then decides on it again. Absent: at any time."""
    preempted: Preempted | None = None
    """Set if the job had another place before, and gave way to a job that goes before it; absent otherwise."""
    moved: Moved | None = None
    """Set if the job had a place on another backend, and this one became better for it; absent otherwise."""
    term: int | None = Field(default=None, ge=1)
    """The term of the scheduler that decided, of `qb.leader.scheduler.elected`; earlier versions have none."""
    calibration: Payload | None = None
    """The earlier calibration that was asked for, as the acceptance says; absent: the present one."""
    shared_device: Annotated[str, open_text(TENANT, ANYONE)] | None = None
    """With whose circuits its executor may run it at once, as the acceptance says; absent: it runs alone."""

    @property
    def erasable(self) -> bool:
        """Whether its result is kept outside of events, however small."""
        return self.terms is not None and self.terms.erasable is True


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
    software: str | None = Field(default=None, max_length=128)
    """Name and version of the executor."""
    image: Digest | None = None
    """Of the image that it runs in, if its environment says so."""


class CompileChoice(Wire):
    """The options that a circuit was compiled with; an absent one was not chosen."""

    optimization_level: int | None = None
    """The level of Qiskit's preset passes."""
    dynamical_decoupling: str | None = None
    """The sequence of pulses in idle times, such as `xy4`."""
    twirling: int | None = None
    """The number of twirled copies of the circuit."""
    copy_number: int | None = None
    """Which of the copies this is, from 0; absent in a sum over circuits."""
    twirling_seed: int | None = None
    """The seed of the random Pauli gates of this copy."""
    folding: int | None = None
    """How often each two-qubit gate is applied, for extrapolation to zero noise; absent: once."""


class Compilation(Wire):
    """The compilation of the circuit for its backend."""

    compiler: str
    digest: Digest
    """The digest of the target of the compilation."""
    seed: int
    depth: int
    two_qubit_gates: int
    duration_ns: int
    esp_ppm: int | None = None
    options: CompileChoice | None = None
    """The options of the program that were applied; absent: none were given."""
    circuit: Digest | None = None
    """Of the circuit with its parameters, as it was compiled; of a program, of those of its circuits."""
    compiled: Digest | None = None
    """Of the compiled circuit as a list of steps; of a program, of those of its circuits. Absent: it has no such
    form."""
    calibrated_at: Moment | None = None
    """When the device was calibrated, as its vendor says; absent on a simulator without noise."""


class Part(Wire):
    """The items of a program that a vendor received in one submission."""

    first: int = Field(ge=0)
    """The number of the first item."""
    items: int = Field(ge=1)
    content: Payload
    """What was submitted for each item, `application/vnd.queuebit.submitted+json`: it says which outcomes of the vendor
    are whose, and how each circuit was compiled. Only executors read it."""


class Dispatch(Wire):
    """A vendor accepted the work. The executor that reads this polls the handle, and starts no second run."""

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
    """The compilation of the circuit, which the vendor does not report later. Of a program, see `part`."""
    calibration: Digest | None = None
    part: Part | None = None
    """Of a program: a job with a large one has several dispatches, each with a handle and a token of its own."""
    revision: int | None = Field(default=None, ge=1)
    """The number of the part, in the order of submission; absent for the first, which is part 0."""


class ItemSummary(Wire):
    """The number of completed and failed items of a program."""

    total: int = Field(ge=1)
    completed: int = Field(ge=0)
    failed: int = Field(ge=0)


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
    """The numbers of completed (at least one) and failed items of a program; absent for a single circuit."""
    terms: Terms | None = None
    """As the placement had them."""
    uncertainty: Uncertainty | None = None
    """The method that gives the uncertainty of the counts of a circuit; the items of a program name their own."""
    suspect: Reason | None = None
    """Why the result may be wrong although the job completed: `recalibrated` if the calibration of the device changed
    while the job ran, `drifted` if an alert said at its end that results of the device drift, or what the vendor
    says."""
    post: tuple[str, ...] | None = None
    """The steps that processed the counts of a program, by name and version, in their order; absent: none did."""
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""
    expected_ms: int | None = Field(default=None, ge=0)
    """The time from the placement to the result that the scheduler expected of this backend; absent: it kept none."""
    quality: Quality | None = None
    """The quality check of the result; absent: it was not checked."""
    fallback: Fallback | None = None
    """The backends that this one stood in for; absent if the job asked for it."""
    shared: SharedRun | None = None
    """The run in which circuits of other jobs were on the device at the same time; absent: it ran alone."""


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
    """For a program: all its items failed."""
    result: Payload | None = None
    """Why each item of a program failed, as `queuebit_contracts.results` says it."""
    terms: Terms | None = None
    """As the placement had them."""
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""
    fallback: Fallback | None = None
    """The backends that this one stood in for; absent if the job asked for it."""


class Cancellation(Wire):
    """A job was cancelled by a user before its end."""

    tenant: Name
    job: Name
    by: Name
    delegation: Name | None = None
    """The delegation under which it was cancelled; absent if the user signed the request."""
    reason: str = ""
    submitted_at: Moment
    project: Name | None = None
    """Of the submission."""
    accepted_at: Moment | None = None
    """When the job was accepted; absent if it was not yet."""
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""


class Expiry(Wire):
    """A job could no longer be in time, and no run of it had begun."""

    tenant: Name
    project: Name
    job: Name
    reason: Reason
    deadline: Moment
    """When its result had to be there."""
    submitted_at: Moment
    accepted_at: Moment
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""


class Withdrawal(Wire):
    """A job waits again: the scheduler took it from its backend, and no run of it had begun."""

    tenant: Name
    project: Name
    job: Name
    backend: Name
    """Where it was placed."""
    reason: Reason
    """`below_fidelity`: by its newest calibration the backend has less success probability than the job demands;
    `window`: the job cannot end before a window that was planned after its placement. May grow."""
