"""Receipts as provenance issues them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from queuebit_kernel import digest
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

__all__ = ["NOW", "issued", "issued_for", "new_ring"]

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


def new_ring(folder: Path) -> KeyRing:
    """New keys in a folder."""
    return KeyRing.open(folder / "keys", "queuebit.example/log", NOW)


def issued(ring: KeyRing, *jobs: str, tenant: str = "acme", amount: str = "0.10") -> dict[str, bytes]:
    """Receipts of completed jobs of one tenant, in one log, by job; each cost the amount in USD."""
    return issued_for(ring, *(_record(it, tenant, amount) for it in jobs))


def issued_for(ring: KeyRing, *records: JobRecord) -> dict[str, bytes]:
    """Receipts of records, in one log, by job."""
    log = TileLog(Path("unwritten"))
    statements = [build_statement(it, salt=bytes(SALT_BYTES)) for it in records]
    log.append([entry_of(it) for it in statements])
    checkpoint = sign_checkpoint(log.head(ring.origin), ring, NOW)
    return {
        record.job: issue(seal(it, ring), leaf_index=n, inclusion=log.inclusion(n), checkpoint=checkpoint)
        for n, (record, it) in enumerate(zip(records, statements, strict=True))
    }


def _record(job: str, tenant: str, amount: str) -> JobRecord:
    return JobRecord(
        tenant=tenant,
        project="main",
        job=job,
        outcome="completed",
        request_digest=digest(b"request"),
        result_digest=digest(b"result"),
        software="queuebit",
        submitted_at=NOW,
        finished_at=NOW,
        charges=(ChargeLine("shots", "1", amount, amount, "USD"),),
    )
