"""An external service submits a job and follows it to its receipt.

It imports no code of Queuebit: it uses plain nats-py, the files in `contracts/`, and the token of a user.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import nats
import nkeys
import pytest
from jsonschema import Draft202012Validator

from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack

CONTRACTS = Path(__file__).parents[2] / "contracts"
ASYNCAPI = json.loads((CONTRACTS / "asyncapi" / "asyncapi.json").read_text())

BELL = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nh q[0];\ncx q[0], q[1];\nmeasure q -> c;\n'


def validate(document: dict[str, Any]) -> None:
    """Check an event against the schema of its type."""
    schema = json.loads((CONTRACTS / "schemas" / f"{document['type']}.json").read_text())
    Draft202012Validator(schema).validate(document)


def address(name: str, **parameters: str) -> str:
    return str(ASYNCAPI["channels"][name]["address"].format(**parameters))


def submission(tenant: str, seed: str, key: str) -> dict[str, Any]:
    """A signed submission, made as `contracts/README.md` says."""
    image = hashlib.sha256(f"{tenant}\n{key}".encode()).digest()
    data: dict[str, Any] = {
        "tenant": tenant,
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


async def test_submit_and_follow_knowing_only_the_contracts(stack: EmbeddedStack, tenant: str) -> None:
    files = (tomllib.loads(path.read_text()) for path in (stack.home / "credentials").glob("*.toml"))
    token = next(it for it in files if it["tenant"] == tenant)
    inbox = ASYNCAPI["x-clients"]["inbox_prefix"].format(**token).encode()
    client = await nats.connect(stack.listens("nats-server"), nkeys_seed_str=token["seed"], inbox_prefix=inbox)
    event = submission(tenant, token["seed"], "outside-1")
    validate(event)
    job = event["data"]["job"]
    subject = address("qb.job.submitted.v1", tenant=tenant, job=job)
    followed = await client.subscribe(f"qb.job.{tenant}.{job}.>")
    headers = {"Nats-Expected-Last-Subject-Sequence": "0"}
    acknowledged = await client.jetstream().publish(subject, json.dumps(event).encode(), headers=headers, stream="LOG")
    assert acknowledged.seq > 0

    received: list[str] = []
    while "qb.job.sealed.v2" not in received:
        message = await followed.next_msg(timeout=30)
        output = json.loads(message.data)
        validate(output)
        received.append(output["type"])
    assert received[0] == "qb.job.submitted.v1"
    assert {"qb.job.accepted.v1", "qb.job.completed.v1", "qb.job.metered.v1"} <= {*received}

    completed = address("qb.job.completed.v1", tenant=tenant, job=job)
    read = await client.request(ASYNCAPI["x-clients"]["read_newest"].format(subject=completed), timeout=20)
    output = json.loads(read.data)
    validate(output)
    assert sum(json.loads(output["data"]["result"]["inline"]).values()) == 100

    read = await client.request(f"qb.query.{tenant}.receipt", json.dumps({"job": job}).encode(), timeout=20)
    (row,) = json.loads(read.data)["rows"]
    receipt = json.loads(row["receipt"])
    statement = base64.b64decode(json.loads(receipt["envelope"])["payload"])
    assert row["statement"] == "sha256:" + hashlib.sha256(statement).hexdigest()
    assert json.loads(statement)["predicate"]["job"]["id"] == job
    assert json.loads(statement)["predicate"]["result_digest"] == output["data"]["result"]["digest"]
    await client.close()
