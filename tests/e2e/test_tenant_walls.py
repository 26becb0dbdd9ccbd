"""I3 from outside: what a tenant's credential gives access to, and that a revoked one gives none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuebit import AsyncClient, Client, NotFound, Refused
from queuebit.credentials import find, load
from queuebit.nats_transport import NatsTransport
from queuebit_contracts import subjects
from queuebit_contracts.topology import DECISIONS
from queuebit_kernel import digest
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

LARGE = BELL + "// padding\n" * 3000
"""Large enough to lie in the payload store."""


@pytest.fixture(scope="module")
def neighbours(stack: EmbeddedStack) -> tuple[str, str]:
    """Two tenants; the first has a finished job with a payload of its own."""
    for name in ("alice", "mallory"):
        stack.qb("tenant", "add", name, "--budget", "100")
    return "alice", "mallory"


@pytest.fixture(scope="module")
def job(stack: EmbeddedStack, neighbours: tuple[str, str]) -> str:
    with Client(find(stack.home, neighbours[0], "me")) as client:
        job = client.submit(LARGE, shots=100, backend="aer")
        job.receipt(timeout=30)
        return job.id


async def test_a_neighbours_job_cannot_be_seen_stopped_or_read(
    stack: EmbeddedStack, neighbours: tuple[str, str], job: str
) -> None:
    alice, mallory = neighbours
    credential = find(stack.home, mallory)
    theirs = subjects.job(alice, job)
    chunk = digest(LARGE.encode()).removeprefix("sha256:")
    transport = NatsTransport(credential.url, credential.seed, credential.inbox)
    tries = [
        *(f"$JS.API.DIRECT.GET.LOG.{theirs.event(name)}" for name in ("submitted", "completed", "metered", "sealed")),
        "$JS.API.DIRECT.GET.LOG",
        theirs.event("submitted"),
        theirs.event("cancelled"),
        f"qb.command.{alice}.{job}.cancel",
        *(
            f"qb.query.{alice}.{question}"
            for question in ("jobs", "charges", "plan", "waiting", "explain", "backends", "slo", "activity", "receipt")
        ),
        f"$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.{DECISIONS}.{chunk}.0",
        f"$JS.API.DIRECT.GET.KV_PAYLOADS.$KV.PAYLOADS.{alice}.{chunk}.0",
        f"$KV.PAYLOADS.{alice}.{chunk}.0",
        "$JS.API.STREAM.INFO.LOG",
        "qb.replay.broker-submitted",
    ]
    for subject in tries:
        with pytest.raises(Refused):
            await transport.request(subject, b"{}")
    await transport.close()
    async with AsyncClient(credential) as client:
        with pytest.raises(NotFound):
            await client.job(job).status()
        assert job not in {row["job"] for row in await client.jobs()}
    assert stack.ask("job", "show", job, "--tenant", alice, "--user", "me")["state"] == "completed"


def test_the_program_does_not_find_a_neighbours_job(
    stack: EmbeddedStack, neighbours: tuple[str, str], job: str
) -> None:
    for words in (["job", "show"], ["job", "result"], ["job", "cancel"], ["receipt", "get"]):
        done = stack.run(*words, job, "--tenant", neighbours[1])
        assert (done.returncode, done.stdout) == (2, ""), words
        assert f"{neighbours[1]} has no job" in done.stderr


def test_a_viewer_reads_and_may_not_submit(
    stack: EmbeddedStack, neighbours: tuple[str, str], job: str, circuits: Path
) -> None:
    stack.qb("tenant", "user", "add", neighbours[0], "vic", "--role", "viewer")
    who = ("--tenant", neighbours[0], "--user", "vic")
    assert stack.ask("job", "show", job, *who)["state"] == "completed"
    assert stack.ask("receipt", "verify", job, *who)["verified"] is True
    refused = stack.run("submit", str(circuits / "bell.qasm"), *who)
    assert (refused.returncode, "the role of vic" in refused.stderr) == (3, True)
    with Client(find(stack.home, neighbours[0], "vic")) as client, pytest.raises(Refused):
        client.submit(BELL)


@pytest.fixture
def guest(stack: EmbeddedStack, neighbours: tuple[str, str], tmp_path: Path) -> Iterator[Path]:
    """The credential of a second user of the first tenant, outside the home."""
    path = tmp_path / "guest.toml"
    stack.qb("tenant", "user", "add", neighbours[0], "guest", "--output", str(path))
    yield path
    stack.run("tenant", "user", "remove", neighbours[0], "guest")


def test_a_removed_user_is_out_at_once(stack: EmbeddedStack, neighbours: tuple[str, str], guest: Path) -> None:
    with Client(load(guest)) as open_before:
        assert open_before.backends()
        stack.qb("tenant", "user", "remove", neighbours[0], "guest")
        done = _jobs(stack, guest)
        assert (done.returncode, "rejects this token" in done.stderr) == (3, True)
        with Client(load(guest)) as removed, pytest.raises(Refused):
            removed.backends()
        with pytest.raises(Refused, match="rejects this token"):
            open_before.backends()


def test_a_revoked_token_is_out_and_its_successor_is_in(
    stack: EmbeddedStack, neighbours: tuple[str, str], guest: Path, tmp_path: Path
) -> None:
    successor = tmp_path / "successor.toml"
    first = stack.ask("tenant", "show", neighbours[0])["user"]["guest"]["keys"][0]
    stack.qb("tenant", "token", "new", neighbours[0], "guest", "--output", str(successor))
    assert [_jobs(stack, path).returncode for path in (guest, successor)] == [0, 0]
    stack.qb("tenant", "token", "revoke", neighbours[0], "guest", first)
    assert [_jobs(stack, path).returncode for path in (guest, successor)] == [3, 0]


def _jobs(stack: EmbeddedStack, credential: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"QUEUEBIT_CREDENTIAL": str(credential)}
    return subprocess.run(stack.argv("jobs"), env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_placement_is_explained_to_its_tenant_alone_and_to_the_operator(
    stack: EmbeddedStack, neighbours: tuple[str, str], job: str
) -> None:
    alice, mallory = neighbours
    with Client(find(stack.home, alice, "me")) as client:
        [row] = client.explain(job)
    assert (row["backend"], row["rule"], row["waiting"]) == ("aer", "only", {alice: 1})
    with Client(find(stack.home, mallory, "me")) as client, pytest.raises(Refused, match="there is no job"):
        client.explain(job)
    who = ("--tenant", alice, "--user", "me")
    assert f"{job} was placed on aer at" in stack.qb("job", "explain", job, *who)
    [full] = stack.ask("job", "explain", job, *who, "--all-tenants")
    assert [it["tenant"] for it in full["tenants"]] == [alice]
