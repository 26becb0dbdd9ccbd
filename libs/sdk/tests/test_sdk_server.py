"""The client on a real nats-server, with the test in the place of the services."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nats.aio.client import Client as NatsClient
from nats.errors import FlushTimeoutError

from queuebit import AsyncClient, Conflict, Credential, InvalidInput, Refused, Unreachable
from queuebit.nats_transport import NatsTransport
from queuebit_contracts.job import Compilation, Completion, JobCompleted, Usage
from queuebit_contracts.subjects import of_tenant, stored
from queuebit_contracts.topology import inbox_of
from queuebit_runtime.keys import new_seed
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.payloads import describe
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server

BELL = "OPENQASM 3.0; qubit q; bit c; c = measure q;"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class As:
    """A service's connection."""

    client: NatsClient


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    it = NatsServer(
        tmp_path, clients=(("acme", "ann", "submitter"), ("acme", "vic", "viewer"), ("evil", "eve", "submitter"))
    )
    async with it.running():
        yield it


def client(server: NatsServer, who: str = "acme/ann") -> AsyncClient:
    tenant, _, user = who.partition("/")
    return AsyncClient(Credential(server.url, tenant, user, server.seeds[who], "p"))


async def complete(server: NatsServer, tenant: str, job: str, counts: dict[str, int]) -> None:
    connection = await server.connect("executor-aer")
    done = Completion(
        tenant=tenant,
        job=job,
        backend="aer",
        attempt=1,
        shots=10,
        result=describe(json.dumps(counts).encode(), "application/json"),
        usage=Usage(),
        compilation=Compilation(
            compiler="x", digest="sha256:" + "0" * 64, seed=1, depth=1, two_qubit_gates=0, duration_ns=1
        ),
        submitted_at=NOW,
        accepted_at=NOW,
        placed_at=NOW,
        started_at=NOW,
    )
    await JetStreamLog(As(connection)).append(JobCompleted(source="qb/executor-aer", data=done))
    await connection.close()


async def test_a_job_is_stored_waited_for_and_read(server: NatsServer) -> None:
    async with client(server) as ann:
        job = await ann.submit(BELL, shots=10)
        waiting = asyncio.ensure_future(job.result(timeout=10))
        await complete(server, "acme", job.id, {"0": 4, "1": 6})
        assert (await waiting).counts == {"0": 4, "1": 6}
        assert (await ann.job(job.id).status()).state == "completed"


async def test_a_wait_survives_the_server(server: NatsServer) -> None:
    async with client(server) as ann:
        job = await ann.submit(BELL, shots=10)
        waiting = asyncio.ensure_future(job.result(timeout=20))
        await asyncio.sleep(0)
        server.kill()
        await server.start()
        await complete(server, "acme", job.id, {"0": 10})
        assert (await waiting).counts == {"0": 10}


async def test_an_outage_is_reported_as_a_gap(server: NatsServer) -> None:
    transport, gap = NatsTransport(server.url, server.seeds["acme/ann"], inbox_of("ann", "acme")), asyncio.Event()
    stop = await transport.follow([stored(of_tenant("job", "acme"))], lambda _: None, gap.set)
    server.kill()
    await server.start()
    await asyncio.wait_for(gap.wait(), 20)
    await stop()
    await transport.close()


async def test_a_subscription_that_the_server_does_not_confirm_ends(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = NatsTransport(server.url, server.seeds["acme/ann"], inbox_of("ann", "acme"))
    client, _ = await transport._connected()

    async def flush(timeout: int = 10) -> None:
        raise FlushTimeoutError

    monkeypatch.setattr(client, "flush", flush)
    with pytest.raises(Unreachable):
        await transport.follow([stored(of_tenant("job", "acme"))], lambda _: None, lambda: None)
    assert [it.subject for it in client._subs.values() if it.subject.startswith("qb.")] == []
    assert transport._on_gap == []
    await transport.close()


async def test_two_identical_submissions_at_once_are_one_job(server: NatsServer) -> None:
    async with client(server) as one, client(server) as other:
        first, second = await asyncio.gather(one.submit(BELL, key="k"), other.submit(BELL, key="k"))
        assert first.id == second.id
        with pytest.raises(Conflict):
            await other.submit(BELL, key="k", shots=3)


async def test_a_large_circuit_comes_back_as_it_went(server: NatsServer) -> None:
    async with client(server) as ann:
        payloads = ann._payloads()
        stored = await payloads.put(b"x" * 250_000, "text/x-openqasm")
        assert stored.inline is None
        assert await payloads.get(stored) == b"x" * 250_000


async def test_what_a_user_may_not_do_is_refused_at_once(server: NatsServer) -> None:
    async with client(server, "acme/vic") as vic:
        with pytest.raises(
            Refused, match="the role of vic in acme does not permit to submit jobs: ask an operator"
        ) as caught:
            await vic.submit(BELL)
        assert caught.value.reasons[0].code == "forbidden"
    async with client(server, "evil/eve") as eve, client(server) as ann:
        job = await ann.submit(BELL)
        spy = AsyncClient(
            Credential(server.url, "acme", "eve", server.seeds["evil/eve"], "p"), transport=eve._transport
        )
        with pytest.raises(Refused):
            await spy.job(job.id).status()


async def test_an_unknown_token_is_refused_with_a_way_on(server: NatsServer) -> None:
    async with AsyncClient(Credential(server.url, "acme", "ann", new_seed(), "p")) as stranger:
        with pytest.raises(Refused, match="rejects this token"):
            await stranger.jobs()


async def test_a_question_that_no_service_answers_says_so(server: NatsServer) -> None:
    async with client(server) as ann:
        with pytest.raises(Unreachable, match="no service answers"):
            await ann.jobs()


async def test_a_server_that_is_down_is_named_with_the_way_to_start_it(tmp_path: Path) -> None:
    nowhere = NatsServer(tmp_path)
    transport = NatsTransport(nowhere.url, new_seed(), "_INBOX.x")
    with pytest.raises(Unreachable, match="qb up"):
        await transport.request("x")


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    transport = NatsTransport("nats://127.0.0.1:1", new_seed(), "_INBOX.x", ca_file=ca_file)
    with pytest.raises(InvalidInput, match=str(ca_file)):
        await transport.request("x")
