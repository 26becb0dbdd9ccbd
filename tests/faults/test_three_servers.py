"""A cluster of three servers, as in production: replicas answer reads, and replicas lag."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from queuebit import AsyncClient, Credential
from queuebit_contracts.topology import topology
from queuebit_runtime.keys import public_key
from queuebit_runtime.provision import provision
from queuebit_stack.bootstrap import default_price_book
from queuebit_stack.probe import look
from queuebit_testing.build import BELL
from queuebit_testing.cluster import NatsCluster
from queuebit_testing.server import declared, free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

JOBS = 200
BYTES = 28_000
"""The size of a circuit: too large for its event, so that executors read it from the payload store."""
STALL_S, PAUSE_S = 1.2, 0.6
SERVICES = ("broker", "scheduler", "executor-aer", "metering", "provenance")
TENANTS = """
[tenant.acme]
[tenant.acme.project.main]
budget = "1000"
currency = "USD"
[tenant.acme.user.ann]
role = "submitter"
keys = ["{key}"]
"""


@contextmanager
def service(cluster: NatsCluster, name: str) -> Iterator[int]:
    """Run a service on the cluster; yields the port of its health page."""
    folder, package, port = cluster.folder, name.partition("-")[0], free_port()
    environment = os.environ | {
        "QUEUEBIT_BUS_URL": cluster.url,
        "QUEUEBIT_BUS_SEED_FILE": str(cluster.seed_file(name)),
        "QUEUEBIT_BUS_HEALTH_PORT": str(port),
    }
    own: dict[str, dict[str, object]] = {
        "broker": {"BROKER_TENANTS_FILE": folder / "tenants.toml", "BROKER_PRICE_BOOK": default_price_book()},
        "executor-aer": {"EXECUTOR_STACK": "aer"},
        "metering": {"METERING_PRICE_BOOK": default_price_book()},
        "provenance": {"PROVENANCE_DATA_DIR": folder / "provenance"},
    }
    environment |= {f"QUEUEBIT_{key}": str(value) for key, value in own.get(name, {}).items()}
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"queuebit_{package}"], env=environment, stdout=log, stderr=log
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def services(cluster: NatsCluster) -> AsyncIterator[None]:
    """Run all services that a job needs."""
    (cluster.folder / "tenants.toml").write_text(TENANTS.format(key=public_key(cluster.seeds["acme/ann"])))
    with ExitStack() as running:
        ports = [running.enter_context(service(cluster, name)) for name in SERVICES]
        while not all([(await asyncio.to_thread(look, port)).ready for port in ports]):
            await asyncio.sleep(0.1)
        yield


async def stall_followers(cluster: NatsCluster, seen: list[str]) -> None:
    """Stop one follower of the log after the other for a while, repeatedly."""
    while True:
        leader = await cluster.leader()
        for name in ("n1", "n2", "n3"):
            if name != leader:
                async with cluster.stalled(name):
                    await asyncio.sleep(STALL_S)
                seen.append(name)
                await asyncio.sleep(PAUSE_S)


async def run_one(client: AsyncClient, number: int) -> dict[str, int]:
    """Run one job with a unique circuit, from its submission to its receipt."""
    circuit = f"{BELL}\n// {number} ".ljust(BYTES, "-")
    job = await client.submit(circuit, shots=100, backend="aer")
    result = await job.result(timeout=120)
    await job.receipt(timeout=120)
    return dict(result.counts)


async def dead_letters(cluster: NatsCluster) -> list[str]:
    client = await cluster.connect("operator")
    try:
        found = await client.jetstream(timeout=10).stream_info("DEAD", subjects_filter=">")
        return sorted(found.state.subjects or {})
    finally:
        await client.close()


async def provision_again(cluster: NatsCluster) -> None:
    """Provisioning is repeated at every start: the replicas stay as they are."""
    client = await cluster.connect("provisioner")
    await provision(client, declared())
    kept = {name: (await client.jetstream(timeout=10).stream_info(name)).config for name in topology().stream}
    await client.close()
    assert {name: it.num_replicas for name, it in kept.items()} == dict.fromkeys(kept, 3)


async def test_no_good_job_is_refused_and_none_is_a_dead_letter_where_a_follower_stalls(tmp_path: Path) -> None:
    cluster = NatsCluster(tmp_path, clients=(("acme", "ann", "submitter"),))
    async with cluster.running(), services(cluster):
        credential = Credential(cluster.url, "acme", "ann", cluster.seeds["acme/ann"], "main")
        stalls: list[str] = []
        stalling = asyncio.create_task(stall_followers(cluster, stalls))
        async with AsyncClient(credential) as client:
            counts = await asyncio.gather(*(run_one(client, number) for number in range(JOBS)))
        stalling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stalling
        await provision_again(cluster)
        assert stalls
        assert [sum(it.values()) for it in counts] == [100] * JOBS
        assert await dead_letters(cluster) == []
