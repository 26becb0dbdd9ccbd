"""Asks all servers of the bus for their copies of the streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from queuebit_contracts.topology import inbox_of
from queuebit_deployment.replicas import Replica, Row, compare, replicas_in
from queuebit_runtime.servers import tls_of
from queuebit_stack.connection import quick_start

__all__ = ["rows_of", "seen_replicas"]

_TIMEOUT_S = 5
_SILENCE_S = 1.0
"""How long a further answer is awaited: each server answers at once, or not at all."""
_APART_S = 1.0
"""Between two looks."""


def rows_of(urls: Sequence[str], seed: str, ca_file: Path | None, servers: Sequence[str] = ()) -> list[Row]:
    """Look twice, and compare.

    Args:
        urls: addresses of servers, of which one has to answer.
        seed: the seed of the user `system`.
        ca_file: the authority of the servers, for a bus with TLS.
        servers: names of all that should answer; default: those that any answer names.

    Raises:
        OSError: no server answers.
    """

    async def looks() -> list[Row]:
        before = await seen_replicas(urls, seed, ca_file)
        await asyncio.sleep(_APART_S)
        return compare(before, await seen_replicas(urls, seed, ca_file), servers)

    return asyncio.run(looks())


async def seen_replicas(urls: Sequence[str], seed: str, ca_file: Path | None = None) -> list[Replica]:
    """The replicas of all servers that answer.

    Raises:
        OSError: none does.
    """
    quick_start()
    from nats.errors import Error as NatsError

    from queuebit_runtime.harden import connect

    async def ignore(error: Exception) -> None:
        """Servers that are down are named by the comparison."""

    try:
        client = await connect(
            [*urls],
            nkeys_seed_str=seed,
            inbox_prefix=inbox_of("system").encode(),
            tls=tls_of(ca_file),
            max_reconnect_attempts=2,  # of each server, also at the first connection
            reconnect_time_wait=0.2,
            connect_timeout=_TIMEOUT_S,
            error_cb=ignore,
        )
    except (NatsError, TimeoutError) as error:
        raise OSError(f"no server of {', '.join(urls)} answers: {error or type(error).__name__}") from error
    try:
        inbox = client.new_inbox()
        answers = await client.subscribe(inbox)
        question = json.dumps({"accounts": True, "streams": True, "config": True}).encode()
        await client.publish("$SYS.REQ.SERVER.PING.JSZ", question, reply=inbox)
        found: list[dict[str, Any]] = []  # the form is the server's own
        while True:
            try:
                answer = await answers.next_msg(timeout=_SILENCE_S if found else _TIMEOUT_S)
            except (NatsError, TimeoutError):
                break
            found.append(json.loads(answer.data))
    finally:
        await client.close()
    if not found:
        raise OSError(f"no server of {', '.join(urls)} says what it stores")
    return replicas_in(found)
