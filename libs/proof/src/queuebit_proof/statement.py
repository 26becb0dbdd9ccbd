"""The statement about a job: an in-toto Statement v1 with our own predicate (fields: STATEMENT.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from queuebit_kernel import Json, canonical, require_token, rfc3339
from queuebit_proof.encoding import exactly, parse_json

__all__ = [
    "OUTCOMES",
    "PREDICATE_TYPE",
    "SALT_BYTES",
    "STATEMENT_TYPE",
    "ChargeLine",
    "CheckLine",
    "JobRecord",
    "Reason",
    "UsageLine",
    "build_statement",
    "job_of",
    "read_statement",
    "supersession_of",
]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://queuebit.dev/attestations/job/v1"
OUTCOMES = frozenset({"completed", "failed", "cancelled", "expired", "rejected"})
"""The terminal states of a job."""
SALT_BYTES = 16
"""Length of the salt in bytes. It prevents finding the content by comparing digests of likely contents."""

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
    compiled_digest: str | None = None
    compiler: str | None = None
    compiler_seed: int | None = None
    compile_options: Mapping[str, str | int] | None = None
    """The options that were chosen for the compilation, by name; numbers are whole."""
    post: tuple[str, ...] = ()
    """The steps that processed the counts, by name and version, in their order."""
    backend: str | None = None
    instead_of: tuple[str, ...] = ()
    """The backends that the job asked for and that were out of service, if it ran on its fallback."""
    calibration_digest: str | None = None
    mitigation_digest: str | None = None
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
        for name in ("request", "result", "circuit", "compiled", "calibration", "mitigation"):
            value = getattr(self, f"{name}_digest")
            if value is not None and not _DIGEST.fullmatch(value):
                raise ValueError(f"{name}_digest {value!r} is not sha256:<64 hex digits>")
        for name in ("submitted", "accepted", "placed", "started", "finished"):
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


def build_statement(record: JobRecord, *, salt: bytes) -> bytes:
    """Return the statement as bytes, which are signed and stored unchanged.

    The subject is the result. Without a result it is the request: the receipt then proves that the request had no
    result.

    Args:
        record: the values of the job.
        salt: `SALT_BYTES` new random bytes.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt is {SALT_BYTES} random bytes, not {len(salt)}")
    about, subject = ("result", record.result_digest) if record.result_digest else ("request", record.request_digest)
    return canonical(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": about, "digest": {"sha256": subject.removeprefix("sha256:")}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": _predicate(record) | {"salt": salt.hex()},
        }
    )


def read_statement(payload: bytes) -> dict[str, object]:
    """Parse a statement; verify its signatures first.

    Raises:
        ValueError: it is not a statement about a job.
    """
    fields = exactly(
        parse_json(payload), frozenset({"_type", "subject", "predicateType", "predicate"}), "the statement"
    )
    if (fields["_type"], fields["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise ValueError(f"it is not an in-toto statement of type {PREDICATE_TYPE}")
    return fields


def job_of(statement: dict[str, object]) -> dict[str, object]:
    """Return tenant, project and job (`id`) of a statement."""
    predicate = statement["predicate"]
    job = predicate.get("job") if isinstance(predicate, dict) else None
    if not isinstance(job, dict):
        raise ValueError("the statement names no job")
    return job


def supersession_of(statement: dict[str, object]) -> tuple[int, str] | None:
    """Return the revision and the digest of the superseded statement; None for a first statement.

    Raises:
        ValueError: the statement has only one of the two, or one is invalid.
    """
    predicate = statement["predicate"]
    stated = predicate if isinstance(predicate, dict) else {}
    revision, before = stated.get("revision"), stated.get("supersedes")
    if revision is None and before is None:
        return None
    if type(revision) is not int or revision < 1 or not isinstance(before, str) or not _DIGEST.fullmatch(before):
        raise ValueError("a statement that supersedes another has a revision and the other's digest")
    return revision, before


def _predicate(record: JobRecord) -> dict[str, Json]:
    return _present(
        job=_present(
            tenant=record.tenant,
            project=record.project,
            id=record.job,
            actor=record.actor,
            delegation=record.delegation,
        ),
        outcome=_present(
            state=record.outcome,
            reasons=[{"code": reason.code, "text": reason.text} for reason in record.reasons],
            checks=[asdict(it) for it in record.checks],
        ),
        request_digest=record.request_digest,
        result_digest=record.result_digest,
        circuit_digest=record.circuit_digest,
        compiled=_present(
            digest=record.compiled_digest, compiler=record.compiler, seed=record.compiler_seed, options=_options(record)
        ),
        run=_present(
            backend=record.backend,
            instead_of=[*record.instead_of],
            calibration_digest=record.calibration_digest,
            mitigation_digest=record.mitigation_digest,
            shots=record.shots,
            simulator_seed=record.simulator_seed,
            post=[*record.post],
        ),
        times=_present(
            submitted_at=rfc3339(record.submitted_at),
            accepted_at=_when(record.accepted_at),
            placed_at=_when(record.placed_at),
            started_at=_when(record.started_at),
            finished_at=rfc3339(record.finished_at),
        ),
        usage=[_used(line) for line in record.usage],
        charges=[_charge(line) for line in record.charges],
        price_book=record.price_book,
        trace_id=record.trace_id,
        software=record.software,
        revision=record.revision,
        supersedes=record.supersedes,
    )


def _options(record: JobRecord) -> dict[str, Json]:
    return {**(record.compile_options or {})}


def _used(line: UsageLine) -> Mapping[str, Json]:
    stated: dict[str, Json] = {"metric": line.metric, "quantity": line.quantity, "unit": line.unit}
    return stated if line.final else stated | {"final": False}


def _charge(line: ChargeLine) -> Mapping[str, Json]:
    return {
        "component": line.component,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "amount": line.amount,
        "currency": line.currency,
    }


def _present(**fields: Json) -> dict[str, Json]:
    """Remove None, so that a missing value has only one encoding."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def _require_decimals(*numbers: str) -> None:
    for number in numbers:
        try:
            finite = Decimal(number).is_finite()
        except InvalidOperation:
            finite = False
        if not finite:
            raise ValueError(f"{number!r} is not a decimal number")
