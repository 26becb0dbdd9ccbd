"""What was expected of a job, beside what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import queuebit_contracts
from queuebit.documents import plan_document
from queuebit.predictions import prediction_of
from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Money

EXAMPLES = Path(queuebit_contracts.__file__).parents[2] / "examples"
ACCEPTED, PLACED, STARTED, COMPLETED, METERED = (
    f"qb.job.{it}.v1/bell-on-torino.json" for it in ("accepted", "placed", "started", "completed", "metered")
)


def event(path: str, **changes: Any) -> AnyEvent:
    document = json.loads((EXAMPLES / path).read_text())
    document["data"].update(changes)
    found = decode(json.dumps(document).encode())
    assert not isinstance(found, UnknownEvent)
    return found


def test_a_job_without_a_place_has_no_plan() -> None:
    assert prediction_of([event(ACCEPTED)]) is None
    assert plan_document(None) is None


def test_a_job_that_was_taken_from_its_backend_has_no_plan_until_it_has_another() -> None:
    accepted, placed = event(ACCEPTED), event(PLACED)
    withdrawn = event("qb.job.withdrawn.v1/below-its-least-fidelity.json")
    assert prediction_of([accepted, placed, withdrawn]) is None
    assert prediction_of([accepted, placed, withdrawn, placed]) is not None


def test_what_is_known_grows_with_the_history() -> None:
    accepted, placed, completed = event(ACCEPTED), event(PLACED), event(COMPLETED)
    waiting = prediction_of([accepted, placed])
    assert waiting is not None
    assert (waiting.backend, waiting.most_cost) == ("emulated-ibm-torino", Money.of("2.0032"))
    assert (waiting.expected_run_s, waiting.run_s, waiting.charge, waiting.took_s) == (1.252, None, None, None)
    ended = prediction_of([accepted, placed, completed, event(METERED)])
    assert ended is not None
    assert ended.run_s == pytest.approx(1.252)
    assert ended.charge is not None
    assert ended.took_s is not None
    assert ended.took_s >= 0
    assert ended.expected_fidelity is not None
    assert ended.fidelity is None, "it was not checked"
    document = plan_document(ended)
    assert document is not None
    assert document["most_cost"] == {"amount": "2.0032", "currency": "USD"}


def test_a_measured_fidelity_is_that_of_the_quality_check() -> None:
    check = {"name": "fidelity", "passed": True, "value": 941_000, "limit": 900_000}
    completed = event(COMPLETED, quality={"passed": True, "checks": [check]})
    ended = prediction_of([event(ACCEPTED), event(PLACED), completed])
    assert ended is not None
    assert ended.fidelity == 0.941


def test_a_bill_that_is_not_final_is_no_outcome() -> None:
    ended = prediction_of([event(ACCEPTED), event(PLACED), event(COMPLETED), event(METERED, final=False)])
    assert ended is not None
    assert ended.charge is None
