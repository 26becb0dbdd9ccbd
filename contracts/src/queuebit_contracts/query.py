"""Questions and answers over plain request and reply. Nothing here is stored."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from queuebit_contracts.config import Application
from queuebit_contracts.job import GateShots, JobLimits, Profile
from queuebit_contracts.usage import Measure
from queuebit_contracts.vendor_bill import VendorBill
from queuebit_contracts.wire import Amount, Digest, Moment, Name, Payload, Reason, Sentence, Wire

__all__ = [
    "Answer",
    "BackendEstimate",
    "BillAnswer",
    "BillRequest",
    "CircuitError",
    "ProfileAnswer",
    "ProfileRequest",
    "Question",
    "TenantsAnswer",
    "TenantsRequest",
    "UsageAnswer",
    "UsageRequest",
]


class ProfileRequest(Wire):
    """Parse a circuit and say what it needs, on these backends of the stack.

    Compilation is seeded by the circuit's digest, so that the same circuit is compiled once.
    """

    tenant: Name
    circuit: Payload
    shots: int = Field(ge=1)
    backends: tuple[Name, ...] = ()


class CircuitError(Wire):
    """An error in a circuit's source: text, position, and what was expected."""

    code: str
    message: Sentence
    line: int | None = None
    column: int | None = None
    expected: Sentence | None = None

    @property
    def sentence(self) -> str:
        """What is wrong, where, and what was expected there."""
        where = "" if self.line is None else f"line {self.line}, column {self.column}: "
        hint = f" (expected {self.expected})" if self.expected else ""
        return f"{where}{self.message}{hint}"


class BackendEstimate(Wire):
    """The circuit compiled for one backend."""

    backend: Name
    depth: int = 0
    two_qubit_gates: int = 0
    duration_ns: int = 0
    qpu_us: int = 0
    esp_ppm: int | None = None
    calibration: Digest | None = None
    operations: Payload | None = None
    """Operations of the compiled circuit, so that its ESP can be computed again for another calibration: a JSON array
    of `[gate, [device qubits], count]`. Absent on ideal simulators."""
    gate_shots: GateShots | None = None
    """Gates of all shots; absent on ideal simulators, which do not count them."""
    tasks: int | None = Field(default=None, ge=1)
    """The most tasks that the vendor bills for it; absent where a job is one task."""
    unfit: Reason | None = None
    """Why the circuit cannot run there; the other fields have no meaning then."""


class ProfileAnswer(Wire):
    """Either a profile with its estimates, or an error."""

    profile: Profile | None = None
    estimates: tuple[BackendEstimate, ...] = ()
    error: CircuitError | None = None


class Question(Wire):
    """A query of the own tenant's views; the tenant is that of the subject."""

    job: Name | None = None
    project: Name | None = None
    limit: int = Field(default=50, ge=1, le=10_000)
    circuit: Payload | None = None
    shots: int | None = None
    limits: JobLimits | None = None
    """Of a plan: as a submission would have them."""
    max_cost: Amount | None = None
    """Of a plan: the most that the job may cost."""
    revision: int | None = Field(default=None, ge=1)
    """Of a receipt: the correction of the bill that it includes; absent for the first receipt of a job."""
    statement: Digest | None = None
    """Of a leaf: the digest of the statement that gets it, if it has none yet."""
    by: tuple[Literal["hour", "day", "project", "user", "backend", "tag"], ...] = Field(default=("day",), max_length=2)
    """Of activity: what its sums are grouped by."""
    days: int = Field(default=30, ge=1, le=366)
    """Of activity and groups: only of jobs that were submitted in the last days."""
    states: tuple[Name, ...] = ()
    """Of jobs: only those in one of these states; empty means all."""
    backend: Name | None = None
    user: Name | None = None
    """Of jobs: only those that this user submitted and the broker accepted."""
    tag: Name | None = None
    session: Name | None = None
    """Of sessions, and of groups: only this one. Of jobs: only its jobs."""
    reservation: Name | None = None
    """Of reservations: only this one. Of a plan: the one in whose slot the job would run."""
    spot: bool | None = None
    """Of a plan: whether it would be a spot job, at the price of these."""
    label: str | None = Field(default=None, max_length=200)
    """Of jobs: only those whose label begins so."""
    since: Moment | None = None
    """Of jobs: only those that the log stored at this time or later."""
    until: Moment | None = None
    """Of jobs: only those that the log stored before this time."""
    before: int | None = Field(default=None, ge=1, lt=2**63)
    """Of jobs: only those whose submission has a lower sequence; the `sequence` of the last row continues a list. Of
    audit, incidents and calibrations: only facts with a lower sequence."""
    action: str | None = Field(default=None, max_length=64)
    """Of audit: only actions of this name, noun or matter, such as `user.define`, `user` or `roles`."""
    actor: str | None = Field(default=None, max_length=200)
    """Of audit: only actions of this person, service or public key."""


class Answer(Wire):
    """Rows of an answer, or why there are none."""

    rows: tuple[dict[str, JsonValue], ...] = ()
    error: Reason | None = None
    advice: Reason | None = None
    """Of a plan with limits that no backend has: the limit that takes the last one away, and the nearest plan."""
    sequence: int | None = None
    """The sequence of the log up to which the rows are complete, where the answer comes from a view that says so."""


class TenantsRequest(Wire):
    """Put a tenants document in force, or ask which one is. Only the operator may ask this: `qb.admin.tenants`."""

    document: dict[str, JsonValue] | None = None
    """All tenants, as a tenants file says them; absent to ask only."""
    by: str = Field(default="", max_length=200)
    """The author of the request; each fact contains it."""
    after: int | None = Field(default=None, ge=0)
    """The `sequence` of the answer that the author has seen. The request is refused if the facts went on since."""
    dry_run: bool = False
    """Say what would change, and change nothing."""
    applied: Application | None = None
    """Record this in the same batch as the facts: all documents that are applied together, not only the tenants'."""
    applied_after: int = Field(default=0, ge=0)
    """With `applied`: the sequence of the newest such record that the author has seen, 0 for none."""


class TenantsAnswer(Wire):
    """The document in force, and the changes of the request or the reasons of a refusal."""

    sequence: int = 0
    """The sequence of the newest fact about any tenant; 0 if there is none."""
    document: dict[str, JsonValue] = Field(default_factory=dict)
    """All tenants in force, as a tenants file says them."""
    changes: tuple[str, ...] = ()
    """Subjects of the facts that were appended, or would be."""
    errors: tuple[Reason, ...] = ()
    """All faults."""


class UsageRequest(Wire):
    """State what a job used whose backend never states it finally. Only the operator may ask this: `qb.admin.usage`."""

    tenant: Name
    job: Name
    measures: tuple[Measure, ...] = Field(min_length=1, max_length=32)
    """The whole usage; each measure is final."""
    by: str = Field(min_length=1, max_length=200)
    """Who states it; the fact names this."""


class UsageAnswer(Wire):
    """Which report of the job it became; or why it became none."""

    revision: int = 0
    errors: tuple[Reason, ...] = ()


class BillRequest(Wire):
    """Import a vendor's bill that was compared with our charges. Only the operator may ask this: `qb.admin.bill`."""

    bill: VendorBill


class BillAnswer(Wire):
    """Where the log has the bill; or why it was not imported."""

    sequence: int = 0
    errors: tuple[Reason, ...] = ()
