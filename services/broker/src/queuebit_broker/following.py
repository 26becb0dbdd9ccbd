"""Waits for events of other brokers before a decision that depends on them."""

from __future__ import annotations

import asyncio

from queuebit_broker.ports import EventLog, Follower
from queuebit_broker.state import World
from queuebit_contracts import subjects
from queuebit_contracts.job import Signature
from queuebit_kernel import Unavailable
from queuebit_runtime.stored import Unreadable

__all__ = ["follow", "follow_author"]

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


async def follow_author(log: EventLog, follower: Follower, world: World, tenant: str, proof: Signature) -> None:
    """If the key of a signature is unknown, wait for facts about it: another broker may know it.

    Raises:
        Unavailable: the view did not reach them in time.
    """
    if proof.delegation is not None:
        if world.delegations.find(tenant, proof.delegation) is None:
            await follow(log, follower, subjects.delegation(tenant, proof.delegation).everything)
    elif world.directory.user(tenant, proof.key) is None:
        await follow(log, follower, subjects.TENANTS)
