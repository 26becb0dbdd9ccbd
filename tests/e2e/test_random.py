"""Random bits of a stack, and the receipt that their record names."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]


def test_the_record_of_random_bits_names_a_receipt_that_verifies(
    stack: EmbeddedStack, tenant: str, tmp_path: Path
) -> None:
    found = stack.ask("random", "--bits", "256", "--tenant", tenant, "--tag", "keys")
    record = found["record"]
    assert len(bytes.fromhex(found["hex"])) == 32
    assert (record["pseudo_random"], record["backend"]["kind"]) == (True, "simulator")
    assert min(record["min_entropy"]["estimates"].values()) > 0.5
    (job,) = record["jobs"]
    receipt = tmp_path / "receipt.json"
    stack.qb("receipt", "get", job["job"], "--tenant", tenant, "--output", str(receipt))
    verified = stack.ask("receipt", "verify", str(receipt))
    assert (verified["verified"], verified["job"], verified["leaf_index"]) == (True, job["job"], job["leaf_index"])
