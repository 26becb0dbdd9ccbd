"""Creates the declared topology, and checks it before a service runs."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import nats
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    DiscardPolicy,
    Placement,
    RePublish,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import NotFoundError, ServiceUnavailableError

from queuebit_contracts.executors import parse_stacks, with_executors
from queuebit_contracts.topology import Bucket, Durable, Stream, Topology, inbox_of, topology
from queuebit_kernel import Fault
from queuebit_runtime.deployment import VARIABLE, read_deployment, secret_of, sized
from queuebit_runtime.secrets import read_secret
from queuebit_runtime.servers import servers_of, tls_of

if TYPE_CHECKING:
    from queuebit_deployment import Deployment

__all__ = ["Drift", "assert_topology", "provision"]

_logger = logging.getLogger(__name__)

_PAUSE_S = 0.5

_FREE = ("description", "max_bytes", "num_replicas", "placement")
"""Settings that an installation may choose."""


class Drift(Fault):
    """The server's configuration differs from this version's topology."""

    code = "drift"


def _stream(name: str, stream: Stream) -> StreamConfig:
    again = stream.republish
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
        republish=None if again is None else RePublish(src=again.source, dest=again.destination),
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


def _streams(wanted: Topology) -> list[StreamConfig]:
    streams = [_stream(name, stream) for name, stream in wanted.stream.items()]
    return streams + [_bucket(name, bucket) for name, bucket in wanted.bucket.items()]


async def provision(
    client: Client, wanted: Topology, replicas: int | None = None, tags: Sequence[str] | None = None
) -> list[str]:
    """Create or update every stream, bucket and consumer. Safe to repeat.

    Args:
        client: a connection as the user `provisioner`.
        wanted: the topology.
        replicas: servers that keep each stream; default: unchanged, and one for new streams.
        tags: what a server must have to keep streams; default: unchanged, and nothing for new streams.

    Returns:
        Changes, as text for people.
    """
    js = client.jetstream(timeout=10)
    done = [await _ensure_stream(js, config, replicas, tags) for config in _streams(wanted)]
    for name, durable in wanted.durable.items():
        await js.add_consumer(durable.stream, _durable(name, durable))
    return [line for line in done if line] + [f"durable {name}" for name in wanted.durable]


async def _ensure_stream(
    js: JetStreamContext, config: StreamConfig, replicas: int | None, tags: Sequence[str] | None
) -> str:
    wanted = replace(config, placement=Placement(tags=[*tags]) if tags else None)
    try:
        found = (await js.stream_info(str(config.name))).config
    except NotFoundError:
        await js.add_stream(replace(wanted, num_replicas=replicas or 1))
        return f"stream {config.name} created"
    if found.max_bytes:  # a smaller stream would have to lose messages
        wanted = replace(wanted, max_bytes=max(int(found.max_bytes), int(config.max_bytes or 0)))
    if tags is None:
        wanted = replace(wanted, placement=found.placement)
    await js.update_stream(replace(wanted, num_replicas=replicas or found.num_replicas))
    if replicas in (None, found.num_replicas):
        return ""
    return f"stream {config.name} on {replicas} servers, {found.num_replicas} before"


async def assert_topology(client: Client, wanted: Topology, service: str) -> None:
    """Check what a service depends on: every stream and bucket, and its own consumers.

    A stream without a leader is waited for: after the failure of a server, another one is elected within seconds.

    Raises:
        Drift: a part is missing or differs; the text names it and the command to run.
    """
    js = client.jetstream(timeout=10)
    for stream in _streams(wanted):
        await _assert(partial(js.stream_info, str(stream.name)), stream, f"stream {stream.name}")
    for name, durable in wanted.durables_of(service).items():
        await _assert(partial(js.consumer_info, durable.stream, name), _durable(name, durable), f"durable {name}")


async def _assert(
    ask: Callable[[], Awaitable[StreamInfo | ConsumerInfo]], declared: StreamConfig | ConsumerConfig, what: str
) -> None:
    while True:
        try:
            found = (await ask()).config
            break
        except NotFoundError as error:
            raise Drift(f"{what} does not exist: run `make provision` (or `qb up`) first") from error
        except (TimeoutError, NoRespondersError, ServiceUnavailableError):
            _logger.warning("%s has no leader: waiting for one", what)
            await asyncio.sleep(_PAUSE_S)
    for field in fields(declared):
        wanted, there = getattr(declared, field.name), getattr(found, field.name)
        if field.name == "filter_subjects":  # the server keeps a single one under another name
            wanted, there = sorted(wanted), sorted(there or [getattr(found, "filter_subject", None) or ""])
        chosen = wanted is False or bool(wanted)  # 0/None: server default
        if chosen and field.name not in _FREE and (wanted or None) != (there or None):
            raise Drift(
                f"{what} has {field.name} {there!r}, this version declares {wanted!r}: "
                "run `make provision` and start again"
            )


async def _main(args: argparse.Namespace) -> None:
    target = _of_arguments(args) if args.deployment is None else _of_deployment(read_deployment(args.deployment), args)
    client = await nats.connect(
        target.servers,
        nkeys_seed_str=target.seed,
        inbox_prefix=inbox_of("provisioner").encode(),
        tls=tls_of(target.ca_file),
    )
    try:
        for line in await provision(client, target.topology, target.replicas, target.tags):
            print(line)
    finally:
        await client.close()


@dataclass(frozen=True, slots=True)
class _Target:
    """What is provisioned, and where."""

    servers: list[str]
    seed: str
    ca_file: Path | None
    topology: Topology
    replicas: int | None
    tags: Sequence[str] | None


def _of_arguments(args: argparse.Namespace) -> _Target:
    return _Target(args.servers, read_secret(args.seed_file), args.ca_file, _wanted(args), args.replicas, None)


def _of_deployment(found: Deployment, args: argparse.Namespace) -> _Target:
    """From the deployment file; arguments that are given count more."""
    bus = found.bus
    seed = read_secret(args.seed_file) if args.seed_file else _own_seed(found.credentials.seed)
    servers, ca_file = args.servers or [*bus.urls], args.ca_file or bus.ca_file
    replicas = args.replicas or bus.replicas
    return _Target(servers, seed, ca_file, sized(_wanted(args), found), replicas, bus.placement)


def _own_seed(reference: str | None) -> str:
    if reference is None:
        raise ValueError("no seed: name its file after the address, or set credentials.seed in the deployment file")
    return secret_of(reference, "provisioner")


def _wanted(args: argparse.Namespace) -> Topology:
    return with_executors(topology(), parse_stacks(args.stacks.read_bytes()) if args.stacks else {})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m queuebit_runtime.provision", description="Create or update streams, buckets and durables."
    )
    parser.add_argument(
        "servers", nargs="?", type=servers_of, metavar="URL", help="one server, or several separated by commas"
    )
    parser.add_argument("seed_file", nargs="?", type=_file, metavar="SEED_FILE", help="the provisioner's seed")
    parser.add_argument("--deployment", type=_file, metavar="FILE", help=f"the deployment file ({VARIABLE})")
    parser.add_argument("--stacks", type=_file, help="JSON file with the backends of each stack, by its name")
    parser.add_argument("--replicas", type=int, choices=(1, 3, 5), help="servers that keep each stream")
    parser.add_argument("--ca-file", type=_file, help="CA certificate of the servers")
    parser.set_defaults(deployment=_file(named) if (named := os.environ.get(VARIABLE)) else None)
    args = parser.parse_args()
    if args.deployment is None and args.seed_file is None:
        parser.error("name URL and SEED_FILE, or the deployment file with --deployment")
    return args


def _file(name: str) -> Path:
    if not Path(name).is_file():
        raise argparse.ArgumentTypeError(f"{name} is not a file")
    return Path(name)


if __name__ == "__main__":
    try:
        asyncio.run(_main(_arguments()))
    except (Fault, OSError, ValueError) as error:  # the text says what to do
        sys.exit(f"cannot provision: {error}")
