"""A published log as an auditor has it: a receipt, the trust document, the files of the log, and the result."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from queuebit_kernel import digest_of, job_id
from queuebit_proof import (
    SALT_BYTES,
    ChargeLine,
    JobRecord,
    KeyRing,
    TileLog,
    build_statement,
    entry_of,
    issue,
    seal,
    sign_checkpoint,
)

__all__ = ["BEGIN", "COUNTS", "ORIGIN", "Published", "publish", "statement_of"]

ORIGIN = "queuebit.example/log"
BEGIN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
COUNTS = {"00": 500, "11": 500}


@dataclass(frozen=True)
class Published:
    """What the operator of a log gives away, and the keys that an auditor does not have."""

    folder: Path
    """Has `job.receipt.json`, `trust.json`, `result.json` and `log/`."""
    ring: KeyRing
    entries: tuple[bytes, ...]
    """Of the whole log."""
    receipt: bytes
    """Of one job, with the checkpoint of its time: the log has grown since."""


def statement_of(number: int) -> bytes:
    """The statement about one job."""
    record = JobRecord(
        tenant="acme",
        project="main",
        job=job_id("acme", f"k{number}"),
        outcome="completed",
        request_digest=digest_of(number),
        result_digest=digest_of(COUNTS),
        software="queuebit",
        submitted_at=BEGIN,
        finished_at=BEGIN,
        charges=(ChargeLine("shots", "1000", "0.00035", "0.35", "USD"),),
    )
    return build_statement(record, salt=number.to_bytes(SALT_BYTES))


def publish(folder: Path, *, job: int = 41, then: int = 200, jobs: int = 300) -> Published:
    """Seal jobs, and publish the log twice: when a job gets its receipt, and at the end.

    Args:
        folder: an empty folder.
        job: which job has the receipt.
        then: the leaves of the log at that time.
        jobs: the leaves of the log at the end.
    """
    ring = KeyRing.open(folder / "private", ORIGIN, BEGIN)
    log = TileLog(folder / "log")
    statements = [statement_of(it) for it in range(jobs)]
    entries = tuple(entry_of(it) for it in statements)
    log.append(entries[:then])
    earlier = sign_checkpoint(log.head(ORIGIN), ring, BEGIN + timedelta(minutes=1))
    receipt = issue(seal(statements[job], ring), leaf_index=job, inclusion=log.inclusion(job), checkpoint=earlier)
    log.write(earlier)
    log.append(entries[then:])
    log.write(sign_checkpoint(log.head(ORIGIN), ring, BEGIN + timedelta(minutes=2)))
    (folder / "job.receipt.json").write_bytes(receipt)
    (folder / "trust.json").write_bytes(ring.trust.to_bytes())
    (folder / "result.json").write_text(json.dumps(COUNTS))
    return Published(folder, ring, entries, receipt)
