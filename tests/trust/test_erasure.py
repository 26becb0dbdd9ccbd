"""What a tenant deletes is not in the log: proofs stay valid without it, and no leaf says what it was."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from tests.trust.published import COUNTS, Published, statement_of

from queuebit_kernel import canonical, digest_of
from queuebit_proof import (
    SALT_BYTES,
    TileLog,
    entry_of,
    leaf_hash,
    read_statement,
    require_entries,
    verify,
    verify_checkpoint,
    verify_inclusion,
)
from queuebit_runtime.payloads import Missing
from queuebit_testing.memory import MemoryPayloads


async def test_a_receipt_and_its_place_stay_valid_when_the_result_is_deleted(published: Published) -> None:
    payloads, content = MemoryPayloads(), canonical(COUNTS)
    result = await payloads.store("acme", content, "application/json")
    trust = published.ring.trust
    assert verify(published.receipt, trust, result_digest=result.digest)

    payloads.kept.clear()
    with pytest.raises(Missing):
        await payloads.get("acme", result)

    verified = verify(published.receipt, trust)
    log = TileLog.open(published.folder / "log", trust)
    head = verify_checkpoint(verified.receipt.checkpoint, trust).head
    require_entries(log, head, trust.origin)
    leaf = leaf_hash(entry_of(statement_of(41)))
    assert verify_inclusion(leaf, 41, log.size, log.inclusion(41), log.root())
    kept = verify(published.receipt, trust, result_digest=digest_of(COUNTS))
    assert "your result is the signed result" in kept.checks[2].sentence, "a copy can still be compared"


def test_neither_the_log_nor_a_receipt_has_the_content_of_a_payload(published: Published) -> None:
    content = canonical(COUNTS)
    files = [it for it in (published.folder / "log").rglob("*") if it.is_file()]
    assert not [it for it in files if content in it.read_bytes()]
    assert content not in published.receipt


def test_a_leaf_cannot_be_guessed_from_what_a_statement_says(published: Published) -> None:
    """Tenant, job, result and price may be known: the salt in the statement is not."""
    guessed = statement_of(41).replace((41).to_bytes(SALT_BYTES).hex().encode(), secrets.token_hex(SALT_BYTES).encode())
    assert read_statement(guessed)["subject"] == read_statement(statement_of(41))["subject"]
    assert entry_of(guessed) not in published.entries
    names = [b"acme", b"queuebit", b"main"]
    tiles = b"".join(it.read_bytes() for it in Path(published.folder / "log" / "tile").rglob("*") if it.is_file())
    assert not [it for it in names if it in tiles], "all that is public is digests"
