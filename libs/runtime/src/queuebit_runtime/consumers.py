"""Subscribing a handler to a duty that the topology declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, ParamSpec

from faststream import Depends
from faststream.nats import JStream, NatsRouter, PullSub

from queuebit_contracts.topology import inbox_of, topology
from queuebit_runtime.delivery import delivered

__all__ = ["Body", "Redelivered", "Sequence", "StoredAt", "Subject", "subscribes"]

_P = ParamSpec("_P")

_FETCHES = 4
"""Loops that fetch for one duty: with one, a saturated machine handled 90 messages a second, each a round trip."""


# Asynchronous, though they wait for nothing: a plain function would be sent to a thread for each message.


async def _sequence() -> int:
    return delivered().sequence


async def _redelivered() -> bool:
    return delivered().again


async def _body() -> bytes:
    return delivered().body


async def _subject() -> str:
    return delivered().subject


async def _stored_at() -> datetime | None:
    return delivered().stored_at


Sequence = Annotated[int, Depends(_sequence)]
"""Where the event lies in the log; a replayed dead letter keeps its place."""

Redelivered = Annotated[bool, Depends(_redelivered)]
"""Whether an earlier delivery may have done part of the work."""

StoredAt = Annotated[datetime | None, Depends(_stored_at)]
"""When the log stored the event: unlike its own time, nobody's claim."""

Subject = Annotated[str, Depends(_subject)]
"""Where the event was published; a replayed dead letter keeps its address."""

Body = Annotated[bytes, Depends(_body)]
"""The event's exact bytes, for whoever must check a signature."""


def subscribes(
    router: NatsRouter, durable: str, *, workers: int, fetches: int = _FETCHES
) -> Callable[[Callable[_P, Awaitable[None]]], Callable[_P, Awaitable[None]]]:
    """Give a handler to a durable of the topology, and to the replay of its dead letters.

    The durable exists already; one that is missing or differs makes the service refuse to start. Messages are fetched
    one by one, which answers at once on an idle bus, by `fetches` loops, so that on a busy machine the next is asked
    for while another is on its way; about `workers` are handled side by side.
    """
    duty = topology().durable[durable]
    loops = min(fetches, workers)
    from_log = [
        router.subscriber(
            duty.filters[0],
            durable=durable,
            stream=JStream(duty.stream, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=1.0),
            max_workers=-(-workers // loops),
            inbox_prefix=f"{inbox_of(duty.service)}.".encode(),
            title=durable,
            include_in_schema=number == 0,
            no_reply=True,  # a header of the sender's could otherwise name any subject that this service may publish to
        )
        for number in range(loops)
    ]
    from_replay = router.subscriber(
        f"qb.replay.{durable}", title=f"{durable}-replay", include_in_schema=False, no_reply=True
    )

    def bind(handler: Callable[_P, Awaitable[None]]) -> Callable[_P, Awaitable[None]]:
        for subscriber in (*from_log, from_replay):
            handler = subscriber(handler)
        return handler

    return bind
