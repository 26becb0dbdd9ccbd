"""The data of a job's events up to the broker's decision: the request, and the accepted terms."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, StrictInt

from queuebit_contracts.fallback import Fallback
from queuebit_contracts.limits import JobLimits
from queuebit_contracts.sharing import ANYONE, TENANT
from queuebit_contracts.wire import Amount, DecimalText, Digest, Moment, Name, Payload, Reason, Wire, open_text

__all__ = [
    "MOST_GATES",
    "MOST_INPUTS",
    "MOST_PRIORITY",
    "OBJECTIVES",
    "VERSION",
    "Acceptance",
    "Candidate",
    "CircuitVersion",
    "DataSet",
    "FallbackTerms",
    "GateShots",
    "JobObjective",
    "Profile",
    "Rejection",
    "Signature",
    "Submission",
    "Terms",
]

MOST_GATES: Final = 10**15
"""The most gates of one job, all shots together, that are counted."""

MOST_PRIORITY: Final = 9
"""The highest priority of a job; the lowest is its negative."""

MOST_INPUTS: Final = 4
"""The most data sets of one job: the receipt names each of them."""

VERSION: Final = r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,23}$"
"""The version of a data set, such as `2026-11` or `v1.2`."""

JobObjective = Literal["cost", "time", "fidelity", "balanced"]
"""What a job can prefer of the backends that it may run on."""
OBJECTIVES: Final[tuple[JobObjective, ...]] = get_args(JobObjective)


class Signature(Wire):
    """The author: a public key, and the signature with its private key over the canonical `data` without `proof`.

    The canonical form is RFC 8785, with whole numbers only, within 2^53 - 1 of 0.
    """

    key: str
    """The public key, in the form of its algorithm; for `ed25519` the public half of a token."""
    signature: str
    """Base64url without padding."""
    algorithm: str | None = None
    """The signature algorithm; absent means `ed25519`. The broker rejects unknown algorithms."""
    key_id: str | None = None
    """The id of the signing key, as the author gives it; absent where `key` is its own id, as with tokens. It does not
    prove who the author is."""
    delegation: Name | None = None
    """The delegation that the key comes from; absent for the key of a user. A reader that ignores it does not know the
    key, and rejects the request."""


class DataSet(Wire):
    """A set of data that the work of a job was made from. The platform keeps and reads no data of it."""

    name: Name
    version: str = Field(pattern=VERSION)
    digest: Digest | None = None
    """Of its content; absent: its author gave none."""


class CircuitVersion(Wire):
    """A version of a circuit of the tenant, by its name, as `qb.tenant.circuit_defined` has it."""

    name: Name
    version: StrictInt = Field(ge=1)


class Submission(Wire):
    """The request of a user."""

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
    `text/x-qir`, `application/x-qir`: one circuit in the base profile of QIR, as LLVM assembly or bitcode.
    `application/vnd.queuebit.qubo+json`: one quadratic problem over bits, for annealers.
    `application/vnd.queuebit.program+json`: a program of several items, see `queuebit_contracts.program`."""
    shots: StrictInt
    """The number of runs of the circuit; in a program, of each item and of each basis of its observables."""
    backend: Name | None = None
    """The backend to run on; absent means that of the session, or else the cheapest that fits, of the project's default
    kind."""
    max_cost: Amount | None = None
    """The most this job may cost; it is refused when its quote is higher."""
    seed: StrictInt | None = Field(default=None, ge=0, lt=2**53)
    """Seed of the simulation; derived from the job's id when absent."""
    tags: tuple[Name, ...] | None = Field(default=None, max_length=8)
    """Words for the bill; the job also counts against the budget of each tag that has one."""
    workload_class: Name | None = None
    """What kind of work it is, such as `batch`; it counts against the budget of that class, if there is one."""
    session: Name | None = None
    """The open session that the job belongs to, of the same user and project: its hold is taken out of the session's
    cap. Absent for a job of its own."""
    fallback: bool | None = None
    """False: the job waits for the backends that it asks for, whatever the fallback rule of its project says."""
    alone: bool | None = None
    """True: no circuit of another job is on the device while it runs, whatever its project allows."""
    objective: Name | None = None
    """What the job prefers of the backends that it may run on, of `OBJECTIVES`; absent: as its project says. A job with
    one that the broker does not know is rejected."""
    priority: StrictInt | None = Field(default=None, ge=-MOST_PRIORITY, le=MOST_PRIORITY)
    """Compared among the jobs of its project with the same class; the highest is first. Absent: 0."""
    reservation: Name | None = None
    """The reservation in whose slot the job runs, of its project: on that backend, from the start of the slot to its
    end. Without the slot the job is rejected, or ends as expired. Absent: it runs where and when it can. Its acceptance
    repeats it; a broker that does not know it accepts without, so that its author sees it."""
    spot: bool | None = None
    """Whether it runs only while no other job wants the backend, at the price of spot jobs. Absent: no. Its acceptance
    repeats it; a broker that does not know it accepts without, so that its author sees it."""
    rerun_of: Name | None = None
    """The job of the same tenant whose work this one repeats, for example because its result is suspect."""
    calibration: Payload | None = None
    """The snapshot of an earlier calibration of `backend`, as `qb.backend.calibrated.v1` has it: an emulated device
    runs a circuit under it. Any other work runs under the present one; the end of the job says which it was. Absent:
    the present one."""
    limits: JobLimits | None = None
    """What a backend must offer to run it, besides `backend` and `max_cost`. Its acceptance repeats them; a broker that
    does not know them accepts without, so that its author sees it."""
    inputs: tuple[DataSet, ...] | None = Field(default=None, max_length=MOST_INPUTS)
    """The data sets that the work was made from, for its receipt."""
    circuit_version: CircuitVersion | None = None
    """What the tenant calls the circuit, for its receipt. The digest of the circuit says what was run."""
    proof: Signature


