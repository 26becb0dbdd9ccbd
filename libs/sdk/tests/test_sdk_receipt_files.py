"""Receipts in files, as they are or compressed."""

from __future__ import annotations

import gzip
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from queuebit import InvalidInput
from queuebit.receipt_files import packed, read_receipt
from queuebit_proof import JobRecord, KeyRing, Profile, TileLog, build_statement, entry_of, issue, seal, sign_checkpoint
from queuebit_proof.receipt import MAX_RECEIPT_BYTES

AT = datetime(2026, 11, 1, tzinfo=UTC)


def receipt(folder: Path, profile: Profile) -> bytes:
    """A receipt of a log of 16,384 entries, with a statement of the usual size."""
    ring = KeyRing.open(folder / "keys", "log.example/main", AT, profile=profile)
    digest = "sha256:" + secrets.token_hex(32)
    record = JobRecord(
        tenant="acme",
        project="chem",
        job="j1",
        outcome="completed",
        request_digest=digest,
        software="queuebit 0.1.0",
        submitted_at=AT,
        finished_at=AT,
        result_digest="sha256:" + secrets.token_hex(32),
        vendor_jobs=tuple(secrets.token_hex(48) for _ in range(2)),
        instead_of=tuple(f"sha256:{secrets.token_hex(32)}" for _ in range(20)),
    )
    statement = build_statement(record, salt=bytes(16))
    assert len(statement) > 2_000
    log = TileLog(Path("unwritten"))
    log.append([secrets.token_bytes(32) for _ in range((1 << 14) - 1)])
    index = log.append([entry_of(statement)])
    head = sign_checkpoint(log.head(ring.origin), ring, AT)
    return issue(seal(statement, ring), leaf_index=index, inclusion=log.inclusion(index), checkpoint=head)


@pytest.mark.parametrize("profile", Profile)
def test_a_compressed_receipt_has_at_most_16_kib(tmp_path: Path, profile: Profile) -> None:
    content = receipt(tmp_path, profile)
    file, plain = tmp_path / "j1.receipt.json.gz", tmp_path / "j1.receipt.json"
    file.write_bytes(packed(content))
    plain.write_bytes(content + b"\n")
    assert read_receipt(file) == read_receipt(plain) == content
    assert json.loads(gzip.decompress(file.read_bytes()))["job"] == "j1"
    assert file.stat().st_size <= 16 * 1024 < (len(content) if profile == "cnsa2" else 1 << 20)


def test_a_file_that_grows_without_end_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "bomb.gz"
    file.write_bytes(packed(bytes(MAX_RECEIPT_BYTES * 100)))
    assert len(read_receipt(file)) == MAX_RECEIPT_BYTES + 2


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "x.gz"
    file.write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(InvalidInput, match="no whole gzip file"):
        read_receipt(file)
