"""The committed schemas, examples and AsyncAPI document match the code, and break no reader."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from queuebit_contracts.catalog import EVENTS, decode
from queuebit_contracts.generate import documents, schema_of
from queuebit_contracts.job import JobCompleted, JobMetered, JobSubmitted
from queuebit_contracts.subjects import subject_of
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed, digest, digest_of, job_id
from queuebit_runtime.keys import verify

ROOT = Path(__file__).parents[1]
DOCUMENTS = documents()
EXAMPLES = sorted((ROOT / "examples").glob("*/*.json"))
RELEASED = sorted((ROOT / "released").glob("*/*.json"))

UNRELEASED = frozenset(
    {
        "qb.backend.calibration_unplanned.v1",
        "qb.backend.freed.v1",
        "qb.backend.recalibration_asked.v1",
        "qb.backend.reserved.v1",
        "qb.backend.window_cancelled.v1",
        "qb.backend.window_planned.v1",
        "qb.proof.keys_rotated.v1",
        "qb.proof.statement_logged.v1",
        "qb.reservation.booked.v1",
        "qb.reservation.cancelled.v1",
        "qb.reservation.ended.v1",
        "qb.reservation.metered.v1",
        "qb.reservation.returned.v1",
        "qb.reservation.started.v1",
        "qb.account.corrected.v1",
        "qb.job.expired.v1",
        "qb.job.withdrawn.v1",
        "qb.tenant.circuit_defined.v1",
        "qb.tenant.payloads_erased.v1",
        "qb.incident.acknowledged.v1",
        "qb.incident.joined.v1",
        "qb.incident.noted.v1",
        "qb.incident.opened.v1",
        "qb.incident.reopened.v1",
        "qb.incident.resolved.v1",
        "qb.silence.created.v1",
        "qb.silence.ended.v1",
        "qb.slo.acknowledged.v1",
        "qb.slo.delivered.v1",
        "qb.slo.fired.v1",
        "qb.slo.notified.v1",
        "qb.slo.resolved.v1",
        "qb.backend.calibration_failed.v1",
        "qb.backend.degraded.v1",
        "qb.backend.interrupted.v1",
        "qb.backend.isolated.v1",
        "qb.backend.readmitted.v1",
        "qb.backend.restored.v1",
        "qb.bill.imported.v1",
        "qb.canary.aborted.v1",
        "qb.canary.drafted.v1",
        "qb.canary.judged.v1",
        "qb.canary.promoted.v1",
        "qb.canary.shadowed.v1",
        "qb.canary.started.v1",
        "qb.bill.read.v1",
        "qb.leader.elected.v1",
        "qb.probe.judged.v1",
        "qb.access.read.v1",
        "qb.access.refused.v1",
        "qb.account.expired.v1",
        "qb.account.granted.v1",
        "qb.budget.reached.v1",
        "qb.config.applied.v1",
        "qb.delegation.granted.v1",
        "qb.delegation.revoked.v1",
        "qb.hybrid.accepted.v1",
        "qb.hybrid.cancelled.v1",
        "qb.hybrid.completed.v1",
        "qb.hybrid.failed.v1",
        "qb.hybrid.metered.v1",
        "qb.hybrid.rejected.v1",
        "qb.hybrid.started.v1",
        "qb.hybrid.stop_requested.v1",
        "qb.hybrid.submitted.v1",
        "qb.invoice.credited.v1",
        "qb.invoice.issued.v1",
        "qb.job.corrected.v1",
        "qb.job.dispatched.v1",
        "qb.job.sealed.v2",
        "qb.job.usage_reported.v1",
        "qb.session.closed.v1",
        "qb.session.metered.v1",
        "qb.session.opened.v1",
        "qb.tenant.defined.v1",
        "qb.tenant.issuer_defined.v1",
        "qb.tenant.issuer_removed.v1",
        "qb.tenant.project_defined.v1",
        "qb.tenant.project_removed.v1",
        "qb.tenant.removed.v1",
        "qb.tenant.user_defined.v1",
        "qb.tenant.user_removed.v1",
    }
)
"""Types that came after the newest release."""


@pytest.mark.parametrize("path", DOCUMENTS)
def test_generated_file_is_fresh(path: str) -> None:
    assert (ROOT / path).read_text() == DOCUMENTS[path], "run `make generate`"


@pytest.mark.parametrize("version", sorted({path.parent.name for path in RELEASED}))
def test_a_release_has_every_type_and_none_is_ever_dropped(version: str) -> None:
    released = {path.stem for path in RELEASED if path.parent.name == version}
    assert released <= set(EVENTS), "a type that was released is gone"
    assert released == set(EVENTS) - UNRELEASED, "a new type belongs into UNRELEASED until the next release"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_example_reads_the_same_forever(path: Path) -> None:
    document = json.loads(path.read_text())
    Draft202012Validator(schema_of(EVENTS[path.parent.name])).validate(document)
    event = decode(path.read_bytes())
    assert not isinstance(event, UnknownEvent)
    assert json.loads(event.to_bytes()) == document
    assert subject_of(event).startswith("qb.")


def test_every_type_has_an_example() -> None:
    assert {path.parent.name for path in EXAMPLES} == set(EVENTS)


def test_units_mean_what_their_names_say() -> None:
    completed = decode((ROOT / "examples/qb.job.completed.v1/bell-on-torino.json").read_bytes())
    metered = decode((ROOT / "examples/qb.job.metered.v1/bell-on-torino.json").read_bytes())
    assert isinstance(completed, JobCompleted)
    assert isinstance(metered, JobMetered)
    shots, rep_delay_us, overhead_us = 1000, 250, 1_000_000
    assert completed.data.usage.qpu_us == shots * rep_delay_us + overhead_us + 2000
    assert Decimal(completed.data.usage.qpu_us) / 1_000_000 == Decimal(metered.data.charge.lines[0].consumed)
    assert sum(Decimal(line.amount) for line in metered.data.charge.lines) == Decimal(metered.data.charge.amount)


def test_a_submission_is_signed_over_its_canonical_data_and_named_by_it() -> None:
    raw = json.loads((ROOT / "examples/qb.job.submitted.v1/bell-on-torino.json").read_text())
    proof = raw["data"].pop("proof")
    assert verify(proof["key"], raw["data"], proof["signature"])
    assert raw["provenanceid"] == digest_of(raw["data"])
    assert raw["data"]["job"] == job_id(raw["data"]["tenant"], raw["data"]["key"])
    assert raw["data"]["circuit"]["digest"] == digest(raw["data"]["circuit"]["inline"].encode())


def test_readers_ignore_fields_they_do_not_know() -> None:
    document = json.loads((ROOT / "examples/qb.job.submitted.v1/bell-on-torino.json").read_text())
    document["data"]["from_the_future"] = {"x": 1}
    assert isinstance(decode(json.dumps(document).encode()), JobSubmitted)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"type":"qb.job.started.v1"}', b'{"type":5}', b'{"type":""}'])
def test_what_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(body)


def test_a_type_that_is_not_in_the_catalogue_is_no_fault() -> None:
    body = b'{"type": "qb.job.praised.v1", "data": {"stars": 5}}'
    assert decode(body, "qb.job.acme.j1.praised") == UnknownEvent("qb.job.praised.v1", "qb.job.acme.j1.praised", body)


@pytest.mark.parametrize("body", [b'{"type": "qb.job.praised.v1"', b'{"type": "qb.job.praised.v1", "x": "\xff"}'])
def test_a_document_that_cannot_be_parsed_is_malformed_whatever_its_type(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(body)
