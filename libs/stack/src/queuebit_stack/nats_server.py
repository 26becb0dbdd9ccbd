"""What nats-server says of itself: over the bus, to the keeper's own credential, and to nobody else."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from queuebit_contracts.topology import LOG
from queuebit_stack.connection import connected_once, quick_start
from queuebit_stack.home import Home
from queuebit_stack.log_mark import Mark, known
from queuebit_stack.probe import Look

__all__ = ["backlog", "health", "keep_log_mark", "log_mark", "reload"]

_PATIENCE_S = 2

_Told = dict[str, Any]  # as the server words it


def health(seed_file: Path, port: int) -> Look:
    """How it is; whatever goes wrong is part of the answer."""
    try:
        told = _ask(seed_file, port, "PING.HEALTHZ").get("data", {})
    except OSError as error:
        return Look(reason="does not answer" if isinstance(error, ConnectionRefusedError) else f"no answer: {error}")
    good = told.get("status_code") == 200
    return Look(True, good, good, 0, "" if good else str(told.get("error") or told.get("status") or "is not well"))


def log_mark(seed_file: Path, port: int) -> Mark | None:
    """The stream `LOG` as it is now; nothing where there is none.

    Raises:
        OSError: the server does not answer.
    """
    for stream in _streams(_ask(seed_file, port, "PING.JSZ", accounts=True, streams=True)):
        if stream["name"] == LOG:
            return Mark(str(stream["created"]), int(stream["state"]["last_seq"]))
    return None


def keep_log_mark(home: Home, port: int) -> None:
    """Write down how far the log goes, if it went on; what cannot be asked or written now will be the next time."""
    with suppress(OSError):
        mark, before = log_mark(home.seed_file("system"), port), known(home)
        if mark is not None and before is not None and mark.created == before.created and mark.last > before.last:
            mark.save(home)


def backlog(seed_file: Path, port: int) -> dict[str, int]:
    """By consumer: messages that are not settled, delivered or not; nothing while the server does not answer."""
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
    """Have it go by its configuration file as that is now; say why it does not, if it does not.

    Raises:
        OSError: it does not answer; it will read the file when it starts.
    """
    server = _ask(seed_file, port, "PING.HEALTHZ")["server"]["id"]
    refused = _ask(seed_file, port, f"{server}.RELOAD").get("error")
    return None if refused is None else str(refused.get("description", refused))


def _streams(told: _Told) -> list[_Told]:
    accounts = told.get("data", {}).get("account_details", ())
    return [stream for account in accounts for stream in account.get("stream_detail") or ()]


def _ask(seed_file: Path, port: int, what: str, **options: bool) -> _Told:
    seed = seed_file.read_text(errors="replace").strip()
    return asyncio.run(_asked(seed, port, what, json.dumps(options).encode()))


async def _asked(seed: str, port: int, what: str, question: bytes) -> _Told:
    quick_start()
    from nats.errors import Error as NatsError

    try:
        client = await connected_once(f"nats://127.0.0.1:{port}", "system", seed, _PATIENCE_S)
        try:
            reply = await client.request(f"$SYS.REQ.SERVER.{what}", question, timeout=_PATIENCE_S)
        finally:
            await client.close()
        told: _Told = json.loads(reply.data)
    except (NatsError, ValueError) as error:
        raise OSError(str(error) or type(error).__name__) from error
    return told
