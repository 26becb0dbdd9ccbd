"""The gateway of a running stack: jobs over HTTP, and streams that survive its end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from queuebit.credentials import load
from queuebit.submission import submission
from queuebit_runtime.payloads import describe
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.signed_requests import signed_headers

pytestmark = pytest.mark.stack


class Door:
    """A client of one user, who signs all requests."""

    def __init__(self, stack: EmbeddedStack, tenant: str) -> None:
        self.url = stack.listens("gateway")
        self.credential = load(stack.home / "credentials" / f"{tenant}-me.toml")

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        connection = self.connect(method, path, body, **headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, json.loads(content)

    def connect(self, method: str, path: str, body: bytes = b"", **headers: str) -> HTTPConnection:
        address = urlsplit(self.url)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = signed_headers(self.credential.seed, method, self.url + path, body)
        connection.request(method, path, body or None, {**signed, **given})
        return connection

    def submit(self, key: str, **headers: str) -> tuple[int, Any]:
        event = submission(
            self.credential,
            describe(BELL.encode(), "text/x-openqasm"),
            shots=100,
            project="main",
            backend="aer",
            purpose="test",
            label="bell",
            key=key,
            max_cost=None,
            seed=1,
        )
        given = {"content_type": "application/cloudevents+json", **headers}
        return self.send("POST", "/v1/jobs?until=sealed", event.to_bytes(), **given)


def events(connection: HTTPConnection) -> Iterator[tuple[int, str]]:
    """The ids and names of a stream's events."""
    found = 0
    for line in connection.getresponse():
        if match := re.match(rb"(id|event): (.+)\n", line):
            if match[1] == b"id":
                found = int(match[2])
            else:
                yield found, match[2].decode()


def until_cut(stream: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    with suppress(OSError):
        yield from stream


def test_a_job_over_http_is_a_job(stack: EmbeddedStack, tenant: str) -> None:
    door = Door(stack, tenant)
    status, job = door.submit("over http", prefer="wait=30")
    assert (status, job["state"], job["sealed"], sum(job["counts"].values())) == (200, "completed", True, 100)
    assert job["charge"]["currency"] == "USD"
    status, receipt = door.send("GET", f"/v1/jobs/{job['job']}/receipt")
    assert (status, receipt["job"]) == (200, job["job"])
    assert door.send("GET", "/v1/jobs?state=completed")[1]["data"][0]["charge"] == job["charge"]
    assert stack.ask("job", "show", job["job"], "--tenant", tenant)["state"] == "completed"
    other = Door(stack, "demo")
    assert other.send("GET", f"/v1/jobs/{job['job']}")[1]["code"] == "unknown_job"


def test_a_gateway_that_is_taken_over_cannot_submit(stack: EmbeddedStack, tenant: str) -> None:
    """The broker refuses what no key of the tenant signed, also when the gateway relays it."""
    import asyncio

    from queuebit_contracts.intake import arrival_of
    from queuebit_contracts.subjects import subject_of
    from queuebit_testing.build import submitted

    forged = submitted("forged", tenant=tenant)

    async def relay() -> None:
        client = await stack.connect("gateway")
        await client.request(str(arrival_of(subject_of(forged))), forged.to_bytes(), timeout=5)
        await client.close()

    asyncio.run(relay())
    door = Door(stack, tenant)
    status, job = door.send("GET", f"/v1/jobs/{forged.data.job}", prefer="wait=20")
    assert (status, job["state"]) == (200, "rejected")


def test_streams_resume_after_a_kill_without_gap_or_repetition(second: EmbeddedStack) -> None:
    second.qb("tenant", "add", "streams", "--budget", "100")
    door = Door(second, "streams")
    seen = list[tuple[int, str]]()
    stream = events(door.connect("GET", "/v1/events?after=0"))
    jobs = [door.submit("first", prefer="wait=30")[1]["job"]]
    while seen[-1:] == [] or seen[-1][1] != "job.sealed":
        seen.append(next(stream))
    assert second.kill("gateway")
    seen += until_cut(stream)
    second.until(ready=True)
    jobs.append(door.submit("second", prefer="wait=30")[1]["job"])
    again = events(door.connect("GET", "/v1/events", last_event_id=str(seen[-1][0])))
    while [name for _, name in seen].count("job.sealed") < len(jobs):
        seen.append(next(again))
    whole = events(door.connect("GET", "/v1/events?after=0"))
    assert [next(whole) for _ in seen] == seen
    assert len({sequence for sequence, _ in seen}) == len(seen)


def test_the_gateway_ends_in_time_with_streams_and_half_open_requests(second: EmbeddedStack) -> None:
    second.until(ready=True)
    door, pid = Door(second, "demo"), second.pid("gateway")
    assert pid is not None
    stream = door.connect("GET", "/v1/events")
    assert stream.getresponse().readline() == b"retry: 1000\n"
    address = urlsplit(door.url)
    with socket.create_connection((str(address.hostname), address.port or 0)) as half:
        half.sendall(b"POST /v1/plans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        begun = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() - begun < 30, "the stream would last for an hour"
            time.sleep(0.05)
    second.until(ready=True)
