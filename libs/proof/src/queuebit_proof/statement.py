"""The statement about a job: an in-toto Statement v1 with our own predicate (fields: STATEMENT.md)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from queuebit_kernel import Json, canonical, rfc3339
from queuebit_proof.encoding import exactly, parse_json
from queuebit_proof.record import AttemptLine, ChargeLine, JobRecord, UsageLine

__all__ = [
    "MOST_ATTEMPTS",
    "MOST_VENDOR_JOBS",
    "PREDICATE_TYPE",
    "RECORD",
    "SALT_BYTES",
    "STATEMENT_TYPE",
    "build_statement",
    "job_of",
    "read_statement",
    "supersession_of",
]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://queuebit.dev/attestations/job/v1"
RECORD = 3
"""The version of the record: which fields `job.schema.json` requires. Statements without one are of version 1."""
MOST_ATTEMPTS = 3
"""The placements that a statement names: the last ones, so that a receipt has at most 16 KiB."""
MOST_VENDOR_JOBS = 2
"""The vendor's jobs that a statement names: the first ones; statements of record 2 have up to three."""
SALT_BYTES = 16
"""Length of the salt in bytes. It prevents finding the content by comparing digests of likely contents."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


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
        record=RECORD,
        job=_present(
            tenant=record.tenant,
            project=record.project,
            id=record.job,
            actor=record.actor,
            delegation=record.delegation,
            purpose=record.purpose,
            rerun_of=record.rerun_of,
        ),
        outcome=_present(
            state=record.outcome,
            reasons=[{"code": reason.code, "text": reason.text} for reason in record.reasons],
            checks=[asdict(it) for it in record.checks],
        ),
        request_digest=record.request_digest,
        result_digest=record.result_digest,
        circuit_digest=record.circuit_digest,
        canonical_digest=record.canonical_digest,
        bound_digest=record.bound_digest,
        circuit=_present(name=record.circuit_name, version=record.circuit_version),
        inputs=[_present(name=it.name, version=it.version, digest=it.digest) for it in record.inputs],
        plan_digest=record.plan_digest,
        compiled=_present(
            digest=record.compiled_digest,
            target=record.target_digest,
            compiler=record.compiler,
            seed=record.compiler_seed,
            options=_options(record),
        ),
        run=_present(
            backend=record.backend,
            instead_of=[*record.instead_of],
            policy=record.policy,
            decision_digest=record.decision_digest,
            attempt=record.attempt,
            attempts=[_attempt(it) for it in record.attempts[-MOST_ATTEMPTS:]],
            vendor_jobs=[*record.vendor_jobs[:MOST_VENDOR_JOBS]],
            executor=record.executor,
            image=record.image,
            region=[*record.region],
            partners=record.partners,
            calibration_digest=record.calibration_digest,
            calibrated_at=_when(record.calibrated_at),
            calibration_age_s=_age(record),
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


def _attempt(line: AttemptLine) -> Mapping[str, Json]:
    return {
        "backend": line.backend,
        "placed_at": rfc3339(line.placed_at),
        "decision_digest": line.decision_digest,
    }


def _age(record: JobRecord) -> int | None:
    """Whole seconds from the calibration to the start; a clock that was behind makes it no less than 0."""
    if record.calibrated_at is None or record.started_at is None:
        return None
    return max(0, int((record.started_at - record.calibrated_at).total_seconds()))


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
