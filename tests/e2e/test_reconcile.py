"""`qb reconcile` on a real stack: differences are explained, a file is imported once, a bad file changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

BILLS = Path(__file__).parents[2] / "examples" / "bills"


def test_a_bill_is_explained_and_imported_once(stack: EmbeddedStack, tmp_path: Path) -> None:
    bill = str(BILLS / "ionq-usage.json")
    dry = json.loads(stack.qb("reconcile", bill, "--dry-run", "--json", accept=(1,)))
    assert {it["kind"] for it in dry["findings"]} == {"extra"}
    assert (dry["accurate"], dry["compared"], dry["sequence"]) == (0, 3, None)

    shown = stack.qb("reconcile", bill, accept=(1,))
    assert shown.index("20.00 USD") < shown.index("12.42 USD") < shown.index("4.82 USD"), "worst first"
    assert "ask the vendor for a refund" in " ".join(shown.split())
    again = stack.run("reconcile", bill)
    assert again.returncode == 3
    assert "imported before" in again.stderr

    stack.until(ready=True)
    accuracy = ""
    while "2026-11-01_2026-12-01" not in accuracy:
        accuracy = stack.qb("sql", "SELECT vendor, statement, accurate, compared FROM billing_accuracy")
    assert "ionq" in accuracy

    table = stack.qb("reconcile", str(BILLS / "aws-cur.csv"), "--csv", "--dry-run", accept=(1,)).splitlines()
    assert table[0].startswith("kind,line,vendor_job")
    assert len(table) == 5

    assert "costs.toml says which are asked" in stack.qb("reconcile", "--live")
    assert stack.run("reconcile").returncode == 2

    bad = tmp_path / "bill.csv"
    bad.write_bytes((BILLS / "aws-cur.csv").read_bytes().replace(b"1.4500000000", b'"1,450.00"'))
    refused = stack.run("reconcile", str(bad))
    assert refused.returncode == 2
    assert "line 3, column 17 (lineItem/UnblendedCost)" in refused.stderr
