"""What the server holds is what this version declares, or no service starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from queuebit_contracts.topology import Durable, Republish, Stream, Topology, topology
from queuebit_runtime.provision import Drift, assert_topology, provision
from queuebit_testing.server import NatsServer

pytestmark = pytest.mark.server


def with_stream(name: str, **changes: Any) -> Topology:
    stream: Stream = topology().stream[name].model_copy(update=changes)
    return topology().model_copy(update={"stream": {**topology().stream, name: stream}})


def with_durable(name: str, **changes: Any) -> Topology:
    durable: Durable = topology().durable[name].model_copy(update=changes)
    return topology().model_copy(update={"durable": {**topology().durable, name: durable}})


async def test_what_was_provisioned_is_what_is_wanted_however_often(fresh_server: NatsServer) -> None:
    provisioner = await fresh_server.connect("provisioner")
    await provision(provisioner, topology())
    await provisioner.close()
    for name in topology().service:
        client = await fresh_server.connect(name)
        await assert_topology(client, topology(), name)
        await client.close()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (with_stream("LOG", max_msg_size=1), "stream LOG has max_msg_size 131072, this version declares 1"),
        (with_stream("LOG", atomic=False), "stream LOG has allow_atomic True"),
        (with_stream("LOG", republish=Republish(source="qb.job.>", destination="x.>")), "stream LOG has republish"),
        (with_stream("DEAD", discard="new"), "stream DEAD has discard"),
        (with_stream("TRACES", subjects=("qb.trace.>", "x")), "stream TRACES has subjects"),
        (with_durable("broker-submitted", ack_wait_s=60), "durable broker-submitted has ack_wait 6.0"),
        (with_durable("broker-submitted", filters=("qb.job.>",)), "durable broker-submitted has filter_subjects"),
    ],
    ids=["size", "atomic", "republish", "discard", "subjects", "lease", "filters"],
)
async def test_a_difference_is_named_and_what_to_do(fresh_server: NatsServer, wanted: Topology, said: str) -> None:
    broker = await fresh_server.connect("broker")
    with pytest.raises(Drift, match="make provision") as drift:
        await assert_topology(broker, wanted, "broker")
    assert said in str(drift.value)
    await broker.close()


async def test_a_stream_of_an_earlier_version_learns_to_republish(fresh_server: NatsServer) -> None:
    provisioner, broker = await fresh_server.connect("provisioner"), await fresh_server.connect("broker")
    await provision(provisioner, with_stream("LOG", republish=None))
    with pytest.raises(Drift, match="stream LOG has republish None"):
        await assert_topology(broker, topology(), "broker")
    await provision(provisioner, topology())
    await assert_topology(broker, topology(), "broker")
    for client in (provisioner, broker):
        await client.close()


async def test_what_is_missing_is_named(fresh_server: NatsServer) -> None:
    extra = topology().durable["broker-submitted"]
    wanted = topology().model_copy(update={"durable": {**topology().durable, "broker-more": extra}})
    broker = await fresh_server.connect("operator")  # who may look at any durable
    with pytest.raises(Drift, match="durable broker-more does not exist"):
        await assert_topology(broker, wanted, "broker")
    await broker.close()


async def test_a_stream_grows_and_never_shrinks(fresh_server: NatsServer) -> None:
    client, size = await fresh_server.connect("provisioner"), topology().stream["LOG"].max_bytes
    await provision(client, with_stream("LOG", max_bytes=2 * size), tags=())
    await provision(client, topology())
    found = await client.jetstream(timeout=10).stream_info("LOG")
    assert found.config.max_bytes == 2 * size
    await assert_topology(client, topology(), "broker")
    await client.close()


async def test_the_command_reads_the_deployment_file(fresh_server: NatsServer, tmp_path: Path) -> None:
    seed, file = fresh_server.seed_file("provisioner"), tmp_path / "queuebit.toml"
    size = 2 * topology().stream["LOG"].max_bytes
    file.write_text(
        f'[bus]\nurls = ["{fresh_server.url}"]\n[credentials]\nseed = "file:{seed}"\n[stream.LOG]\nmax_bytes = {size}\n'
    )
    command = [sys.executable, "-m", "queuebit_runtime.provision", "--deployment", str(file)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    client = await fresh_server.connect("provisioner")
    assert (await client.jetstream(timeout=10).stream_info("LOG")).config.max_bytes == size
    await client.close()
    file.write_text("[bus]\nurls = []\n")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "bus.urls is empty" in done.stderr
