"""Waits until a job has come as far as a client wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request

from queuebit.records import ENDS
from queuebit.transport import Message, Transport
from queuebit_contracts.subjects import job, parse, stored
from queuebit_gateway.platform import History, Platform
from queuebit_gateway.problems import Problem

__all__ = ["UNTIL", "Signals", "signals_of", "target_of", "wait_for"]

UNTIL: Final[Mapping[str, Collection[str]]] = {
    "completed": ENDS,
    "metered": ("metered",),
    "settled": ("metered",),
    "sealed": ("sealed",),
}
"""What a client may wait for, with the events that bring it; `completed` is any end, `settled` a bill that is paid."""

_LOOK_S = 2.0
"""How often the log is read in a wait: a live message can be lost."""
_SETTLING_S = 0.1


class Signals:
    """The names of a job's events that arrived since the wait began."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._changed = asyncio.Event()

    def take(self, message: Message) -> None:
        """Note a live event."""
        self.names.add(parse(message.subject).event)
        self._changed.set()

    async def any_of(self, names: Collection[str], until: float) -> None:
        """Wait for one of the events, or for a time of the loop's clock."""
        try:
            async with asyncio.timeout_at(until):
                while self.names.isdisjoint(names):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def signals_of(transport: Transport, tenant: str, job_id: str) -> AsyncIterator[Signals]:
    """Receive the live events of a job; begins before anything that follows on the connection."""
    signals = Signals()
    stop = await transport.follow([stored(job(tenant, job_id).everything)], signals.take, lambda: None)
    try:
        yield signals
    finally:
        await stop()


def target_of(request: Request) -> str:
    """What the request wants to wait for."""
    target = request.query_params.get("until", "completed")
    if target not in UNTIL:
        raise Problem(422, "bad_until", f"until is one of {', '.join(UNTIL)}")
    return target


async def wait_for(
    platform: Platform, tenant: str, job_id: str, target: str, seconds: float, signals: Signals, *, new: bool = False
) -> tuple[History, bool]:
    """The history when the target is reached or the time is up, and whether it is reached.

    Of a `new` job the signals miss nothing, so that its log is not read before there is news.
    """
    loop = asyncio.get_running_loop()
    until, pause = loop.time() + seconds, _LOOK_S if new else 0.0
    while True:
        await signals.any_of(UNTIL[target], min(until, loop.time() + pause))
        history = await platform.history(tenant, job_id)
        if history.has(UNTIL[target]):
            if target != "settled" or await platform.is_settled(tenant, history):
                return history, True
            await asyncio.sleep(_SETTLING_S)
        if loop.time() >= until:
            return history, False
        pause = _LOOK_S
