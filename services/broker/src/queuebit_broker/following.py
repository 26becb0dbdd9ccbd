"""Waits for events of other brokers before a decision that depends on them."""

from __future__ import annotations

import asyncio

from queuebit_broker.ports import EventLog, Follower
from queuebit_kernel import Unavailable
from queuebit_runtime.stored import Unreadable

__all__ = ["follow"]

_FOLLOW_S = 5.0
"""How long the view may lag behind an event that is known to exist."""


async def follow(log: EventLog, follower: Follower, subject: str) -> int:
    """Wait until the view has the newest fact on a subject or wildcard; return its sequence, 0 if there is none.

    Raises:
        Unavailable: the view did not reach it in time.
    """
    try:
        newest = await log.last(subject)
        sequence = 0 if newest is None else newest.sequence
    except Unreadable as nonsense:  # it counts: a guard must expect it
        sequence = nonsense.sequence
    try:
        async with asyncio.timeout(_FOLLOW_S):
            await follower.reached(sequence)
    except TimeoutError as error:
        raise Unavailable(f"the view of {subject} lags behind its newest fact") from error
    return sequence
