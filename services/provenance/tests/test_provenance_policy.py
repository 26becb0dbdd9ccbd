"""What a receipt states, for every kind of end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import queuebit_proof
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import (
    CompileChoice,
    Dispatch,
    JobAccepted,
    JobCompleted,
    JobDispatched,
    JobPlaced,
    JobSubmitted,
    SharedRun,
)
from queuebit_contracts.quality import Quality, QualityCheck
from queuebit_kernel import Malformed, digest, digest_of
from queuebit_proof import ChargeLine, InputLine, Reason, UsageLine, build_statement
from queuebit_provenance.policy import HANDLE_BYTES, REASON_CHARS, record_of

from .job_lives import Life

SOFTWARE = "queuebit 0.1.0"
SCHEMA = json.loads((Path(queuebit_proof.__file__).parent / "job.schema.json").read_text())


def test_a_completed_job_states_its_request_result_run_and_bill(life: Life) -> None:
    events = life("j1", "completed")

    record = record_of(events, software=SOFTWARE)

    assert (record.tenant, record.project, record.job, record.actor) == ("acme", "chemistry", "j1", "ann")
    assert record.outcome == "completed"
    assert record.result_digest == digest(b'{"00":496,"11":504}')
    assert record.circuit_digest == digest(b"OPENQASM 3.0;")
    assert (record.compiler, record.compiler_seed) == ("qiskit 2.6.1", 11)
    assert (record.backend, record.shots, record.simulator_seed) == ("aer", 1000, 7)
    assert record.calibration_digest == digest(b"calibration")
    assert record.usage == (
        UsageLine("shots", "1000", "shot"),
        UsageLine("qpu-time", "2150", "microsecond"),
        UsageLine("qubits", "2", "qubit"),
    )
    assert record.charges == (ChargeLine("qubit-time", "0.0043", "0.02", "0.000086", "USD"),)
    assert record.price_book == digest(b"book")
    assert record.trace_id == "0af7651916cd43dd8448eb211c80319c"
    moments = [record.submitted_at, record.accepted_at, record.placed_at, record.started_at, record.finished_at]
    assert moments == sorted(filter(None, moments))


def test_options_and_steps_are_stated_by_name(life: Life) -> None:
    *before, completed, metered = life("j1", "completed")
    assert isinstance(completed, JobCompleted)
    chosen = CompileChoice(optimization_level=3, twirling=8)
    compilation = completed.data.compilation.model_copy(update={"options": chosen})
    known = {"compilation": compilation, "post": ("readout-mitigation/1", "zne/1")}
    end = completed.model_copy(update={"data": completed.data.model_copy(update=known)})

    record = record_of([*before, end, metered], software=SOFTWARE)

    predicate = json.loads(build_statement(record, salt=bytes(16)))["predicate"]
    assert predicate["compiled"]["options"] == {"optimization_level": 3, "twirling": 8}
    assert predicate["run"]["post"] == ["readout-mitigation/1", "zne/1"]
    plain = json.loads(build_statement(record_of(life("j2", "completed"), software=SOFTWARE), salt=bytes(16)))
    assert "options" not in plain["predicate"]["compiled"]
    assert "post" not in plain["predicate"]["run"]


def test_a_shared_run_is_stated_by_region_and_number_only(life: Life) -> None:
    *before, completed, metered = life("j1", "completed")
    assert isinstance(completed, JobCompleted)
    run = SharedRun(run="0d9f7c52-8f0a-4a6b-9d4c-6f1f5f2b8a10", circuits=3, region=(57, 58))
    end = completed.model_copy(update={"data": completed.data.model_copy(update={"shared": run})})
    statement = build_statement(record_of([*before, end, metered], software=SOFTWARE), salt=bytes(16))
    stated = json.loads(statement)["predicate"]["run"]
    assert (stated["region"], stated["partners"]) == ([57, 58], 2)
    assert run.run.encode() not in statement
    alone = build_statement(record_of(life("j2", "completed"), software=SOFTWARE), salt=bytes(16))
    assert {"region", "partners"}.isdisjoint(json.loads(alone)["predicate"]["run"])


def test_what_was_asked_of_the_result_is_stated(life: Life) -> None:
    *before, completed, metered = life("j1", "completed")
    assert isinstance(completed, JobCompleted)
    checks = tuple(QualityCheck(name=it, passed=True, value=9, limit=8) for it in ("shots", "fidelity"))
    known = {"quality": Quality(passed=True, checks=checks)}
    end = completed.model_copy(update={"data": completed.data.model_copy(update=known)})

    record = record_of([*before, end, metered], software=SOFTWARE)

    outcome = json.loads(build_statement(record, salt=bytes(16)))["predicate"]["outcome"]
    assert outcome["checks"] == [{"name": "fidelity", "passed": True, "value": 9, "limit": 8}]


@pytest.mark.parametrize(("end", "accepted"), [("completed", True), ("rejected", False), ("cancelled", False)])
def test_the_request_is_the_one_that_was_judged_whatever_is_submitted_later(
    life: Life, end: str, accepted: bool
) -> None:
    submitted, *rest = life("j1", end, accepted=accepted)
    again = submitted.model_copy(update={"data": submitted.data.model_copy(update={"project": "rich", "shots": 9})})

    record = record_of([*rest, again], software=SOFTWARE)

    assert record.project == "chemistry"
    assert record.request_digest == digest(b"the signed bytes of j1")


@pytest.mark.parametrize("claim", [None, "", "sha256:", "x" * 900_000])
def test_an_unnamed_request_is_digested_as_it_is_stored(life: Life, claim: str | None) -> None:
    submitted, rejected, metered = life("j1", "rejected")
    content = json.loads(submitted.data.model_dump_json(exclude_none=True, exclude={"proof"}))
    unnamed = rejected.model_copy(update={"provenanceid": claim})

    assert record_of([submitted, unnamed, metered], software=SOFTWARE).request_digest == digest_of(content)


def test_a_request_that_cannot_be_signed_has_its_receipt_too(life: Life) -> None:
    submitted, rejected, metered = life("j1", "rejected")
    absurd = submitted.model_copy(update={"data": submitted.data.model_copy(update={"shots": 10**30})})
    unnamed = rejected.model_copy(update={"provenanceid": None})

    assert record_of([absurd, unnamed, metered], software=SOFTWARE).request_digest == digest(absurd.to_bytes())


def test_an_acceptance_that_names_no_request_is_malformed(life: Life) -> None:
    events = [it.model_copy(update={"provenanceid": None}) if isinstance(it, JobAccepted) else it for it in life()]

    with pytest.raises(Malformed, match="names no request"):
        record_of(events, software=SOFTWARE)


def test_a_receipt_never_names_a_tenant_on_the_word_of_a_client(life: Life) -> None:
    submitted, *rest = life("j1", "rejected")
    claim = submitted.model_copy(update={"data": submitted.data.model_copy(update={"tenant": "evil", "job": "j9"})})

    record = record_of([claim, *rest], software=SOFTWARE)

    assert (record.tenant, record.job) == ("acme", "j1")


def test_a_rejected_job_states_every_reason_and_no_run(life: Life) -> None:
    record = record_of(life("j1", "rejected"), software=SOFTWARE)

    assert [reason.code for reason in record.reasons] == ["qubits", "budget"]
    assert (record.actor, record.accepted_at, record.backend, record.shots, record.usage) == (
        None,
        None,
        None,
        None,
        (),
    )


def test_a_failed_job_keeps_the_beginning_of_a_long_reason(life: Life) -> None:
    record = record_of(life("j1", "failed"), software=SOFTWARE)

    assert record.reasons == (Reason("executor_lost", "x" * REASON_CHARS),)
    assert (record.backend, record.result_digest, record.shots) == ("aer", None, None)


@pytest.mark.parametrize("accepted", [False, True])
def test_a_cancelled_job_names_who_stopped_it(life: Life, accepted: bool) -> None:
    record = record_of(life("j1", "cancelled", accepted=accepted), software=SOFTWARE)

    assert record.reasons == (Reason("cancelled", "ann: wrong circuit"),)
    assert (record.accepted_at is not None) is accepted
    assert record.simulator_seed is None


@pytest.mark.parametrize("end", ["rejected", "completed", "failed", "cancelled", "expired"])
def test_every_end_makes_a_statement(life: Life, end: str) -> None:
    assert build_statement(record_of(life("j1", end), software=SOFTWARE), salt=bytes(16))


def test_a_bill_without_the_end_it_speaks_of_is_malformed(life: Life) -> None:
    events = [it for it in life() if not isinstance(it, JobCompleted)]

    with pytest.raises(Malformed, match="no JobCompleted"):
        record_of(events, software=SOFTWARE)


def requested(events: list[AnyEvent]) -> list[AnyEvent]:
    """The same life with the digest of what was submitted, as the broker computes it."""
    submitted = events[0]
    assert isinstance(submitted, JobSubmitted)
    named = digest_of(submitted.data.model_dump(mode="json", exclude_none=True, exclude={"proof"}))
    return [submitted, *(it.model_copy(update={"provenanceid": named}) for it in events[1:])]


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled", "expired", "rejected"])
def test_the_record_of_every_end_is_complete_by_its_schema(life: Life, end: str) -> None:
    record = record_of(requested(life("j1", end)), software=SOFTWARE)
    predicate = json.loads(build_statement(record, salt=bytes(16)))["predicate"]
    Draft202012Validator(SCHEMA).validate(predicate)


def test_what_led_to_a_result_is_stated(life: Life) -> None:
    events = requested(life())
    record = record_of(events, software=SOFTWARE)
    assert (record.purpose, record.circuit_name, record.circuit_version) == ("ground state of H2", "ansatz", 7)
    assert record.inputs == (InputLine("molecules", "2026-11", digest(b"molecules")),)
    assert (record.canonical_digest, record.bound_digest) == (digest(b"canonical"), digest(b"OPENQASM 3.0;"))
    assert (record.compiled_digest, record.executor, record.image) == (
        digest(b"compiled"), "queuebit 0.1.0", digest(b"image"),
    )  # fmt: skip
    (completed,) = (it for it in events if isinstance(it, JobCompleted))
    assert completed.data.compilation is not None
    assert record.target_digest == completed.data.compilation.digest
    assert (record.policy, record.decision_digest, record.attempt) == ("share", digest(b"snapshot"), 1)
    accepted = next(it for it in events if isinstance(it, JobAccepted))
    assert record.plan_digest == digest_of(accepted.data.model_dump(mode="json", exclude_none=True))
    predicate = json.loads(build_statement(record, salt=bytes(16)))["predicate"]
    assert predicate["run"]["calibration_age_s"] == 7200


def test_a_repeated_submission_does_not_change_what_its_author_says(life: Life) -> None:
    submitted, *rest = requested(life())
    assert isinstance(submitted, JobSubmitted)
    again = submitted.model_copy(update={"data": submitted.data.model_copy(update={"purpose": "another"})})
    record = record_of([again, *rest], software=SOFTWARE)
    assert (record.purpose, record.rerun_of, record.inputs, record.circuit_name) == (None, None, (), None)


def test_each_placement_and_each_vendor_job_is_stated(life: Life) -> None:
    events = requested(life())
    placed = next(it for it in events if isinstance(it, JobPlaced))
    there = placed.model_copy(
        update={"data": placed.data.model_copy(update={"backend": "cirq", "snapshot": digest(b"first")})}
    )
    known = {"tenant": "acme", "job": "j1", "backend": "aer", "attempt": 1, "token": "t"}
    handles = ("arn:1", "h" * (HANDLE_BYTES + 1))
    sent = [JobDispatched(source="qb/executor-aer", data=Dispatch(**known, handle=it)) for it in handles]
    where = events.index(placed)
    record = record_of([*events[:where], there, *events[where:-2], *sent, *events[-2:]], software=SOFTWARE)
    assert [(it.backend, it.decision_digest) for it in record.attempts] == [
        ("cirq", digest(b"first")), ("aer", digest(b"snapshot")),
    ]  # fmt: skip
    assert record.vendor_jobs == ("arn:1", digest(handles[1].encode()))
    assert record.backend == "aer"
