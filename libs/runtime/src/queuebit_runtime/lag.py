"""Reading again what a replica does not show yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

__all__ = ["LAG_S", "read_past_lag"]

_T = TypeVar("_T")

LAG_S: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses before something is read again: together longer than replicas usually lag."""


async def read_past_lag(read: Callable[[], Awaitable[_T | None]], pauses: Sequence[float] = LAG_S) -> _T | None:
    """Read until there is something to return; None if there is nothing after the last pause either."""
    for pause in pauses:
        if (found := await read()) is not None:
            return found
        await asyncio.sleep(pause)
    return await read()
