"""The warehouse is a view: after it is deleted and rebuilt from the log, it has the same content."""

from __future__ import annotations

from pathlib import Path

import pytest

from queuebit import Client
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

ROWS = """
SELECT seq, event_id, type, subject, tenant, job, toString(charge) AS charge, cityHash64(data) AS hash
FROM events ORDER BY seq
"""


def _verify(stack: EmbeddedStack) -> list[str]:
    verdicts = stack.ask("verify", accept=(0, 1))
    return [f"{it['invariant']} {found}" for it in verdicts for found in it["findings"]]


@pytest.mark.stack
@pytest.mark.timeout(180)
def test_the_warehouse_is_rebuilt_from_the_log(stack: EmbeddedStack, tmp_path: Path) -> None:
    with Client(find(stack.home)) as client:
        jobs = [client.submit(BELL, shots=100, backend="aer", purpose="rebuild", key=f"k{n}") for n in range(20)]
        for job in jobs:
            job.receipt(timeout=30)
    assert _verify(stack) == []
    before = stack.ask("sql", ROWS)
    stack.qb("warehouse", "rebuild")
    assert _verify(stack) == []
    after = stack.ask("sql", ROWS)
    assert before == after[: len(before)]
    assert len(before) > 20 * 9
