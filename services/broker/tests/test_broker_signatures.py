"""Signatures: those of version 0.1 still hold, and an algorithm that is unknown here is named, not guessed at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_broker.cancelling import CancelJobs
from queuebit_broker.errors import Forbidden
from queuebit_broker.requests import read_request
from queuebit_contracts.job import JobRejected, JobSubmitted

from .broker_office import Cancel, Office

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples" / "qb.job.submitted.v1"


@pytest.mark.parametrize("name", ["bell-on-torino", "bell-by-a-named-key"])
def test_a_signature_holds_with_and_without_a_named_algorithm(name: str) -> None:
    body = (EXAMPLES / f"{name}.json").read_bytes()
    event = JobSubmitted.model_validate_json(body)
    request = read_request(event.data, body, f"qb.job.acme.{event.data.job}.submitted")
    assert (request.signed, request.known_algorithm) == (True, True)
    assert request.provenance == event.provenanceid
    tampered = json.loads(body)
    tampered["data"]["shots"] += 1
    other = json.dumps(tampered).encode()
    assert not read_request(event.data, other, f"qb.job.acme.{event.data.job}.submitted").signed


async def test_a_submission_by_an_unknown_algorithm_is_rejected_for_that_alone(office: Office) -> None:
    await office.open()
    delivery = await office.submit()
    proof = delivery["event"].data.proof.model_dump(exclude_none=True)
    delivery = await office.submit(
        key="k2", after_signing={"proof": {**proof, "algorithm": "ml-dsa-65", "signature": "x" * 4412}}
    )
    await office.deliver(delivery)
    (rejected,) = office.log.events(JobRejected)
    assert [it.code for it in rejected.data.reasons] == ["unknown_algorithm"]
    assert "ed25519" in rejected.data.reasons[0].text


async def test_a_request_to_cancel_by_an_unknown_algorithm_is_forbidden(office: Office, cancel: Cancel) -> None:
    await office.open()
    job = (await office.submit())["event"].data.job
    request = cancel(job)
    proof = request["event"].data.proof.model_dump(exclude_none=True)
    with pytest.raises(Forbidden, match="ml-dsa-65"):
        await CancelJobs(office.log, office.follower, office.world)(
            **cancel(job, proof={**proof, "algorithm": "ml-dsa-65"})
        )
