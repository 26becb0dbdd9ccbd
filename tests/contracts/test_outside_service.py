"""A service from outside this repository publishes and follows with plain nats-py and the JSON Schemas alone.

Nothing of Queuebit is imported for the exchange itself: only the files under `contracts/` and a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import nats
import nkeys
import pytest
from jsonschema import Draft202012Validator

from queuebit_testing.server import NatsServer

CONTRACTS = Path(__file__).parents[2] / "contracts"

BELL = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0], q[1];\nmeasure q -> c;\n'


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((CONTRACTS / "schemas" / f"{name}.json").read_text()))


def address(name: str, **parameters: str) -> str:
    """The subject of an event, as the AsyncAPI document gives it."""
    document = json.loads((CONTRACTS / "asyncapi" / "asyncapi.json").read_text())
    return str(document["channels"][name]["address"].format(**parameters))


def submission(seed: str, key: str) -> dict[str, object]:
    image = hashlib.sha256(f"acme\n{key}".encode()).digest()
    data: dict[str, object] = {
        "tenant": "acme",
        "project": "main",
        "job": "j" + base64.b32encode(image).decode().lower()[:20],
        "key": key,
        "purpose": "from outside",
        "circuit": {
            "digest": "sha256:" + hashlib.sha256(BELL.encode()).hexdigest(),
            "size": len(BELL),
            "media_type": "text/x-openqasm",
            "inline": BELL,
        },
        "shots": 100,
    }
    pair = nkeys.from_seed(bytearray(seed.encode()))
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = base64.urlsafe_b64encode(pair.sign(canonical)).rstrip(b"=").decode()
    data["proof"] = {"key": pair.public_key.decode(), "signature": signature}
    return {
        "specversion": "1.0",
        "id": f"outside-{key}",
        "source": "urn:example:outside",
        "type": "qb.job.submitted.v1",
        "time": "2026-11-01T12:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
    }


@pytest.mark.server
async def test_submit_and_follow_knowing_only_the_contracts(nats_server: NatsServer) -> None:
    seed = nats_server.seeds["acme/ann"]
    client = await nats.connect(nats_server.url, nkeys_seed_str=seed, inbox_prefix=b"_INBOX.t.acme.ann")
    event = submission(seed, "outside-1")
    schema("qb.job.submitted.v1").validate(event)
    job = str(event["data"]["job"])  # type: ignore[index]
    subject = address("qb.job.submitted.v1", tenant="acme", job=job)
    followed = await client.subscribe(f"qb.job.acme.{job}.>")
    await client.flush()
    headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
    acknowledged = await client.jetstream().publish(subject, json.dumps(event).encode(), headers=headers, stream="LOG")
    assert acknowledged.seq > 0
    seen = await followed.next_msg(timeout=5)
    assert seen.subject == subject
    schema("qb.job.submitted.v1").validate(json.loads(seen.data))
    stored = await client.jetstream().get_msg("LOG", subject=subject, direct=True)
    assert json.loads(stored.data or b"") == event
    await client.close()


@pytest.mark.server
async def test_what_the_outside_submits_proves_who_asks(nats_server: NatsServer) -> None:
    from queuebit_contracts.job import JobSubmitted
    from queuebit_kernel import job_id
    from queuebit_runtime.keys import verify

    event = submission(nats_server.seeds["acme/ann"], "outside-2")
    parsed = JobSubmitted.model_validate(event)
    unsigned = {key: value for key, value in event["data"].items() if key != "proof"}  # type: ignore[union-attr]
    assert verify(parsed.data.proof.key, unsigned, parsed.data.proof.signature)
    assert parsed.data.job == job_id("acme", "outside-2")
