"""The event log: appends events with guards, and reads history."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import orjson

from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.subjects import Aggregate, subject_of
from queuebit_contracts.topology import LOG
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed, Stale, Unavailable, event_id
from queuebit_runtime.append_metrics import AppendMetrics
from queuebit_runtime.connection import Connection, NatsError
from queuebit_runtime.guards import expecting
from queuebit_runtime.lag import read_past_lag
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.requests import Requests
from queuebit_runtime.server_errors import (
    BATCH_GUARD_FAILED,
    DUPLICATE_IN_BATCH,
    MESSAGE_TOO_LARGE,
    NO_MESSAGE,
    TOO_MANY_BATCHES,
    WRONG_LAST_SEQUENCE,
)
from queuebit_runtime.stored import Message, Stored, Unreadable, event_in, message_of
from queuebit_runtime.trace_context import current_traceparent

__all__ = ["EventLog", "Guarded", "JetStreamLog", "Stored", "Unreadable", "newest_of"]

_TIMEOUT_S = 5.0
_CONFLICTS = (WRONG_LAST_SEQUENCE, BATCH_GUARD_FAILED, DUPLICATE_IN_BATCH)
_BEGIN_S = 1.0
"""How long a batch waits for a place: the server allows fifty open batches for each stream."""
_MOST_SUBJECTS = 1024
"""The most subjects that the server answers at once; it refuses a request that matches more."""
_STEPS_BACK = 8
"""How many messages without a known event are read back before jumping to the first message of the subject."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """An event and the sequence that it expects."""

    event: AnyEvent
    after: int | None = None
    """The expected last sequence under `guard`, 0 for none; None means no guard."""
    guard: str = field(default="")
    """Subject or wildcard of the aggregate for `after`; default: the event's own subject."""


class EventLog(Protocol):
    """The port for reading and writing the log."""

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        """Append one event and return its sequence.

        Raises:
            Stale: the guarded subjects moved past `after`.
            Unavailable: the log did not confirm in time; appending the same event again is safe.
        """
        ...

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        """Append all or nothing, consecutively, and return the last sequence; raises like `append`.

        Guards refer to the log before the batch. At least one event needs a guard, or a repetition is stored again;
        of several events on one subject guarded by that subject, only the first has one.
        """
        ...

    async def last(self, subject: str) -> Stored | None:
        """The newest event on a subject or wildcard; None only if there is none.

        If the newest message breaks its contract or has an unknown type, the result is the newest known event before
        it on its subject, with the sequence of that newest message: guards on it hold, an invalid message cannot undo
        an event, and readers find the same state as a fold over all messages. A subject without a known event gives
        an `UnknownEvent`, if it has any.

        Raises:
            Unreadable: the subject holds messages, and all of them break their contract.
        """
        ...

    async def at(self, sequence: int) -> Stored | None:
        """The event at a sequence of the log; None if there is none.

        Raises:
            Malformed: the message breaks its contract.
        """
        ...

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        """The newest event of each subject of an aggregate, in order of sequence; each is found as `last` finds it.

        Args:
            aggregate: the aggregate to read.
            reaching: a known sequence of the aggregate. Replicas may lag: a history that ends before it is
                incomplete.

        Raises:
            Unavailable: no replica returned a history up to `reaching`.
        """
        ...

    async def first(self, aggregate: Aggregate) -> int:
        """The sequence of the first message of an aggregate, readable or not; 0 if there is none."""
        ...


class _NoFurtherBatch(Unavailable):
    """The server's limit of open batches is reached."""


