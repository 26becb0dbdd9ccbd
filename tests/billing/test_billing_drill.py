"""Bills and invoices survive kills of everything that makes them, to the last digit; and the drill can fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.billing.checks import Evidence, differences
from tests.billing.drill import TENANTS, Drill
from tests.billing.processes import KILLED

from queuebit_billing import Document
from queuebit_testing.naive_invoices import Message


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_six_hundred_jobs_are_invoiced_to_the_last_digit_under_kills(tmp_path: Path) -> None:
    drill = Drill(tmp_path / "home", 600, 0.7, seed=11)
    report = await drill.run()
    assert report.passed, asdict(report)
    assert {*report.kills} == {*KILLED}
    assert report.bills["metered"] > 600, "jobs, and sessions among them"
    for what in ("corrected", "after the invoice of their period"):
        assert report.bills[what] > 0, asdict(report)
    assert report.written["duplicates"] > 200
    for name, (evidence, documents) in faults(drill.evidence, drill.documents):
        assert differences(evidence, documents), f"{name} was not found"


def faults(
    evidence: Evidence, documents: dict[str, list[Document]]
) -> Iterator[tuple[str, tuple[Evidence, dict[str, list[Document]]]]]:
    """The same evidence with one small fault each."""
    messages = evidence.messages
    corrected = next(it for it in messages if it.subject.startswith("qb.job.") and _delta(it))
    yield "a missing correction", (Evidence(evidence.book, [it for it in messages if it is not corrected]), documents)
    amended = {it.subject.split(".")[3] for it in messages if ".usage_reported." in it.subject}
    ended = next(
        it
        for it in messages
        if it.subject.endswith(".completed") and b"braket-ionq" in it.body and it.subject.split(".")[3] not in amended
    )
    document = json.loads(ended.body)
    document["data"]["usage"] = {"shots": 1, "qpu_us": 1, "qubits": 1}
    used = replace(ended, body=json.dumps(document).encode())
    changed = [used if it is ended else it for it in messages]
    yield "other usage than was charged", (Evidence(evidence.book, changed), documents)
    first, *others = documents[TENANTS[0]]
    line, *lines = first.lines
    changed_line = line.model_copy(update={"amount": f"{Decimal(line.amount) + Decimal('0.000001'):f}"})
    wrong = first.model_copy(update={"lines": (changed_line, *lines)})
    yield "a line that is a millionth too high", (evidence, {**documents, TENANTS[0]: [wrong, *others]})


def _delta(message: Message) -> bool:
    """Whether it is a correction of a bill that changed the charge."""
    document = json.loads(message.body)
    return document["type"] == "qb.job.corrected.v1" and bool(Decimal(document["data"]["delta"]["amount"]))
