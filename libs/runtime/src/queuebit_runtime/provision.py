"""Creating what the topology declares, and refusing to run on anything else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from queuebit_contracts.topology import Bucket, Durable, Stream, Topology, inbox_of, topology
from queuebit_kernel import Fault

__all__ = ["Drift", "assert_durables", "provision"]


class Drift(Fault):
    """What the server holds differs from what this version declares."""

    code = "drift"


def _stream(name: str, stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=name,
        description=stream.description,
        subjects=list(stream.subjects),
        storage=StorageType.FILE,
        retention=RetentionPolicy.LIMITS,
        max_bytes=stream.max_bytes,
        max_msg_size=stream.max_msg_size,
        max_age=stream.max_age_s,
        duplicate_window=stream.duplicate_window_s,
        discard=DiscardPolicy(stream.discard),
        allow_direct=True,
        allow_atomic=stream.atomic,
        num_replicas=1,
    )


def _bucket(name: str, bucket: Bucket) -> StreamConfig:
    return StreamConfig(
        name=f"KV_{name}",
        description=bucket.description,
        subjects=[f"$KV.{name}.>"],
        storage=StorageType.FILE,
        max_bytes=bucket.max_bytes,
        max_msg_size=bucket.max_value_size,
        max_msgs_per_subject=1,
        discard=DiscardPolicy.NEW,
        deny_delete=True,
        deny_purge=True,
        allow_rollup_hdrs=False,  # one message with that header would wipe every tenant's payloads
        allow_direct=True,
        num_replicas=1,
    )


def _durable(name: str, durable: Durable) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=name,
        name=name,
        filter_subjects=list(durable.filters),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=durable.ack_wait_s,
        max_ack_pending=durable.max_ack_pending,
        max_deliver=-1,
    )


async def provision(client: Client, wanted: Topology) -> list[str]:
    """Create or update every stream, bucket and durable; return what was changed, for people. Safe to repeat."""
    js = client.jetstream(timeout=10)
    streams = [_stream(name, stream) for name, stream in wanted.stream.items()]
    streams += [_bucket(name, bucket) for name, bucket in wanted.bucket.items()]
    done = [await _ensure_stream(js, config) for config in streams]
    for name, durable in wanted.durable.items():
        await js.add_consumer(durable.stream, _durable(name, durable))
    return [line for line in done if line] + [f"durable {name}" for name in wanted.durable]


async def _ensure_stream(js: JetStreamContext, config: StreamConfig) -> str:
    try:
        await js.stream_info(str(config.name))
    except NotFoundError:
        await js.add_stream(config)
        return f"stream {config.name} created"
    await js.update_stream(config)
    return ""


async def assert_durables(client: Client, durables: Mapping[str, Durable]) -> None:
    """Check what a service depends on.

    Raises:
        Drift: a durable is missing or differs; the text says what to run.
    """
    js = client.jetstream(timeout=10)
    for name, durable in durables.items():
        try:
            found = (await js.consumer_info(durable.stream, name)).config
        except NotFoundError as error:
            raise Drift(f"durable {name} does not exist: run `make provision` (or `qb up`) first") from error
        filters = sorted(found.filter_subjects or [str(found.filter_subject)])
        wanted = (sorted(durable.filters), durable.ack_wait_s, durable.max_ack_pending)
        if (filters, found.ack_wait, found.max_ack_pending) != wanted:
            raise Drift(f"durable {name} differs from this version's topology: run `make provision` and start again")


async def _main(url: str, seed_file: str) -> None:
    client = await nats.connect(url, nkeys_seed=seed_file, inbox_prefix=inbox_of("provisioner").encode())
    try:
        for line in await provision(client, topology()):
            print(line)
    finally:
        await client.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python -m queuebit_runtime.provision URL SEED_FILE (got {sys.argv[1:]})")
    if not Path(sys.argv[2]).is_file():
        sys.exit(f"{sys.argv[2]} is not a file: name the provisioner's seed file")
    asyncio.run(_main(sys.argv[1], sys.argv[2]))
