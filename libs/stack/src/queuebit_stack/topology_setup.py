"""Provisions streams, buckets and consumers as soon as the bus answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError

from queuebit_contracts.topology import LOG
from queuebit_runtime.provision import provision
from queuebit_runtime.server_errors import NO_STREAM
from queuebit_stack.connection import connected_once
from queuebit_stack.errors import Exit, Stop
from queuebit_stack.home import Home
from queuebit_stack.log_mark import Mark, known, require_whole
from queuebit_stack.stacks import home_topology

__all__ = ["declare", "lay_out", "lay_out_again"]

_TIMEOUT_S = 30.0
_MESSAGES_PER_S = 20_000
"""How many messages of its store a server reads in a second, at least; it answers when it has read them."""


def lay_out(home: Home, port: int, stopping: Callable[[], bool]) -> None:
    """Wait for the bus, check that the log is complete, and create or update what the topology declares.

    Raises:
        LogLost: the log of this home is missing, or shorter than before.
        Stop: the bus does not answer, or `stopping` returned true.
    """
    asyncio.run(_lay_out(home, port, stopping, require_whole))


def lay_out_again(home: Home, port: int) -> None:
    """The same before the log is restored: missing messages are no reason to stop."""
    asyncio.run(_lay_out(home, port, lambda: False, lambda *_: None))


async def declare(home: Home, port: int) -> None:
    """Create or update what the topology declares now, on a bus that runs.

    Raises:
        OSError, NatsError, TimeoutError: the bus does not answer.
    """
    client = await _connect(home, port)
    try:
        await provision(client, home_topology(home))
    finally:
        await client.close()


async def _lay_out(
    home: Home, port: int, stopping: Callable[[], bool], check: Callable[[Home, Mark | None], None]
) -> None:
    before = known(home)
    reading_s = 0 if before is None else before.last / _MESSAGES_PER_S
    deadline = time.monotonic() + _TIMEOUT_S + reading_s
    while True:
        try:
            client = await _connect(home, port)
            try:
                check(home, await _log(client))
                await provision(client, home_topology(home))
                mark, before = await _log(client), known(home)
                if mark is not None and (before is None or mark.last >= before.last):
                    with suppress(OSError):  # a full disk: the supervisor saves it later
                        mark.save(home)
            finally:
                await client.close()
        except (OSError, NatsError, TimeoutError) as error:
            if stopping() or time.monotonic() > deadline:
                log = home.log_file("nats-server")
                raise Stop(Exit.UNREACHABLE, f"nats-server does not answer ({error}): see {log}") from error
            await asyncio.sleep(0.02)
        else:
            return


async def _log(client: Client) -> Mark | None:
    request = await client.request(f"$JS.API.STREAM.INFO.{LOG}", timeout=5)
    reply = json.loads(request.data)
    if (error := reply.get("error")) is None:
        return Mark(reply["created"], int(reply["state"]["last_seq"]))
    if error.get("err_code") != NO_STREAM:
        raise OSError(error.get("description"))
    return None


async def _connect(home: Home, port: int) -> Client:
    seed = home.seed_file("provisioner").read_text().strip()
    return await connected_once(f"nats://127.0.0.1:{port}", "provisioner", seed, 2)
