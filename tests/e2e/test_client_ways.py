"""The client means the same over the bus, over HTTP with a user's key, and over HTTP with a token."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from queuebit import (
    AsyncClient,
    Batch,
    Client,
    Conflict,
    InvalidInput,
    Item,
    JobFailed,
    LoggedEvent,
    NotFound,
    QueuebitError,
    Refused,
    StillRunning,
    Unreachable,
)
from queuebit.charge_exports import FORMS
from queuebit.credentials import Credential, load
from queuebit.devices import Device
from queuebit.records import Table
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = pytest.mark.stack

WAYS = ("bus", "signed", "token")
SLOW = "\n".join([
    "OPENQASM 3.0;",
    'include "stdgates.inc";',
    "qubit[22] q;",
    "bit[22] c;",
    *(f"rx(0.3) q[{it}]; cx q[{it}], q[{(it + 1) % 22}];" for _ in range(40) for it in range(22)),
    "c = measure q;",
])  # fmt: skip
"""Runs for longer than a test takes to cancel it."""
LARGE = BELL + "".join(f"\n// {number:06}" for number in range(3_000))
"""More than an event includes."""


@pytest.fixture(scope="module")
def tenant(stack: EmbeddedStack) -> str:
    stack.qb("tenant", "add", "ways", "--budget", "100")
    stack.qb("tenant", "user", "add", "ways", "vic", "--role", "viewer")
    return "ways"


@pytest.fixture(scope="module")
def tokens(stack: EmbeddedStack, tenant: str) -> dict[str, str]:
    return {user: stack.qb("token", "--tenant", tenant, "--user", user).strip() for user in ("me", "vic")}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client_of(
    stack: EmbeddedStack, tenant: str, tokens: dict[str, str], way: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], AsyncClient]:
    """Makes the client of a user."""

    def made(user: str) -> AsyncClient:
        url = stack.listens("nats-server" if way == "bus" else "gateway")
        if way == "token":
            monkeypatch.setenv("QUEUEBIT_TOKEN", tokens[user])
            return AsyncClient(url=url)
        return AsyncClient(load(stack.home / "credentials" / f"{tenant}-{user}.toml"), url=url)

    return made


@pytest.fixture
async def client(client_of: Callable[[str], AsyncClient]) -> AsyncIterator[AsyncClient]:
    async with client_of("me") as it:
        yield it


async def refusal(client: AsyncClient, call: Callable[[AsyncClient], object]) -> tuple[type, tuple[str, ...]]:
    """The class and the codes of the error of a call."""
    with pytest.raises(QueuebitError) as caught:
        await call(client)  # type: ignore[misc]  # any of the client's calls
    error = caught.value
    reasons = error.reasons if isinstance(error, Refused) else [error.reason] if isinstance(error, JobFailed) else []
    return type(error), tuple(it.code for it in reasons)


async def test_a_job_has_one_life(client: AsyncClient, way: str) -> None:
    job = await client.submit(BELL, shots=100, seed=1, key=f"life {way}", max_cost="1.50", tags=["t1"], label="bell")
    result = await job.result(timeout=20)
    assert (result.shots, sum(result.counts.values()), len(result.items)) == (100, 100, 1)
    charge, receipt = await job.charge(), await job.receipt()
    assert (receipt.job, receipt.revision) == (job.id, 0)
    status = await client.job(job.id).status()
    assert (status.state, status.sealed, status.charge, status.label) == ("completed", True, charge, "bell")
    names = ["submitted", "accepted", "placed", "started", "completed", "metered", "sealed"]
    assert [it.event for it in status.steps] == names
    assert status.delegation is None or way == "token"
    again = await client.submit(BELL, shots=100, seed=1, key=f"life {way}", max_cost="1.50", tags=["t1"])
    assert (again.id, await again.result(timeout=20)) == (job.id, result)
    assert (await client.find("latest")).id == job.id
    assert (await client.explain(job.id))[0]["backend"] == result.backend


async def test_programs_and_large_circuits_go_and_come_back(client: AsyncClient, way: str) -> None:
    batch = Batch([Item(BELL, observables=["ZZ"]), Item(BELL)], annotations={"way": "any"})
    job = await client.submit(batch, shots=50, key=f"batch {way}")
    items = (await job.result(timeout=20)).items
    assert items[0].expectations is not None
    assert items[1].counts is not None
    assert await job.annotations() == {"way": "any"}
    large = await client.submit(LARGE, shots=20_000, outputs=["memory"], key=f"large {way}")
    (item,) = (await large.result(timeout=20)).items
    assert item.memory is not None
    assert len(item.memory) == 20_000


async def test_errors_are_the_same(client: AsyncClient, client_of: Callable[[str], AsyncClient], way: str) -> None:
    job = await client.submit(BELL, shots=10, key=f"errors {way}")
    assert await refusal(client, lambda it: it.submit(BELL, shots=11, key=f"errors {way}")) == (Conflict, ())
    assert await refusal(client, lambda it: it.job("jabsent").status()) == (NotFound, ())
    assert await refusal(client, lambda it: it.device("absent")) == (NotFound, ())
    assert await refusal(client, lambda it: it.plan("nonsense")) == (Refused, ("syntax",))
    assert await refusal(client, lambda it: it.submit(BELL, shots=0)) == (InvalidInput, ())
    assert await refusal(client, lambda it: it.jobs(project="A B")) == (InvalidInput, ())
    refused = await client.submit(BELL, backend="absent", key=f"nowhere {way}")
    assert await refusal(client, lambda _: refused.result(timeout=20)) == (Refused, ("unknown_backend",))
    assert await refusal(client, lambda it: it.explain("jabsent")) == (Refused, ("not_found",))
    async with client_of("vic") as vic:
        assert await refusal(vic, lambda it: it.submit(BELL)) == (Refused, ("forbidden",))
        assert await refusal(vic, lambda it: it.submit(LARGE)) == (Refused, ("forbidden",))
        assert (await vic.job(job.id).status()).job == job.id


async def test_a_cancelled_job_ends(client: AsyncClient, way: str) -> None:
    job = await client.submit(SLOW, shots=10, backend="aer", key=f"slow {way}")
    assert await refusal(client, lambda _: job.wait(timeout=0.1)) == (StillRunning, ())
    status = await job.cancel("not needed", timeout=20)
    assert (status.state, status.reasons[0].text) == ("cancelled", "cancelled by me: not needed")
    assert await refusal(client, lambda _: job.result(timeout=20)) == (JobFailed, ("cancelled",))


async def test_tables_are_the_same(stack: EmbeddedStack, tenant: str, tokens: dict[str, str]) -> None:
    """The rows of one moment over all ways; other tests of this module add jobs to the tenant in between."""
    bus = load(stack.home / "credentials" / f"{tenant}-me.toml")
    gateway = stack.listens("gateway")
    ways = [bus, replace(bus, url=gateway), Credential(gateway, tenant, "me", "", "main", token=tokens["me"])]
    async with AsyncClient(ways[0]) as first:
        jobs = [await first.submit(BELL, shots=10, tags=["page"], key=f"page {number}") for number in range(3)]
        for job in jobs:
            await job.receipt(timeout=20)
    found = [await tables(AsyncClient(it)) for it in (*ways, bus)]
    while found[0] != found[3]:  # bills of other tests' jobs arrived meanwhile
        found = [await tables(AsyncClient(it)) for it in (*ways, bus)]
    assert found[0] == found[1] == found[2]
    assert [it["job"] for it in found[0][0][0]] == [it.id for it in reversed(jobs)]


def _ageless(rows: Table) -> Table:
    """Without what differs from second to second."""
    return Table({name: it for name, it in row.items() if name != "calibration_age_s"} for row in rows)


async def tables(client: AsyncClient) -> tuple[list[Table], list[bytes], Device]:
    async with client as it:
        rows: list[Table] = [
            await it.jobs(tag="page"),
            await it.jobs(project="main", limit=2),
            await it.charges(),
            await it.charges(project="main"),
            await it.balances(),
            _ageless(await it.plan(BELL, shots=10)),
            _ageless(await it.backends()),
        ]
        files = [b"".join([page async for page in it.export_charges(form, project="main")]) for form in FORMS]
        return rows, files, await it.device("emulated-ibm-torino")


async def test_events_come_once_in_order(client: AsyncClient, way: str) -> None:
    seen = list[LoggedEvent]()
    async with aclosing(client.events()) as events:
        first = asyncio.ensure_future(anext(events))
        number = itertools.count()
        while not first.done():  # until the events are followed
            await client.submit(BELL, shots=10, key=f"before events {way} {next(number)}")
            await asyncio.wait([first], timeout=1)
        job = await client.submit(BELL, shots=10, key=f"events {way}")
        seen.append(await first)
        async with asyncio.timeout(20):
            while (seen[-1].job, seen[-1].name) != (job.id, "sealed"):
                seen.append(await anext(events))
    sequences = [it.sequence for it in seen]
    assert sequences == sorted({*sequences})
    steps = [it.event for it in (await job.status()).steps]
    assert names(seen, job.id) == steps


@pytest.mark.parametrize("way", ["token"], indirect=True)
async def test_waits_and_events_survive_the_gateway(
    stack: EmbeddedStack, client: AsyncClient, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen = list[LoggedEvent]()
    async with aclosing(client.events()) as events:
        first = asyncio.ensure_future(anext(events))
        job = await client.submit(SLOW, shots=10, backend="aer", key=f"survives {way}")
        seen.append(await first)
        waiting = asyncio.ensure_future(job.wait(timeout=100))
        with caplog.at_level(logging.ERROR):
            assert await asyncio.to_thread(stack.kill, "gateway")
            with pytest.raises(Unreachable):
                await client.jobs()
            again = await client.submit(BELL, shots=10, key=f"meanwhile {way}")
        await again.result(timeout=20)
        await job.cancel()
        assert (await waiting).state == "cancelled"
        for it in (job, again):
            await it.receipt(timeout=20)
            steps = [step.event for step in (await it.status()).steps]
            async with asyncio.timeout(20):
                while names(seen, it.id)[: len(steps)] != steps:
                    seen.append(await anext(events))


def names(seen: Sequence[LoggedEvent], job: str) -> list[str]:
    return [it.name for it in seen if it.job == job]


def test_a_token_never_crosses_the_network_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUEBIT_TOKEN", "qbt_x")
    with pytest.raises(InvalidInput, match="https://"):
        AsyncClient(url="http://queuebit.example.com")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_sidecar_gives_a_program_the_gateway_without_credentials(
    stack: EmbeddedStack, tenant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "s.sock"
    words = ("sidecar", "--socket", str(path), "--key", "fn-1", "--tenant", tenant, "--user", "me")
    process = subprocess.Popen(stack.argv(*words), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"export QUEUEBIT_URL=unix://{path}\n"
        first, second = curl(path), curl(path)
        assert (first["state"], first["job"]) == ("completed", second["job"])
        monkeypatch.setenv("QUEUEBIT_URL", f"unix://{path}")
        with Client() as client:
            job = client.submit(BELL, shots=10, key="beside")
            assert sum(job.result(timeout=20).counts.values()) == 10
            assert job.receipt().job == job.id
            assert (client.credential.tenant, client.credential.user, client.credential.seed) == (tenant, "me", "")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert not path.exists()
    finally:
        process.kill()
        process.wait()
    tokens = stack.ask("token", "list", "--tenant", tenant, "--user", "me")
    assert first["delegation"] in {it["delegation"] for it in tokens if it["ended"]}


def curl(path: Path) -> dict[str, Any]:
    """Submit a job and wait for it."""
    words = ["curl", "-sS", "--unix-socket", str(path), "http://localhost/v1/jobs?shots=20", "-H", "Prefer: wait=20"]
    words += ["-H", "Content-Type: text/x-openqasm", "--data-binary", BELL]
    found: dict[str, Any] = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=30).stdout)
    return found
