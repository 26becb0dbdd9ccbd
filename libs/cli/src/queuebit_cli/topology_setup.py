"""Laying out streams, buckets and durables as soon as the bus answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

from queuebit_cli.errors import Exit, Stop
from queuebit_cli.home import Home
from queuebit_contracts.topology import inbox_of, topology
from queuebit_runtime.provision import provision

__all__ = ["lay_out"]

_PATIENCE_S = 30.0


def lay_out(home: Home, port: int, stopping: Callable[[], bool]) -> None:
    """Wait for the bus, and create or update what the topology declares.

    Raises:
        Stop: the bus does not answer, its log says why; or there is no need any more.
    """
    asyncio.run(_lay_out(home, port, stopping))


async def _lay_out(home: Home, port: int, stopping: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            client = await _connect(home, port)
            try:
                await provision(client, topology())
            finally:
                await client.close()
        except (OSError, NatsError, TimeoutError) as error:
            if stopping() or time.monotonic() > deadline:
                log = home.log_file("nats-server")
                raise Stop(Exit.UNREACHABLE, f"nats-server does not answer ({error}): see {log}") from error
            await asyncio.sleep(0.02)
        else:
            return


async def _connect(home: Home, port: int) -> Client:
    async def give_up(error: Exception) -> None:
        raise error

    return await nats.connect(
        f"nats://127.0.0.1:{port}",
        nkeys_seed=str(home.seed_file("provisioner")),
        inbox_prefix=inbox_of("provisioner").encode(),
        allow_reconnect=False,
        connect_timeout=2,
        error_cb=give_up,
    )
