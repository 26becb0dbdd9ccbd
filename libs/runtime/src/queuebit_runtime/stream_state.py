"""How much a stream holds."""

from __future__ import annotations

import json
from dataclasses import dataclass

from queuebit_contracts.topology import LOG
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Connection, JetStreamError, NatsError

__all__ = ["StreamState", "count_messages", "stream_state"]

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class StreamState:
    """Which messages a stream holds."""

    first: int
    last: int
    messages: int


async def stream_state(connection: Connection, stream: str = LOG) -> StreamState:
    """Return what a stream holds now; raises `Unavailable`."""
    try:
        state = (await connection.client.jetstream(timeout=2).stream_info(stream)).state
    except (NatsError, JetStreamError, TimeoutError) as error:
        raise Unavailable(f"the stream {stream} did not answer: {error!r}") from error
    return StreamState(state.first_seq, state.last_seq, state.messages)


async def count_messages(connection: Connection, subjects: str, stream: str = LOG) -> int:
    """Count the messages of a wildcard; the server answers subject by subject, so many in one reply.

    Raises:
        Unavailable: the server did not answer.
    """
    messages, seen, total = 0, 0, 1
    while seen < total:
        request = json.dumps({"subjects_filter": subjects, "offset": seen}).encode()
        try:
            reply = await connection.client.request(f"$JS.API.STREAM.INFO.{stream}", request, timeout=_TIMEOUT_S)
            answer = json.loads(reply.data)
            page = answer["state"].get("subjects") or {}
        except (NatsError, TimeoutError, ValueError, KeyError) as error:
            raise Unavailable(f"the stream {stream} did not answer: {error!r}") from error
        messages, seen, total = messages + sum(page.values()), seen + len(page), answer.get("total", 0)
        if not page:
            break
    return messages