class Profile(Wire):
    """The properties of a circuit for admission and scheduling; for a program, the maximum over its items."""

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
    canonical: Digest | None = None
    """Of the circuit as a list of steps, whatever its source looks like; of a program, of those of its items. Absent:
    not known, or it has no such form."""


class GateShots(Wire):
    """Operations of the compiled circuit, times shots; of a program, the sum over its items.

    Both branches of a condition and all iterations of a loop count.
    """

    gates_1q: int = Field(ge=0, le=MOST_GATES)
    """Gates on one qubit."""
    gates_2q: int = Field(ge=0, le=MOST_GATES)
    """Gates on two qubits; one on n > 2 qubits counts as 6(n - 2)."""
    measurements: int = Field(ge=0, le=MOST_GATES)
    """Preparations of a qubit (one for each that is used), resets and measurements."""


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
    """Of the compiled circuit, as `BackendEstimate.operations`: with them the scheduler scores the candidate again when
    the backend's calibration changes."""
    gate_shots: GateShots | None = None
    """The most gates that the hold pays for; absent where the price does not depend on them."""
    tasks: int | None = Field(default=None, ge=1)
    """The most tasks of the vendor that the hold pays for; absent where a job is one task."""


class Terms(Wire):
    """The accepted terms for the backend that runs the job; they are sufficient to charge its end."""

    project: Name
    """The project of the account with the hold."""
    price: str
    """Immutable id of the price that applies."""
    price_book: Digest
    hold: Amount
    shots: int = Field(ge=0)
    """All shots that the hold pays for."""
    qpu_us: int = Field(ge=0)
    """The most QPU time, in microseconds, that the hold pays for."""
    qubits: int = Field(ge=0)
    gate_shots: GateShots | None = None
    """The most gates that the hold pays for; absent where the price does not depend on them."""
    tasks: int | None = Field(default=None, ge=1)
    """The most tasks of the vendor that the hold pays for; absent where a job is one task."""
    erasable: bool | None = None
    """Whether its result is kept outside of events, however small, so that it can be erased; absent: no."""


