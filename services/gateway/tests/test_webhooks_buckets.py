"""Results in buckets of tenants, written to moto's S3 and read with boto3."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from queuebit.errors import NotFound
from queuebit_contracts.job import Completion, JobCompleted
from queuebit_gateway.webhooks.buckets import BucketKeys, Buckets, require_bucket
from queuebit_gateway.webhooks.records import Delivery, Webhook
from queuebit_gateway.webhooks.s3 import Keys, signed
from queuebit_gateway.webhooks.sending import Sender
from queuebit_kernel import FixedClock, event_id
from queuebit_runtime.addresses import BadTarget
from queuebit_runtime.aws_signature import object_url
from queuebit_testing.build import submitted

from .conftest import Bus
from .webhook_world import World, door

_SECRET = "wJalrXUtnFEMI0K7MDENG0bPxRfiCYEXAMPLEKEY"
_EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples" / "qb.job.completed.v1"
_NAMES = st.text("abcXYZ019-_.~ +é", min_size=1, max_size=20)


@given(
    endpoint=st.sampled_from(["https://s3.example.com:9000", "https://S3.example.com:443", "http://s3.example:80/"]),
    key=_NAMES,
    body=st.binary(max_size=50),
    token=st.sampled_from(["", "a-token"]),
)
def test_requests_are_signed_as_botocore_signs_them(endpoint: str, key: str, body: bytes, token: str) -> None:
    keys = Keys(endpoint, "eu-north-1", "AKIATEST", _SECRET, token)
    now = datetime(2026, 11, 29, 20, 15, 30, tzinfo=UTC)
    url = object_url(keys.endpoint, "acme-results", key)
    ours = signed(keys, "PUT", url, body, now, "application/json")
    theirs = AWSRequest("PUT", url, headers={k: v for k, v in ours.items() if k != "authorization"}, data=body)
    theirs.context["timestamp"] = "20261129T201530Z"
    auth = S3SigV4Auth(Credentials("AKIATEST", _SECRET, token or None), "s3", "eu-north-1")
    text = auth.string_to_sign(theirs, auth.canonical_request(theirs))
    assert ours["authorization"].endswith(f"Signature={auth.signature(text, theirs)}")
    assert _SECRET not in repr(keys)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AB/x",
        "s3://ab",
        "s3://acme-results/../x",
        "s3://acme-results/a?b",
        "https://acme/x",
        "s3://a b/x",
        "s3:///x",
        "s3://[",
        "s3://[::1]/x",
        "s3://acme\u2100results/x",
        "s3://acme-results/x\n",
        "s3://keys@acme-results/x",
    ],
)
def test_what_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(BadTarget, match="s3://acme-results/queuebit"):
        require_bucket(url)
    assert require_bucket("s3://acme-results/a/b_c/") == ("acme-results", "a/b_c")
    assert require_bucket("s3://acme-results") == ("acme-results", "")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:  # a boto3 client, which has no types
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="reader",
        aws_secret_access_key="reader-secret",
    )
    client.create_bucket(Bucket="acme-results")
    yield client
    for it in client.list_objects_v2(Bucket="acme-results").get("Contents", []):
        client.delete_object(Bucket="acme-results", Key=it["Key"])
    client.close()


@pytest.fixture
def folder(tmp_path: Path, endpoint: str) -> Path:
    for tenant, name in (("acme", "main"), ("globex", "theirs")):
        (tmp_path / tenant).mkdir()
        text = f'endpoint = "{endpoint}"\nregion = "us-east-1"\naccess_key_id = "AKIATEST"\n'
        text += f'secret_access_key = "{_SECRET}"\n'
        (tmp_path / tenant / f"{name}.toml").write_text(text)
    return tmp_path


async def _result(tenant: str, done: Completion) -> Mapping[str, object]:
    return {"job": done.job, "backend": done.backend, "counts": {"00": done.shots}, "tenant": tenant}


def _buckets(folder: Path | None) -> Buckets:
    clock = FixedClock()
    return Buckets(BucketKeys(folder), Sender(["127.0.0.1"], clock).outbound, _result, clock)


def _completed(job: str, tenant: str = "acme") -> JobCompleted:
    golden = json.loads((_EXAMPLES / "bell-on-torino.json").read_text())
    data = {**golden["data"], "tenant": tenant, "job": job, "shots": 100}
    return JobCompleted.model_validate({**golden, "id": event_id("completed", tenant, job), "data": data})


async def _added(world: World, keys: str = "main", url: str = "s3://acme-results/queuebit") -> Webhook:
    return await world.webhooks.create("acme", "ann", url, ("job.completed",), "", keys=keys)


async def _recent(world: World, states: list[str]) -> list[Delivery]:
    async with asyncio.timeout(10):
        while True:
            (webhook,) = await world.webhooks.of("acme")
            if [it.state for it in webhook.recent] == states:
                return [*webhook.recent]
            await asyncio.sleep(0.01)


async def test_results_lie_in_the_bucket_and_the_delivery_says_where(world: World, s3: Any, folder: Path) -> None:
    world.gates[0].parts.buckets = _buckets(folder)
    await _added(world)
    await world.store(submitted("k1"), _completed("j1"), _completed("j9", tenant="evil"))
    (delivery,) = await _recent(world, ["delivered"])
    assert delivery.location == "s3://acme-results/queuebit/j1/result.json"
    found = s3.list_objects_v2(Bucket="acme-results")["Contents"]
    assert [it["Key"] for it in found] == ["queuebit/j1/result.json"]
    body = s3.get_object(Bucket="acme-results", Key="queuebit/j1/result.json")
    assert json.loads(body["Body"].read()) == await _result("acme", _completed("j1").data)
    assert body["ContentType"] == "application/json"


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [
        ('bucket = "acme-results"', [f"s3://acme-results{it}" for it in ("", "/a", "/a/b", "/ab")]),
        ('bucket = "acme-results"\nfolder = "a"', ["s3://acme-results/a", "s3://acme-results/a/b"]),
        ('folder = "/a/"', [f"s3://{it}/a{below}" for it in ("acme-results", "others") for below in ("", "/b")]),
    ],
)
async def test_keys_are_for_the_bucket_and_folder_that_their_file_names(
    world: World, s3: Any, folder: Path, limits: str, allowed: list[str]
) -> None:
    file, buckets = folder / "acme" / "main.toml", _buckets(folder)
    before = file.read_text()
    file.write_text(before + limits)
    urls = [f"s3://{bucket}{it}" for bucket in ("acme-results", "others") for it in ("", "/a", "/a/b", "/ab")]
    for url in urls:
        if url in allowed:
            buckets.check("acme", url, "main")
        else:
            with pytest.raises(BadTarget, match="the operator's keys are for s3://"):
                buckets.check("acme", url, "main")
    file.write_text(before)
    world.gates[0].parts.buckets = buckets
    await _added(world, url="s3://acme-results/elsewhere")
    file.write_text(before + 'bucket = "acme-results"\nfolder = "queuebit"')  # after the webhook was made
    await world.store(submitted("k1"), _completed("j1"))
    (delivery,) = await _recent(world, ["retrying"])
    assert "are for s3://acme-results/queuebit only" in str(delivery.error)
    assert "Contents" not in s3.list_objects_v2(Bucket="acme-results")


async def test_a_repeated_try_writes_the_same_object(world: World, s3: Any, folder: Path) -> None:
    world.gates[0].parts.buckets = _buckets(folder)
    webhook = await _added(world)
    await world.store(_completed("j1"))
    (delivery,) = await _recent(world, ["delivered"])
    before = s3.head_object(Bucket="acme-results", Key="queuebit/j1/result.json")["ETag"]
    s3.delete_object(Bucket="acme-results", Key="queuebit/j1/result.json")
    await world.webhooks.replay_one("acme", webhook.id, delivery.n)
    async with asyncio.timeout(10):
        while not s3.list_objects_v2(Bucket="acme-results")["KeyCount"]:
            await asyncio.sleep(0.01)
    assert s3.head_object(Bucket="acme-results", Key="queuebit/j1/result.json")["ETag"] == before


async def test_a_bucket_that_is_missing_is_tried_again_until_it_is_there(world: World, s3: Any, folder: Path) -> None:
    world.gates[0].parts.buckets = _buckets(folder)
    await _added(world, url="s3://acme-later")
    await world.store(_completed("j1"))
    (delivery,) = await _recent(world, ["retrying"])
    assert delivery.error == "s3://acme-later/j1/result.json was not written: NoSuchBucket"
    assert delivery.location is None
    s3.create_bucket(Bucket="acme-later")
    await world.pass_time(7)
    (delivery,) = await _recent(world, ["delivered"])
    assert delivery.location == "s3://acme-later/j1/result.json"


async def test_a_tenant_uses_no_keys_but_its_own(world: World, bus: Bus, s3: Any, folder: Path) -> None:
    world.gates[0].parts.buckets = _buckets(folder)
    async with door(world, bus) as api:
        for keys, why in (("theirs", "no keys"), ("../globex/theirs", "name of keys")):
            answer = await api("POST", "/v1/webhooks", {"url": "s3://acme-results/x", "keys": keys})
            assert (answer.status, json.loads(answer.body)["code"]) == (422, "bad_url")
            assert why in json.loads(answer.body)["detail"]
        made = await api("POST", "/v1/webhooks", {"url": "s3://acme-results/x", "keys": "main"})
    assert made.status == 201
    shown = json.loads(made.body)
    assert shown["types"] == ["job.completed"]
    assert "secret" not in shown
    assert _SECRET not in made.body.decode()


@pytest.mark.parametrize(
    "body",
    [
        {"url": "s3://acme-results/x"},
        {"url": "s3://acme-results/x", "keys": "main", "types": ["job.failed"]},
        {"url": "s3://acme-results/x", "keys": "main", "handshake": True},
        {"url": "https://example.com/hook", "keys": "main"},
    ],
)
async def test_what_a_bucket_cannot_do_is_refused(world: World, bus: Bus, folder: Path, body: object) -> None:
    world.gates[0].parts.buckets = _buckets(folder)
    async with door(world, bus) as api:
        answer = await api("POST", "/v1/webhooks", body)
    assert answer.status == 422
    assert "bucket" in json.loads(answer.body)["detail"]


@pytest.mark.parametrize("value", ['"AKIA\\r\\nx-amz-acl: public-read"', '"clé"', "7"])
def test_keys_that_no_header_can_have_are_refused_and_not_quoted(folder: Path, value: str) -> None:
    path = folder / "acme" / "main.toml"
    path.write_text(path.read_text().replace('"AKIATEST"', value))
    with pytest.raises(BadTarget, match="cannot be read: the file needs") as refused:
        _buckets(folder).check("acme", "s3://acme-results", "main")
    assert value.strip('"')[:4] not in str(refused.value)


async def test_without_a_folder_of_keys_there_are_no_buckets(world: World) -> None:
    world.gates[0].parts.buckets = _buckets(None)
    with pytest.raises(BadTarget, match="QUEUEBIT_GATEWAY_BUCKET_KEYS"):
        await _added(world)


async def test_a_private_endpoint_needs_the_operators_permission(world: World, s3: Any, folder: Path) -> None:
    clock = FixedClock()
    parts = world.gates[0].parts
    parts.buckets = Buckets(BucketKeys(folder), Sender([], clock).outbound, _result, clock)
    with pytest.raises(BadTarget, match="https://"):
        await _added(world)


async def test_a_test_writes_an_object_and_says_where(world: World, s3: Any, folder: Path) -> None:
    world.gates[0].parts.buckets = _buckets(folder)
    webhook = await _added(world)
    _, outcome = await world.webhooks.test("acme", webhook.id)
    assert outcome.location == "s3://acme-results/queuebit/test.json"
    assert s3.get_object(Bucket="acme-results", Key="queuebit/test.json")


async def test_a_result_that_cannot_be_read_is_tried_again(world: World, s3: Any, folder: Path) -> None:
    async def gone(tenant: str, done: Completion) -> Mapping[str, object]:
        raise NotFound("chunk 0 cannot be read")

    clock = FixedClock()
    buckets = Buckets(BucketKeys(folder), Sender(["127.0.0.1"], clock).outbound, gone, clock)
    world.gates[0].parts.buckets = buckets
    await _added(world)
    await world.store(_completed("j1"))
    (delivery,) = await _recent(world, ["retrying"])
    assert delivery.error == "the result cannot be read: chunk 0 cannot be read"
