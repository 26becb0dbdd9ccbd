"""Requests while faults strike: each is repeated until there is an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from queuebit import QueuebitError, StillRunning, Unreachable

__all__ = ["answer_of"]

T = TypeVar("T")

_PAUSE_S = 0.2


class _Counted(Protocol):
    retries: int


async def answer_of(
    ask: Callable[[], Awaitable[T]], report: _Counted, timeout_s: float, *also: type[QueuebitError]
) -> T:
    """Repeat a request until there is an answer.

    Args:
        ask: the request.
        report: counts requests without an answer.
        timeout_s: how long it is repeated.
        also: what else is no answer yet.
    """
    again: tuple[type[QueuebitError], ...] = (Unreachable, StillRunning, *also)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return await ask()
        except again as error:
            report.retries += isinstance(error, Unreachable)
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_PAUSE_S)