class FallbackTerms(Wire):
    """Where a job may run while all of its own backends are out of service, by the rule of its project.

    A reader that ignores it knows fewer backends, and lets the job wait.
    """

    after_s: int = Field(ge=0)
    """How long all of its own backends must be out of service before it runs on another one."""
    candidates: tuple[Candidate, ...] = ()
    """In the order of the rule: the first that answers is next. The hold pays for each of them."""
    excluded: tuple[Reason, ...] = ()
    """Why other backends of the rule cannot run the job."""
    decided: Fallback | None = None
    """Its own backends were out of service for long enough when it was admitted, and could not estimate it: the
    candidates of the acceptance are those of the rule, in its order. Absent for any other job."""


class Acceptance(Wire):
    """The broker admitted a job and holds its budget."""

    tenant: Name
    project: Name
    job: Name
    user: Name
    delegation: Name | None = None
    """The delegation under which it was submitted; absent if the user signed it."""
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
    session: Name | None = None
    """The session that the job belongs to; absent for a job of its own."""
    submission: int | None = Field(default=None, ge=1)
    """Sequence of the submission that was accepted; later ones of the same job change nothing."""
    program: Payload | None = None
    """The program to run, as submitted; absent if it is too large for this event, and then in the submission."""
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""
    fallback: FallbackTerms | None = None
    """What the fallback rule of its project means for the job; absent where there is none."""
    objective: Name | None = None
    """What the job, or else its project, prefers of its candidates; absent: the lowest cost. A reader that does not
    know it takes the lowest cost, too."""
    limits: JobLimits | None = None
    """What was demanded of its backends, with the limits of its project and its tenant. Each candidate had all of it
    when the job was accepted; a later calibration or the time may take candidates away."""
    project_weight: int | None = Field(default=None, ge=1)
    """The weight of the project in fair share among those of its tenant; absent: 1."""
    priority: int | None = None
    """The priority of the submission; absent: 0."""
    reservation: Name | None = None
    """The reservation in whose slot the job runs, and nowhere else; its deadline is not after the end of the slot."""
    spot: bool | None = None
    """Whether it runs only while no other job wants the backend; its prices are those of spot jobs. Absent: no."""
    calibration: Payload | None = None
    """The earlier calibration that was asked for; absent: the present one."""
    shared_device: Annotated[str, open_text(TENANT, ANYONE)] | None = None
    """With whose circuits it may be on a device at the same time, by the consent of its project when it was accepted:
    those of its tenant, or those of any tenant that allows it, too. Absent: with none."""
    flags: tuple[str, ...] | None = None
    """What rules of data protection found in the submission, as `RULE:FIELD`; absent: nothing."""
    erasable: bool | None = None
    """Whether its result is kept outside of events, however small, so that it can be erased; absent: no."""

    @property
    def everywhere(self) -> tuple[Candidate, ...]:
        """All backends that the job may run on: its own candidates, then those of the fallback."""
        return self.candidates if self.fallback is None else (*self.candidates, *self.fallback.candidates)

    @property
    def fallback_places(self) -> dict[str, int]:
        """The backends of the fallback, with their places in its order, from 1."""
        if self.fallback is None:
            return {}
        candidates = self.candidates if self.fallback.decided else self.fallback.candidates
        return {it.backend: place for place, it in enumerate(candidates, start=1)}


class Rejection(Wire):
    """The broker refused a job, with all reasons."""

    tenant: Name
    job: Name
    project: str
    reasons: tuple[Reason, ...] = Field(min_length=1)
    submitted_at: Moment
    user: Name | None = None
    """Who submitted it; absent if the signature does not prove that."""
    workload_class: Name | None = None
    """The class of the submission; absent where it named none."""
