"""A job submitted again, by a client that leaves the guard away, changes nothing: on a real server."""

from __future__ import annotations

import pytest

from queuebit_runtime.delivery import read
from queuebit_testing.build import submitted
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

GUARD = "Nats-Expected-Last-Subject-Sequence"


@pytest.mark.parametrize(
    ("name", "headers", "first"),
    [
        ("own", {GUARD: "0"}, True),
        ("aggregate", {GUARD: "0", f"{GUARD}-Subject": "qb.job.acme.{job}.>"}, True),
        ("unguarded", {}, False),
        ("elsewhere", {GUARD: "0", f"{GUARD}-Subject": "qb.job.acme.other.>"}, False),
        ("narrow", {GUARD: "0", f"{GUARD}-Subject": "qb.job.acme.{job}.nothing"}, False),
    ],
)
async def test_only_a_guard_over_the_job_itself_proves_that_it_is_new(
    fresh_server: NatsServer, name: str, headers: dict[str, str], first: bool
) -> None:
    ann, broker = await fresh_server.connect("acme/ann"), await fresh_server.connect("broker")
    event = submitted(name)
    told = {key: value.format(job=event.data.job) for key, value in headers.items()}
    subject = f"qb.job.acme.{event.data.job}.submitted"
    await ann.jetstream().publish(subject, event.to_bytes(), headers=told, stream="LOG")
    queue = await broker.jetstream().pull_subscribe_bind("broker-submitted", "LOG", inbox_prefix=b"_INBOX.broker.")
    message = (await queue.fetch(1, timeout=5))[0]
    assert read(message).first is first
    await ann.close()
    await broker.close()
