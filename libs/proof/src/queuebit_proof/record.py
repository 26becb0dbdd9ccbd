"""What a statement says about one job, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from queuebit_kernel import require_token

__all__ = [
    "OUTCOMES",
    "AttemptLine",
    "ChargeLine",
    "CheckLine",
    "InputLine",
    "JobRecord",
    "Reason",
    "UsageLine",
]

OUTCOMES = frozenset({"completed", "failed", "cancelled", "expired", "rejected"})
"""The terminal states of a job."""

_DIGESTS = (
    *("request", "result", "circuit", "canonical", "bound", "plan"),
    *("compiled", "target", "calibration", "mitigation", "decision"),
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason for the outcome of a job: `code` for programs, `text` for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class UsageLine:
    """One measured quantity, such as 1000 `shots`; the quantity is decimal text."""

    metric: str
    quantity: str
    unit: str
    final: bool = True
    """False if the quantity can still change; a later statement then has the final one."""


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One line of the charge; numbers are decimal text, exactly as billed."""

    component: str
    quantity: str
    unit_price: str
    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A check of the result that the submission asked for; `value` and `limit` are whole numbers."""

    name: str
    passed: bool
    value: int
    limit: int


@dataclass(frozen=True, slots=True)
class InputLine:
    """A data set that the work was made from, as its author named it."""

    name: str
    version: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One placement of the job on a backend."""

    backend: str
    placed_at: datetime
    decision_digest: str
    """The inputs of the decision, as the event of the placement names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """All values that a receipt states about one job. `None`: did not happen, or unknown.

    Digests have the form `sha256:<64 hex digits>`; times are aware.
    """

    tenant: str
    project: str
    job: str
    outcome: str
    request_digest: str
    software: str
    submitted_at: datetime
    finished_at: datetime
    actor: str | None = None
    delegation: str | None = None
    """The id of the delegated key that signed for the actor; None if the actor's own key signed."""
    result_digest: str | None = None
    reasons: tuple[Reason, ...] = ()
    checks: tuple[CheckLine, ...] = ()
    """What the submission asked of the result, and what was found."""
    circuit_digest: str | None = None
    """Of the circuit or program as it was submitted."""
    canonical_digest: str | None = None
    """Of the circuit as the platform read it, whatever its layout, its comments and its names are."""
    bound_digest: str | None = None
    """Of the circuit with the values of its parameters."""
    circuit_name: str | None = None
    """What the author calls the circuit, with `circuit_version`."""
    circuit_version: int | None = None
    purpose: str | None = None
    rerun_of: str | None = None
    """The job of the tenant whose work this one repeats."""
    inputs: tuple[InputLine, ...] = ()
    plan_digest: str | None = None
    """Of the accepted terms: candidates with prices and holds, limits and objective."""
    compiled_digest: str | None = None
    target_digest: str | None = None
    """Of the target of the compilation: the gates, the couplings and the errors that the compiler knew."""
    compiler: str | None = None
    compiler_seed: int | None = None
    compile_options: Mapping[str, str | int] | None = None
    """The options that were chosen for the compilation, by name; numbers are whole."""
    post: tuple[str, ...] = ()
    """The steps that processed the counts, by name and version, in their order."""
    backend: str | None = None
    instead_of: tuple[str, ...] = ()
    """The backends that the job asked for and that were out of service, if it ran on its fallback."""
    region: tuple[int, ...] = ()
    """The qubits of the device that were the circuit's own, if circuits of other jobs were on it at the same time."""
    partners: int | None = None
    """How many these were; it is never stated whose."""
    calibration_digest: str | None = None
    calibrated_at: datetime | None = None
    mitigation_digest: str | None = None
    policy: str | None = None
    """The version of the rules that chose the backend."""
    decision_digest: str | None = None
    """Of the inputs of that decision."""
    attempt: int | None = None
    """The number of the attempt that led to the end."""
    attempts: tuple[AttemptLine, ...] = ()
    """The placements, the last ones of many."""
    vendor_jobs: tuple[str, ...] = ()
    """What the vendor calls its jobs, the first ones of many."""
    executor: str | None = None
    """Name and version of the program that ran the job."""
    image: str | None = None
    """The digest of the image of that program."""
    shots: int | None = None
    simulator_seed: int | None = None
    accepted_at: datetime | None = None
    placed_at: datetime | None = None
    started_at: datetime | None = None
    usage: tuple[UsageLine, ...] = ()
    charges: tuple[ChargeLine, ...] = ()
    price_book: str | None = None
    trace_id: str | None = None
    revision: int | None = None
    """The number of corrections of the charge before this statement."""
    supersedes: str | None = None
    """The digest of the previous statement, which this one replaces."""

    def __post_init__(self) -> None:
        for name in ("tenant", "project", "job"):
            require_token(getattr(self, name), name)
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome {self.outcome!r} is none of {', '.join(sorted(OUTCOMES))}")
        if self.outcome == "completed" and self.result_digest is None:
            raise ValueError("a completed job has a result: give its digest")
        for name in _DIGESTS:
            value = getattr(self, f"{name}_digest")
            if value is not None and not _DIGEST.fullmatch(value):
                raise ValueError(f"{name}_digest {value!r} is not sha256:<64 hex digits>")
        for name in ("submitted", "accepted", "placed", "started", "finished", "calibrated"):
            moment = getattr(self, f"{name}_at")
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name}_at has no time zone: use aware times in UTC")
        if (self.revision is None) != (self.supersedes is None) or (self.revision is not None and self.revision < 1):
            raise ValueError("give a revision from 1 and `supersedes`, or neither in the first statement of a job")
        if self.supersedes is not None and not _DIGEST.fullmatch(self.supersedes):
            raise ValueError(f"supersedes {self.supersedes!r} is not sha256:<64 hex digits>")
        for line in self.usage:
            _require_decimals(line.quantity)
        for charge in self.charges:
            _require_decimals(charge.quantity, charge.unit_price, charge.amount)


def _require_decimals(*numbers: str) -> None:
    for number in numbers:
        try:
            finite = Decimal(number).is_finite()
        except InvalidOperation:
            finite = False
        if not finite:
            raise ValueError(f"{number!r} is not a decimal number")
