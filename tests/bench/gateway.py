"""REST beside the client library, in turn in one run; reads of a job; and a thousand open streams."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import aiohttp
from tests.bench.report import Report, percentile

from queuebit import AsyncClient
from queuebit.credentials import Credential, find
from queuebit.submission import submission
from queuebit_runtime.payloads import describe
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.signed_requests import signed_headers

__all__ = ["measure_gateway"]

_STREAMS = 1_000
_JOBS_PER_S = 100
_READS = 300


async def measure_gateway(report: Report, stack: EmbeddedStack, scale: float) -> None:
    """Measure on a running stack."""
    credential, url = find(stack.home), stack.listens("gateway")
    async with AsyncClient(credential) as client, aiohttp.ClientSession(url) as session:
        door = _Door(credential, url, session)
        await _round_trips(report, client, door, max(30, round(200 * scale)))
        await _reads(report, door)
        await _streams(report, stack, door, round(1_000 * scale))


class _Door:
    """REST as one user."""

    def __init__(self, credential: Credential, url: str, session: aiohttp.ClientSession) -> None:
        self._credential = credential
        self._url = url
        self.session = session

    def headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        return dict(signed_headers(self._credential.seed, method, self._url + path, body))

    async def submit(self, seconds: int) -> str:
        event = submission(
            self._credential,
            describe(BELL.encode(), "text/x-openqasm"),
            shots=1000,
            project=None,
            backend="aer",
            purpose="bench",
            label="bell",
            key=None,
            max_cost=None,
            seed=None,
        )
        body = event.to_bytes()
        headers = self.headers("POST", "/v1/jobs", body)
        headers |= {"content-type": "application/cloudevents+json", "prefer": f"wait={seconds}"}
        async with self.session.post("/v1/jobs", data=body, headers=headers) as answer:
            found = await answer.json()
            if answer.status != (200 if seconds else 202):
                raise SystemExit(f"the gateway answered {answer.status}: {found}")
            return str(found["job"])


async def _round_trips(report: Report, client: AsyncClient, door: _Door, number: int) -> None:
    direct, rest = list[float](), list[float]()
    for at in range(number + 20):
        begun = time.monotonic()
        await (await client.submit(BELL, shots=1000, backend="aer")).result()
        between = time.monotonic()
        await door.submit(20)
        if at >= 20:
            direct.append((between - begun) * 1000)
            rest.append((time.monotonic() - between) * 1000)
    here, there = percentile(rest, 0.5), percentile(direct, 0.5)
    report.add(
        "REST: submit to result, Bell, 1,000 shots",
        f"p50 {here:.1f} ms; client library in the same run {there:.1f} ms: {here / there:.2f} times",
        "at most 1.5 times",
    )


async def _reads(report: Report, door: _Door) -> None:
    job, took = await door.submit(20), list[float]()
    path = f"/v1/jobs/{job}"
    for _ in range(_READS):
        headers = door.headers("GET", path)
        begun = time.monotonic()
        async with door.session.get(path, headers=headers) as answer:
            await answer.read()
        took.append((time.monotonic() - begun) * 1000)
    figures = f"p50 {percentile(took, 0.5):.1f} ms, p99 {percentile(took, 0.99):.1f} ms"
    report.add("REST: read a job", figures, "p50 5 ms")


async def _streams(report: Report, stack: EmbeddedStack, door: _Door, jobs: int) -> None:
    """A thousand streams of one tenant that want the ends of jobs; each notes when it has the end of each job."""
    pid = stack.pid("gateway")
    before, delays = _resident_mb(pid), list[float]()
    path = "/v1/events?types=job.completed"
    async with AsyncExitStack() as opened, asyncio.TaskGroup() as group:
        connector = aiohttp.TCPConnector(limit=0)
        session = await opened.enter_async_context(aiohttp.ClientSession(connector=connector))
        streams = [
            await opened.enter_async_context(_stream(session, stack.listens("gateway") + path, door, path))
            for _ in range(_STREAMS)
        ]
        after = _resident_mb(pid)
        readers = [group.create_task(_read(it, delays)) for it in streams]
        begun = time.monotonic()
        for number in range(jobs):
            await asyncio.sleep(max(0.0, begun + number / _JOBS_PER_S - time.monotonic()))
            group.create_task(door.submit(0))
        pace = jobs / (time.monotonic() - begun)
        await asyncio.sleep(3)
        loaded = _resident_mb(pid)
        for reader in readers:
            reader.cancel()
    report.add(
        f"REST: {_STREAMS:,} event streams, {pace:.0f} jobs/s",
        f"{after - before:.0f} MB more when open, {loaded - before:.0f} MB under load; "
        f"delivered after p50 {percentile(delays, 0.5):.0f} ms, p99 {percentile(delays, 0.99):.0f} ms "
        f"({len(delays):,} events)",
        "60 MB, 500 ms",
    )


@asynccontextmanager
async def _stream(
    session: aiohttp.ClientSession, url: str, door: _Door, path: str
) -> AsyncIterator[aiohttp.ClientResponse]:
    async with session.get(url, headers=door.headers("GET", path), timeout=aiohttp.ClientTimeout()) as answer:
        if answer.status != 200:
            raise SystemExit(f"the gateway answered {answer.status}: {await answer.text()}")
        yield answer


_TIME = re.compile(rb'"time":"([^"]+)"')


async def _read(answer: aiohttp.ClientResponse, delays: list[float]) -> None:
    rest = b""
    async for chunk in answer.content.iter_any():
        now = time.time()
        *blocks, rest = (rest + chunk).split(b"\n\n")
        times = (_TIME.search(it) for it in blocks if b"event: job.completed" in it)
        delays += [(now - datetime.fromisoformat(it[1].decode()).timestamp()) * 1000 for it in times if it]


def _resident_mb(pid: int | None) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the gateway does not run")
