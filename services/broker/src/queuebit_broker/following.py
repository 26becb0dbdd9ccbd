"""Seeing what other brokers appended before a decision that depends on it."""

from __future__ import annotations

import asyncio

from queuebit_broker.ports import EventLog, Follower
from queuebit_kernel import Unavailable

__all__ = ["follow"]

_FOLLOW_S = 5.0
"""How long the view may lag behind a fact that is known to exist."""


async def follow(log: EventLog, follower: Follower, subject: str) -> int:
    """Wait until the view has the newest fact on a subject or wildcard; return its sequence, 0 if there is none.

    Raises:
        Unavailable: the view does not get there.
    """
    if (newest := await log.last(subject)) is None:
        return 0
    try:
        async with asyncio.timeout(_FOLLOW_S):
            await follower.reached(newest.sequence)
    except TimeoutError as error:
        raise Unavailable(f"the view of {subject} lags behind its newest fact") from error
    return newest.sequence
