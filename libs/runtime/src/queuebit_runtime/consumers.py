"""Subscribes handlers to consumers that the topology declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, ParamSpec

from faststream import Depends
from faststream.nats import JStream, NatsRouter, PullSub

from queuebit_contracts.subjects import replay
from queuebit_contracts.topology import Topology, inbox_of, topology
from queuebit_runtime.delivery import delivered

__all__ = ["Body", "LogSequence", "Redelivered", "StoredAt", "Subject", "subscribes"]

_P = ParamSpec("_P")

_FETCHES = 4
"""Fetch loops of one consumer: with one loop, a saturated machine handled 90 messages a second, each a round trip."""


# Asynchronous, although they do not wait: FastStream runs plain functions in a thread for each message.


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


LogSequence = Annotated[int, Depends(_sequence)]
"""The sequence of the event in the log; a replayed dead letter keeps it."""
# Not `Sequence`: FastStream resolves an annotation among the variables of all callers first, and pytest-xdist has one.

Redelivered = Annotated[bool, Depends(_redelivered)]
"""Whether an earlier delivery may have done part of the work."""

StoredAt = Annotated[datetime | None, Depends(_stored_at)]
"""When the log stored the event; unlike the event's own time, it cannot be forged."""

Subject = Annotated[str, Depends(_subject)]
"""The subject of the event; a replayed dead letter keeps it."""

Body = Annotated[bytes, Depends(_body)]
"""The event's exact bytes, for checks of signatures."""


def subscribes(
    router: NatsRouter, durable: str, *, workers: int, fetches: int = _FETCHES, wanted: Topology | None = None
) -> Callable[[Callable[_P, Awaitable[None]]], Callable[_P, Awaitable[None]]]:
    """Subscribe a handler to a consumer of the topology, and to the replay of its dead letters.

    The consumer must exist already; the service refuses to start if it is missing or differs. `fetches` loops fetch
    messages one by one: an idle bus delivers at once, and on a busy machine the next request is already under way.
    About `workers` messages are handled concurrently. `wanted` declares the consumer, if the common topology does not.
    """
    declared = (wanted or topology()).durable[durable]
    loops = min(fetches, workers)
    from_log = [
        router.subscriber(
            declared.filters[0],
            durable=durable,
            stream=JStream(declared.stream, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=1.0),
            max_workers=-(-workers // loops),
            inbox_prefix=f"{inbox_of(declared.service)}.".encode(),
            title=durable,
            include_in_schema=number == 0,
            no_reply=True,  # otherwise a sender's header could name any subject that this service may publish to
        )
        for number in range(loops)
    ]
    from_replay = router.subscriber(replay(durable), title=f"{durable}-replay", include_in_schema=False, no_reply=True)

    def bind(handler: Callable[_P, Awaitable[None]]) -> Callable[_P, Awaitable[None]]:
        for subscriber in (*from_log, from_replay):
            handler = subscriber(handler)
        return handler

    return bind
