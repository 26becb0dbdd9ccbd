"""QIR and Q#: from a file to a receipt, by the command line and over HTTP."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyqir
import pytest

from queuebit import Batch, Client
from queuebit.credentials import find
from queuebit_kernel import digest
from queuebit_proof import Receipt
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

EXAMPLES = Path(__file__).parents[2] / "examples" / "qir"
SHOTS = 4_000
FIRST, SINGLE = math.sin(0.3) ** 2, math.sin(1.1) ** 2
EXPECTED = {
    "0 00": (1 - FIRST) * (1 - SINGLE), "0 11": FIRST * (1 - SINGLE),
    "1 01": (1 - FIRST) * SINGLE, "1 10": FIRST * SINGLE,
}  # fmt: skip


def _bitcode() -> bytes:
    text = (EXAMPLES / "asymmetric.ll").read_text()
    opaque = text.replace("%Qubit*", "ptr").replace("%Result*", "ptr").replace("i8*", "ptr")
    return pyqir.Module.from_ir(pyqir.Context(), opaque).bitcode


def _require_expected(counts: dict[str, int]) -> None:
    """Five standard deviations for each of four outcomes: a false alarm in less than one of 400,000 comparisons."""
    assert counts.keys() <= EXPECTED.keys()
    for bits, share in EXPECTED.items():
        assert abs(counts.get(bits, 0) / SHOTS - share) < 5 * math.sqrt(share * (1 - share) / SHOTS), bits


def test_text_bitcode_and_q_sharp_give_one_distribution_and_a_receipt(
    stack: EmbeddedStack, tenant: str, tmp_path: Path
) -> None:
    (tmp_path / "asymmetric.bc").write_bytes(_bitcode())
    files = [EXAMPLES / "asymmetric.ll", tmp_path / "asymmetric.bc", EXAMPLES / "asymmetric.qs"]
    jobs = stack.submit(*map(str, files), "--tenant", tenant, "--backend", "aer", "--shots", str(SHOTS))
    for job in jobs:
        assert job["state"] == "completed", job
        assert job["receipt"]["verified"] is True
        _require_expected(job["counts"])
    with Client(find(stack.home, tenant)) as client:
        for file, job in zip(files[:2], jobs, strict=False):
            statement = Receipt.parse(client.job(job["job"]).receipt().content).logged
            assert digest(file.read_bytes()) in statement.decode()


def test_a_plan_and_a_batch_take_qir_and_a_refusal_names_its_line(
    stack: EmbeddedStack, tenant: str, tmp_path: Path
) -> None:
    text = EXAMPLES / "asymmetric.ll"
    planned = json.loads(stack.qb("plan", str(text), "--tenant", tenant, "--json"))
    assert any(row["backend"] == "aer" and row.get("cost") for row in planned)
    with Client(find(stack.home, tenant)) as client:
        result = client.submit(Batch([text, _bitcode()]), shots=SHOTS, backend="aer").result(timeout=30)
    for item in result.items:
        _require_expected(dict(item.counts or {}))
    branching = tmp_path / "branch.ll"
    branching.write_text(text.read_text().replace("br label %output", "br i1 true, label %output, label %body"))
    (job,) = stack.submit(str(branching), "--tenant", tenant, "--backend", "aer", accept=(3,))
    assert job["state"] == "rejected"
    (reason,) = job["reasons"]
    assert "line 24, column 3: a branch on a condition is not supported" in reason["text"]
