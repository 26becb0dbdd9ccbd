"""The record is complete by its schema, and a receipt of the largest one has at most 16 KiB."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

import queuebit_proof
from queuebit_proof import (
    AttemptLine,
    InputLine,
    JobRecord,
    KeyRing,
    Reason,
    TileLog,
    build_statement,
    entry_of,
    issue,
    seal,
    sign_checkpoint,
)
from queuebit_proof.statement import MOST_ATTEMPTS, MOST_VENDOR_JOBS

SCHEMA = json.loads((Path(queuebit_proof.__file__).parent / "job.schema.json").read_text())
RECEIPT_BYTES = 16 * 1024
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def full(record: JobRecord) -> JobRecord:
    """A record with every field that a job can have."""
    begin = record.submitted_at
    return replace(
        record,
        purpose="ground state of H2",
        circuit_name="ansatz",
        circuit_version=7,
        inputs=(InputLine("molecules", "2026-11", DIGEST),),
        plan_digest=DIGEST,
        canonical_digest=DIGEST,
        bound_digest=DIGEST,
        target_digest=DIGEST,
        compile_options={"optimization_level": 3},
        policy="fair-share/7",
        decision_digest=DIGEST,
        attempt=2,
        attempts=(AttemptLine("aer", begin, DIGEST), AttemptLine("cirq", begin, DIGEST)),
        vendor_jobs=("arn:aws:braket:1",),
        executor="queuebit 0.1.0",
        image=DIGEST,
        calibrated_at=begin - timedelta(hours=1),
        post=("zne/1",),
        instead_of=("torino",),
        region=(57, 58),
        partners=7,
    )


def predicate(record: JobRecord) -> dict[str, Any]:
    found = json.loads(build_statement(record, salt=bytes(16)))["predicate"]
    assert isinstance(found, dict)
    return found


def valid(stated: object) -> bool:
    return bool(Draft202012Validator(SCHEMA).is_valid(stated))


def test_the_schema_is_one_and_names_every_field(full: JobRecord) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    stated = predicate(full)
    Draft202012Validator(SCHEMA).validate(stated)
    assert stated.keys() <= SCHEMA["properties"].keys()
    for group in ("job", "outcome", "circuit", "compiled", "run", "times"):
        assert stated[group].keys() <= SCHEMA["properties"][group]["properties"].keys(), group
    assert stated["run"]["calibration_age_s"] == 3600


@pytest.mark.parametrize(
    "path",
    [
        *("price_book", "trace_id", "request_digest", "result_digest", "circuit_digest", "bound_digest", "plan_digest"),
        *("compiled", "usage", "run", "software", "salt", "job.actor", "job.purpose", "compiled.compiler"),
        *(
            "compiled.seed",
            "compiled.target",
            "run.backend",
            "run.policy",
            "run.decision_digest",
            "run.attempt",
            "run.attempts",
        ),
        *("run.executor", "run.shots", "run.calibration_age_s", "times.accepted_at", "times.placed_at"),
        *("times.started_at", "times.finished_at"),
    ],
)
def test_what_is_missing_of_a_completed_job_is_found(full: JobRecord, path: str) -> None:
    stated = predicate(full)
    *groups, name = path.split(".")
    part = stated[groups[0]] if groups else stated
    del part[name]
    assert not valid(stated)


@pytest.mark.parametrize("state", ["failed", "rejected"])
def test_a_job_without_a_result_needs_its_reasons(full: JobRecord, state: str) -> None:
    stated = predicate(replace(full, outcome=state, result_digest=None))
    assert not valid(stated)
    stated["outcome"]["reasons"] = [{"code": "x", "text": "y"}]
    assert valid(stated)


def test_a_statement_of_an_earlier_version_stays_valid(record: JobRecord) -> None:
    stated = predicate(record)
    assert not valid(stated)
    del stated["record"]
    assert valid(stated)


def test_a_record_2_has_no_digest_of_the_target(full: JobRecord) -> None:
    stated = predicate(full)
    del stated["compiled"]["target"]
    assert not valid(stated)
    assert valid(stated | {"record": 2})
    del stated["plan_digest"]
    assert not valid(stated | {"record": 2})


def test_a_field_of_another_form_is_refused(full: JobRecord) -> None:
    stated = predicate(full)
    stated["run"]["image"] = "latest"
    with pytest.raises(ValidationError, match="latest"):
        Draft202012Validator(SCHEMA).validate(stated)


def test_many_attempts_and_vendor_jobs_are_cut(full: JobRecord) -> None:
    many = tuple(AttemptLine(f"b{it}", full.submitted_at, DIGEST) for it in range(9))
    run = predicate(replace(full, attempts=many, vendor_jobs=tuple(map(str, range(9)))))["run"]
    assert [it["backend"] for it in run["attempts"]] == ["b6", "b7", "b8"]
    assert run["vendor_jobs"] == ["0", "1"]
    assert (len(run["attempts"]), len(run["vendor_jobs"])) == (MOST_ATTEMPTS, MOST_VENDOR_JOBS)


def test_the_largest_record_has_a_receipt_of_16_kib(full: JobRecord, ring: KeyRing) -> None:
    """A million leaves have a path of 20 nodes; each bounded field has its largest value.

    A job that shared a device has a region instead of jobs at a vendor, steps after the run and compile options.
    """
    name = "n" * 64
    large = replace(
        full,
        tenant=name,
        project=name,
        job="j" * 21,
        actor=name,
        delegation=name,
        purpose="p" * 200,
        circuit_name=name,
        inputs=tuple(InputLine(name, "v" * 24, DIGEST) for _ in range(4)),
        backend=name,
        instead_of=(name, name),
        region=(),
        partners=None,
        attempts=tuple(AttemptLine(name, full.submitted_at, DIGEST) for _ in range(MOST_ATTEMPTS)),
        vendor_jobs=("h" * 96,) * MOST_VENDOR_JOBS,
        reasons=(Reason("c" * 32, "r" * 256),),
        post=("readout-mitigation/1", "zne/1"),
        supersedes=DIGEST,
        revision=3,
    )
    statement = build_statement(large, salt=bytes(16))
    log = TileLog(Path("unwritten"))
    index = log.append([entry_of(statement)])
    head = sign_checkpoint(log.head(ring.origin), ring, full.finished_at)
    receipt = issue(seal(statement, ring), leaf_index=index, inclusion=log.inclusion(index), checkpoint=head)
    path_bytes = 20 * len('"' + "A" * 44 + '",')
    assert len(receipt) + path_bytes <= RECEIPT_BYTES, (len(receipt) + path_bytes, len(statement))
