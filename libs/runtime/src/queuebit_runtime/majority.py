"""Moves a connection to another server of the bus while the streams have no leader at its own one.

A server that is cut off from the others keeps its clients, and answers none of their requests to streams. A client
changes servers only if the connection breaks, so that it has to be broken.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Final

from queuebit_contracts.topology import LOG
from queuebit_runtime.connection import Client, NatsError

__all__ = ["keep_to_majority"]

_logger = logging.getLogger(__name__)

_EVERY_S: Final = 2.0
"""Between two questions."""
_TIMEOUT_S: Final = 4.0
"""How long an answer may take; a server with a majority answers within milliseconds."""
_FAILURES: Final = 3
"""Questions without an answer until the server is left: an election of leaders takes a few seconds."""


async def keep_to_majority(
    client: Client, every_s: float = _EVERY_S, timeout_s: float = _TIMEOUT_S, failures: int = _FAILURES
) -> None:
    """Ask again and again for the leader of the log; runs until it is cancelled.

    What is in flight is retried on the new connection, as after any other break of one.
    """
    failed = 0
    while True:
        await asyncio.sleep(every_s)
        if not client.is_connected:  # it changes servers by itself
            failed = 0
            continue
        failed = 0 if await _is_led(client, timeout_s) else failed + 1
        if failed == failures:
            _logger.warning("the log has no leader at %s: changing to another server", _address(client))
            failed = 0
            await client.force_reconnect()


async def _is_led(client: Client, timeout_s: float) -> bool:
    try:
        reply = await client.request(f"$JS.API.STREAM.INFO.{LOG}", timeout=timeout_s)
        answer = json.loads(reply.data)
    except (NatsError, TimeoutError, ValueError):
        return False
    return "state" in answer and bool((answer.get("cluster") or {}).get("leader", True))


def _address(client: Client) -> str:
    url = client.connected_url
    return url.netloc if url else "its server"
