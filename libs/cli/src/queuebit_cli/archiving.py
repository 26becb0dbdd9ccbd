"""Reads the log as the operator, and writes it into an archive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from nats.errors import Error as NatsError

from queuebit_archive import Message, Writer
from queuebit_audit.inspection import following
from queuebit_audit.sources import Bus
from queuebit_contracts.topology import topology
from queuebit_kernel import Unavailable
from queuebit_runtime.delivery import stored_ns
from queuebit_runtime.received import Received
from queuebit_runtime.view import Raw, View
from queuebit_stack.connection import connected_once

__all__ = ["archive_log", "last_sequence"]

_TIMEOUT_S = 5.0


async def archive_log(url: str, seed: str, writer: Writer, *, rest: bool) -> None:
    """Write what the log has now and the archive has not.

    Args:
        url: of the bus.
        seed: of the operator.
        writer: of the archive.
        rest: whether events that do not fill a segment are written, too.

    Raises:
        OtherLog: the log does not continue the archive.
        Damaged: a segment reads back differently.
        Unavailable: the bus does not answer.
        OSError: a file cannot be written.
    """

    def take(raw: Raw) -> Awaitable[None] | None:
        return asyncio.to_thread(writer.write) if writer.take(_message(raw)) else None

    bus = await _connected(url, seed)
    try:
        writer.require(await bus.last_sequence())
        view = View(bus, "operator", topology().operator.view, take, after=writer.after)
        await following(view, view.caught_up.wait())
        if rest:
            await asyncio.to_thread(writer.write)
    finally:
        await bus.client.close()


async def last_sequence(url: str, seed: str) -> int:
    """The last sequence of the log.

    Raises:
        Unavailable: the bus does not answer.
    """
    bus = await _connected(url, seed)
    try:
        return await bus.last_sequence()
    finally:
        await bus.client.close()


async def _connected(url: str, seed: str) -> Bus:
    try:
        return Bus(await connected_once(url, "operator", seed, _TIMEOUT_S))
    except (NatsError, OSError, TimeoutError) as error:
        raise Unavailable(f"nats-server at {url} does not answer: {error!r}") from error


def _message(raw: Raw) -> Message:
    headers = raw.message.block if isinstance(raw.message, Received) else None
    return Message(raw.sequence, stored_ns(raw.message), raw.subject, headers, raw.body)
