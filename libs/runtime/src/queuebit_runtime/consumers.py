"""Subscribes handlers to consumers that the topology declares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from operator import attrgetter
from types import UnionType
from typing import Annotated, ParamSpec, Union, get_args, get_origin, get_type_hints

from faststream import Depends
from faststream.message import StreamMessage
from faststream.nats import JStream, NatsRouter

from queuebit_contracts.catalog import AnyEvent, decode
from queuebit_contracts.subjects import replay
from queuebit_contracts.topology import Topology, inbox_of, topology
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed, Superseded
from queuebit_runtime.connection import Msg
from queuebit_runtime.delivery import Delivered, delivered
from queuebit_runtime.rounds import InRounds

__all__ = ["Body", "First", "LogSequence", "Redelivered", "StoredAt", "Subject", "subscribes"]

_P = ParamSpec("_P")


# Asynchronous, although they do not wait: FastStream runs plain functions in a thread for each message.


async def _sequence() -> int:
    return delivered().sequence


async def _redelivered() -> bool:
    return delivered().again


async def _first() -> bool:
    return delivered().first


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

First = Annotated[bool, Depends(_first)]
"""Whether the event is known to be the first message of its job; False says nothing."""

StoredAt = Annotated[datetime | None, Depends(_stored_at)]
"""When the log stored the event; unlike the event's own time, it cannot be forged."""

Subject = Annotated[str, Depends(_subject)]
"""The subject of the event; a replayed dead letter keeps it."""

Body = Annotated[bytes, Depends(_body)]
"""The event's exact bytes, for checks of signatures."""

_PARTS: dict[object, Callable[[Delivered], object]] = {
    _sequence: attrgetter("sequence"),
    _redelivered: attrgetter("again"),
    _first: attrgetter("first"),
    _body: attrgetter("body"),
    _subject: attrgetter("subject"),
    _stored_at: attrgetter("stored_at"),
}
"""The same parts of a delivery, without FastStream."""


def subscribes(
    router: NatsRouter, durable: str, *, workers: int, wanted: Topology | None = None
) -> Callable[[Callable[_P, Awaitable[None]]], Callable[_P, Awaitable[None]]]:
    """Subscribe a handler to a consumer of the topology, and to the replay of its dead letters.

    The consumer must exist already; the service refuses to start if it is missing or differs. At most `workers`
    messages are handled concurrently. `wanted` declares the consumer, if the common topology does not.

    A parameter of the handler is the event, or a part of the delivery: `LogSequence`, `Redelivered`, `First`,
    `StoredAt`, `Subject` or `Body`. Events of types that this version does not know are passed over.
    """
    declared = (wanted or topology()).durable[durable]

    def bind(handler: Callable[_P, Awaitable[None]]) -> Callable[_P, Awaitable[None]]:
        kinds, call = _reading(handler)
        decoder = _decoder(kinds) if kinds else None
        from_log = router.subscriber(
            declared.filters[0],
            durable=durable,
            stream=JStream(declared.stream, declare=False),
            pull_sub=InRounds(durable, declared, call, workers=workers),
            inbox_prefix=f"{inbox_of(declared.service)}.".encode(),
            title=durable,
            no_reply=True,  # otherwise a sender's header could name any subject that this service may publish to
            decoder=decoder,
        )
        from_replay = router.subscriber(
            replay(durable), title=f"{durable}-replay", include_in_schema=False, no_reply=True, decoder=decoder
        )
        return from_replay(from_log(handler))

    return bind


def _reading(
    handler: Callable[..., Awaitable[None]],
) -> tuple[tuple[type, ...], Callable[[Delivered], Awaitable[None]]]:
    """The events that a handler takes, none if it takes the body only; and a call of it for a delivery."""
    kinds: tuple[type, ...] = ()
    parts: dict[str, Callable[[Delivered], object]] = {}
    for name, hint in get_type_hints(handler, include_extras=True).items():
        part = _PARTS.get(getattr(next(iter(getattr(hint, "__metadata__", ())), None), "dependency", None))
        if part is not None:
            parts[name] = part
        elif name != "return":
            kinds = _classes(hint)
            parts[name] = _reader(kinds)

    async def call(here: Delivered) -> None:
        await handler(**{name: read(here) for name, read in parts.items()})

    return kinds, call


def _reader(kinds: tuple[type, ...]) -> Callable[[Delivered], AnyEvent]:
    return lambda here: _event(kinds, here.body, here.subject)


def _classes(hint: object) -> tuple[type, ...]:
    if get_origin(hint) is Annotated:
        return _classes(get_args(hint)[0])
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _decoder(kinds: tuple[type, ...]) -> Callable[[StreamMessage[Msg]], Awaitable[AnyEvent]]:
    async def decode_event(message: StreamMessage[Msg]) -> AnyEvent:
        return _event(kinds, message.body, message.raw_message.subject)

    return decode_event


def _event(kinds: tuple[type, ...], body: bytes, subject: str) -> AnyEvent:
    """The event of a message.

    Raises:
        Superseded: this version does not know its type.
        Malformed: it is no event, or of a type that does not belong on the subject.
    """
    event = decode(body, subject)
    if isinstance(event, UnknownEvent):
        raise Superseded(f"this version does not handle a {event.type}")
    if not isinstance(event, kinds):
        raise Malformed(f"{subject} holds a {event.type}, which does not belong there")
    return event
