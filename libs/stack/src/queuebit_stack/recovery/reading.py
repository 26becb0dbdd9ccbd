"""Finds unreadable messages of the log: it begins at 1 and deletes nothing, so a gap in its sequences is damage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client
from nats.errors import Error as NatsError

from queuebit_contracts.topology import LOG, topology
from queuebit_kernel import Unavailable
from queuebit_runtime.rows import Row, row_of
from queuebit_runtime.view import Raw, View
from queuebit_stack.connection import connected_once

__all__ = ["Reading", "read_log"]

_STANDSTILL_S = 10.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The end of the log, and the unreadable sequences."""

    last: int
    missing: tuple[int, ...]
    newest: Row | None
    """The last message that can be read."""


@dataclass(frozen=True, slots=True)
class _Bus:
    client: Client


async def read_log(url: str, seed: str) -> Reading:
    """Read the whole log once, as the operator.

    Raises:
        Unavailable: the server does not answer, or stops sending.
    """
    missing: list[int] = []
    next_up = 1

    def count(raw: Raw) -> None:
        nonlocal next_up
        missing.extend(range(next_up, raw.sequence))
        next_up = raw.sequence + 1

    async with _operator(url, seed) as bus:
        view = View(bus, "operator", topology().operator.view, count, bodies=False)
        following = asyncio.get_running_loop().create_task(view.run())
        try:
            await _caught_up(view)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        newest = await _row(bus.client, next_up - 1) if next_up > 1 else None
    missing.extend(range(next_up, view.end + 1))
    return Reading(max(view.end, next_up - 1), tuple(missing), newest)


async def _caught_up(view: View) -> None:
    while not view.caught_up.is_set():
        before = view.position
        try:
            async with asyncio.timeout(_STANDSTILL_S):
                await view.caught_up.wait()
        except TimeoutError:
            if view.position == before:
                why = view.trouble or "nats-server sends nothing"
                raise Unavailable(f"LOG cannot be read beyond sequence {before}: {why}") from None


async def _row(client: Client, sequence: int) -> Row | None:
    try:
        message = await client.request(f"$JS.API.DIRECT.GET.{LOG}", json.dumps({"seq": sequence}).encode(), timeout=5)
    except (NatsError, OSError, TimeoutError) as error:
        raise Unavailable(f"LOG cannot be read at sequence {sequence}: {error!r}") from error
    headers = message.headers or {}
    if "Nats-Subject" not in headers:
        return None
    return row_of(headers["Nats-Subject"], message.data, sequence, datetime.fromisoformat(headers["Nats-Time-Stamp"]))


@asynccontextmanager
async def _operator(url: str, seed: str) -> AsyncIterator[_Bus]:
    try:
        client = await connected_once(url, "operator", seed, 5)
    except (NatsError, OSError, TimeoutError) as error:
        raise Unavailable(f"nats-server at {url} does not answer: {error!r}") from error
    try:
        yield _Bus(client)
    finally:
        await client.close()
