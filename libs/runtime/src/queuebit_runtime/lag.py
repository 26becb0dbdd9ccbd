"""Repeats reads that a lagging replica cannot answer yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

__all__ = ["LAG_S", "read_past_lag"]

_T = TypeVar("_T")

LAG_S: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses between reads: together longer than replicas usually lag."""


async def read_past_lag(read: Callable[[], Awaitable[_T | None]], pauses: Sequence[float] = LAG_S) -> _T | None:
    """Read until there is a value; None if there is still none after the last pause."""
    for pause in pauses:
        if (found := await read()) is not None:
            return found
        await asyncio.sleep(pause)
    return await read()
