"""Health, backlog and reload of nats-server, over the bus, with the credential `system`; no other user may ask."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from queuebit_contracts.topology import LOG
from queuebit_runtime.server_config import PLATFORM_ACCOUNT
from queuebit_stack.connection import connected_once, quick_start
from queuebit_stack.home import Home
from queuebit_stack.log_mark import Mark, known
from queuebit_stack.probe import Look

__all__ = ["backlog", "connected_keys", "health", "keep_log_mark", "log_mark", "reload"]

_TIMEOUT_S = 2
_MOST_CONNECTIONS = 4096
"""Of the platform's own account, which has some for each process."""

_Reply = dict[str, Any]  # the form is the server's own


def health(seed_file: Path, port: int) -> Look:
    """Ask for its health; errors become part of the answer."""
    try:
        reply = _ask(seed_file, port, "PING.HEALTHZ").get("data", {})
    except OSError as error:
        return Look(reason="does not answer" if isinstance(error, ConnectionRefusedError) else f"no answer: {error}")
    good = reply.get("status_code") == 200
    return Look(True, good, good, 0, "" if good else str(reply.get("error") or reply.get("status") or "is not healthy"))


def connected_keys(seed_file: Path, port: int) -> set[str]:
    """The public keys with which services and operators are logged in now.

    Raises:
        OSError: the server does not answer.
    """
    reply = _ask(seed_file, port, "PING.CONNZ", auth=True, acc=PLATFORM_ACCOUNT, limit=_MOST_CONNECTIONS)
    return {str(it.get("authorized_user")) for it in reply.get("data", {}).get("connections") or ()}


def log_mark(seed_file: Path, port: int) -> Mark | None:
    """The stream `LOG` as it is now; None if there is none.

    Raises:
        OSError: the server does not answer.
    """
    for stream in _streams(_ask(seed_file, port, "PING.JSZ", accounts=True, streams=True)):
        if stream["name"] == LOG:
            return Mark(str(stream["created"]), int(stream["state"]["last_seq"]))
    return None


def keep_log_mark(home: Home, port: int) -> None:
    """Save the last sequence of the log if it grew; errors are ignored, because the next call tries again."""
    with suppress(OSError):
        mark, before = log_mark(home.seed_file("system"), port), known(home)
        if mark is not None and before is not None and mark.created == before.created and mark.last > before.last:
            mark.save(home)


def backlog(seed_file: Path, port: int) -> dict[str, int]:
    """Unsettled messages by consumer, delivered or not; empty while the server does not answer."""
    try:
        streams = _streams(_ask(seed_file, port, "PING.JSZ", accounts=True, streams=True, consumer=True))
    except OSError:
        return {}
    return {
        consumer["name"]: int(consumer.get("num_pending", 0)) + int(consumer.get("num_ack_pending", 0))
        for stream in streams
        for consumer in stream.get("consumer_detail") or ()
    }


def reload(seed_file: Path, port: int) -> str | None:
    """Make the server reload its configuration file; return the reason if it refuses.

    Raises:
        OSError: it does not answer; it will read the file when it starts.
    """
    server = _ask(seed_file, port, "PING.HEALTHZ")["server"]["id"]
    refused = _ask(seed_file, port, f"{server}.RELOAD").get("error")
    return None if refused is None else str(refused.get("description", refused))


def _streams(reply: _Reply) -> list[_Reply]:
    accounts = reply.get("data", {}).get("account_details", ())
    return [stream for account in accounts for stream in account.get("stream_detail") or ()]


def _ask(seed_file: Path, port: int, what: str, **options: bool | int | str) -> _Reply:
    seed = seed_file.read_text(errors="replace").strip()
    return asyncio.run(_asked(seed, port, what, json.dumps(options).encode()))


async def _asked(seed: str, port: int, what: str, question: bytes) -> _Reply:
    quick_start()
    from nats.errors import Error as NatsError

    try:
        client = await connected_once(f"nats://127.0.0.1:{port}", "system", seed, _TIMEOUT_S)
        try:
            message = await client.request(f"$SYS.REQ.SERVER.{what}", question, timeout=_TIMEOUT_S)
        finally:
            await client.close()
        reply: _Reply = json.loads(message.data)
    except (NatsError, ValueError) as error:
        raise OSError(str(error) or type(error).__name__) from error
    return reply