class JetStreamLog:
    """The log on NATS JetStream.

    Single events are read from the stream's leader, because only the leader knows that an event is missing. Histories
    are read from any replica, in one request.
    """

    def __init__(self, connection: Connection, metrics: Metrics | None = None) -> None:
        """Read and write over a connection; appends are counted in `metrics`, for a process that shows them."""
        self._connection = connection
        self._metrics = AppendMetrics(metrics or Metrics(""))
        self._requests = Requests(connection, _TIMEOUT_S)

    async def append(self, event: AnyEvent, *, after: int | None = None, guard: str = "") -> int:
        with self._metrics.appending((event,)):
            return await self._append(event, after, guard)

    async def _append(self, event: AnyEvent, after: int | None, guard: str) -> int:
        subject, headers = subject_of(event), _headers(Guarded(event, after, guard))
        if after is None:  # a guard detects repetitions; with a guessable message id an attacker could block the event
            headers["Nats-Msg-Id"] = event.id
        try:
            return int((await self._publish(subject, event.to_bytes(), headers))["seq"])
        except Stale:
            # An earlier attempt with a lost confirmation looks like a conflict with itself.
            newest = await self.last(subject)
            if newest is None or isinstance(newest.event, UnknownEvent) or newest.event.id != event.id:
                raise
            return newest.sequence

    async def append_all(self, facts: Sequence[Guarded]) -> int:
        if not facts:
            raise ValueError("an atomic batch needs at least one event")
        with self._metrics.appending(it.event for it in facts):
            return await self._append_all(facts)

    async def _append_all(self, facts: Sequence[Guarded]) -> int:
        batch = event_id()
        for number, fact in enumerate(facts[:-1], start=1):
            headers = {**_headers(fact), "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            if number == 1:  # the first has an answer: it shows whether the batch may begin
                await self._begin(subject_of(fact.event), fact.event.to_bytes(), headers)
            else:
                await self._send(subject_of(fact.event), fact.event.to_bytes(), headers)
        last = {
            **_headers(facts[-1]),
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(len(facts)),
            "Nats-Batch-Commit": "1",
        }
        return int((await self._publish(subject_of(facts[-1].event), facts[-1].event.to_bytes(), last))["seq"])

    async def last(self, subject: str) -> Stored | None:
        newest = await self._one({"last_by_subj": subject})
        return None if newest is None else await self._readable(newest)

    async def at(self, sequence: int) -> Stored | None:
        message = await self._one({"seq": sequence})
        return None if message is None else event_in(message)

    async def history(self, aggregate: Aggregate, *, reaching: int = 0) -> list[Stored]:
        async def reaches() -> list[Message] | None:
            found = await newest_of(self._requests, [aggregate.everything])
            return found if max((it.sequence for it in found), default=0) >= reaching else None

        if (messages := await read_past_lag(reaches)) is not None:
            return [await self._readable(it) for it in messages]
        raise Unavailable(f"{aggregate.prefix}: the log cannot be read up to sequence {reaching} yet")

    async def first(self, aggregate: Aggregate) -> int:
        message = await self._one({"seq": 1, "next_by_subj": aggregate.everything})
        return 0 if message is None else message.sequence

    async def _readable(self, newest: Message) -> Stored:
        """The known event of a message, or the newest before it on its subject, with the sequence of the message.

        The first event of a subject stays readable, for any number of later messages.

        Raises:
            Unreadable: the subject has no readable message.
        """
        place, why = newest.sequence, ""
        unknown: Stored | None = None
        async for message in self._back_from(newest):
            try:
                found = replace(event_in(message), sequence=place)
            except Malformed as error:
                why = why or str(error)
                continue
            if not isinstance(found.event, UnknownEvent):
                return found
            unknown = unknown or found
        if unknown is None:
            raise Unreadable(why, place)
        return unknown

    async def _back_from(self, newest: Message) -> AsyncIterator[Message]:
        """A message, some earlier ones on its subject, newest first, then the first one."""
        message = newest
        for _ in range(_STEPS_BACK):
            yield message
            earlier = await newest_of(self._requests, [newest.subject], upto=message.sequence - 1)
            if not earlier:
                return
            message = earlier[0]
        first = await self._one({"seq": 1, "next_by_subj": newest.subject})
        if first is not None:
            yield first

    async def _one(self, wanted: dict[str, object]) -> Message | None:
        """One message, from the leader."""
        reply = await self._requests.ask(f"$JS.API.STREAM.MSG.GET.{LOG}", json.dumps(wanted).encode())
        answer: dict[str, Any] = orjson.loads(reply.data)  # a message or an error, in the server's form
        if (error := answer.get("error")) is None:
            found = answer["message"]
            moment = datetime.fromisoformat(found["time"])
            return Message(found["subject"], found["seq"], moment, base64.b64decode(found.get("data", "")))
        if error.get("err_code") == NO_MESSAGE:
            return None
        raise Unavailable(f"the log could not be read: {error.get('description')} ({error.get('err_code')})")

    async def _begin(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """Open a batch; retries quickly, to take a place as soon as another batch ends."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _BEGIN_S
        while True:
            try:
                await self._publish(subject, body, headers)
            except _NoFurtherBatch:
                if loop.time() > until:
                    raise
                await asyncio.sleep(0.01)
            else:
                return

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:  # a PubAck
        reply = await self._requests.ask(subject, body, headers)
        if not reply.data:
            return {"seq": 0}
        answer: dict[str, Any] = orjson.loads(reply.data)  # a PubAck or an error, in the server's form
        if (error := answer.get("error")) is None:
            return answer
        if error.get("err_code") in _CONFLICTS:
            raise Stale(f"{subject}: {error.get('description')}")
        if error.get("err_code") == MESSAGE_TOO_LARGE:
            raise Malformed(f"{subject}: an event of {len(body):,} bytes is larger than the log allows")
        fault = _NoFurtherBatch if error.get("err_code") == TOO_MANY_BATCHES else Unavailable
        raise fault(f"{subject} was not stored: {error.get('description')} ({error.get('err_code')})")

    async def _send(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            await self._connection.client.publish(subject, body, headers=headers)
        except NatsError as error:
            raise Unavailable(f"{subject}: {error!r}") from error


async def newest_of(requests: Requests, patterns: Sequence[str], *, upto: int | None = None) -> list[Message]:
    """The newest message of each subject under some patterns, up to a sequence, from some replica, in order.

    Raises:
        Unavailable: no replica answered, or more than 1,024 subjects have messages.
    """
    request: dict[str, object] = {"multi_last": [*patterns], "batch": _MOST_SUBJECTS}
    if upto is not None:
        request["up_to_seq"] = upto
    return [message_of(it) for it in await requests.ask_all(f"$JS.API.DIRECT.GET.{LOG}", json.dumps(request).encode())]


def _headers(fact: Guarded) -> dict[str, str]:
    headers: dict[str, str] = {}
    if traceparent := fact.event.traceparent or current_traceparent():
        headers["traceparent"] = traceparent
    if fact.after is not None:
        headers |= expecting(fact.after, fact.guard)
    return headers
