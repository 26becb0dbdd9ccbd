from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from queuebit_proof import ChargeLine, JobRecord, Reason, UsageLine, build_statement
from queuebit_proof.statement import read_statement, supersession_of

SALT = bytes(range(16))


def test_the_subject_of_a_completed_job_is_its_result(record: JobRecord) -> None:
    statement = json.loads(build_statement(record, salt=SALT))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://queuebit.dev/attestations/job/v1"
    assert record.result_digest is not None
    assert statement["subject"] == [{"name": "result", "digest": {"sha256": record.result_digest[7:]}}]
    assert statement["predicate"]["run"]["simulator_seed"] == 0
    assert statement["predicate"]["charges"][1]["unit_price"] == "0.00035"
    assert statement["predicate"]["times"]["finished_at"] == "2026-11-20T08:00:00.720000Z"


def test_the_subject_of_a_job_without_a_result_is_its_request(record: JobRecord) -> None:
    refused = JobRecord(
        tenant="acme",
        project="chemistry",
        job="j1",
        outcome="rejected",
        request_digest=record.request_digest,
        software="queuebit 0.1.0",
        submitted_at=record.submitted_at,
        finished_at=record.finished_at,
        reasons=(Reason("budget", "The budget is too small"),),
    )
    statement = json.loads(build_statement(refused, salt=SALT))
    assert statement["subject"] == [{"name": "request", "digest": {"sha256": record.request_digest[7:]}}]
    assert statement["predicate"] == {
        "record": 3,
        "job": {"tenant": "acme", "project": "chemistry", "id": "j1"},
        "outcome": {"state": "rejected", "reasons": [{"code": "budget", "text": "The budget is too small"}]},
        "request_digest": record.request_digest,
        "times": {"submitted_at": "2026-11-20T08:00:00.700000Z", "finished_at": "2026-11-20T08:00:00.720000Z"},
        "software": "queuebit 0.1.0",
        "salt": SALT.hex(),
    }


def test_the_same_record_and_salt_make_the_same_bytes(record: JobRecord) -> None:
    assert build_statement(record, salt=SALT) == build_statement(replace(record), salt=SALT)
    assert build_statement(record, salt=SALT) != build_statement(record, salt=bytes(16))


def test_a_statement_needs_a_full_salt(record: JobRecord) -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        build_statement(record, salt=b"short")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tenant": "Acme Corp"}, "not a plain name"),
        ({"outcome": "lost"}, "none of"),
        ({"result_digest": None}, "has a result"),
        ({"circuit_digest": "sha256:12"}, "circuit_digest"),
        ({"started_at": datetime(2026, 1, 1)}, "no time zone"),
        ({"revision": 1}, "give a revision"),
        ({"revision": -1, "supersedes": "sha256:" + "0" * 64}, "give a revision"),
        ({"revision": 1, "supersedes": "sha256:12"}, "supersedes"),
        ({"usage": (UsageLine("shots", "many", "shot"),)}, "not a decimal"),
        ({"charges": (ChargeLine("task", "1", "0.3", "NaN", "USD"),)}, "not a decimal"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_inconsistent_record_is_refused(record: JobRecord, change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(record, **change)


BEFORE = "sha256:" + "0" * 64


def test_a_further_statement_names_the_one_it_supersedes(record: JobRecord) -> None:
    first = read_statement(build_statement(record, salt=SALT))
    second = read_statement(build_statement(replace(record, revision=1, supersedes=BEFORE), salt=SALT))
    assert supersession_of(first) is None
    assert supersession_of(second) == (1, BEFORE)


@pytest.mark.parametrize(
    "predicate",
    [
        {"revision": 1},
        {"supersedes": BEFORE},
        {"revision": 0, "supersedes": BEFORE},
        {"revision": True, "supersedes": BEFORE},
        {"revision": 1, "supersedes": "sha256:12"},
    ],
    ids=str,
)
def test_an_incomplete_supersession_is_refused(predicate: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="supersedes another"):
        supersession_of({"predicate": predicate})
