"""Reads the log as the operator, and writes it into an archive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from queuebit_archive import Message, Writer
from queuebit_audit.inspection import following, operator_bus
from queuebit_contracts.topology import topology
from queuebit_runtime.delivery import stored_ns
from queuebit_runtime.received import Received
from queuebit_runtime.view import Raw, View

__all__ = ["archive_log", "last_sequence"]


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

    async with operator_bus(url, seed) as bus:
        writer.require(await bus.last_sequence())
        view = View(bus, "operator", topology().operator.view, take, after=writer.after)
        await following(view, view.caught_up.wait())
    if rest:
        await asyncio.to_thread(writer.write)


async def last_sequence(url: str, seed: str) -> int:
    """The last sequence of the log.

    Raises:
        Unavailable: the bus does not answer.
    """
    async with operator_bus(url, seed) as bus:
        return await bus.last_sequence()


def _message(raw: Raw) -> Message:
    headers = raw.message.block if isinstance(raw.message, Received) else None
    return Message(raw.sequence, stored_ns(raw.message), raw.subject, headers, raw.body)
