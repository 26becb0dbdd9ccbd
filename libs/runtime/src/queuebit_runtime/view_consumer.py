"""The consumer of a view: made under the first free name, and asked for messages.

It has one of a few names, so that permissions can be exact and several processes of one service can read concurrently.
It is ephemeral: the server removes it when the process is gone. With many messages to read it has one filter for all
subjects, and the view takes its own among them: that is thirty times cheaper for the server. Whether they are many is
counted with one filter after the other: for several at once the server compares them with every subject of the stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from queuebit_contracts.patterns import Patterns
from queuebit_contracts.topology import view_consumers
from queuebit_kernel import Unavailable, event_id
from queuebit_runtime.connection import Connection
from queuebit_runtime.requests import Requests
from queuebit_runtime.server_errors import CONSUMER_EXISTS

__all__ = ["ViewConsumer"]

_BATCH: Final = 500
"""The most messages that the server may have under way."""

_NEXT: Final = {"expires": 30_000_000_000, "idle_heartbeat": 1_000_000_000}

_FAR: Final = 2_000
"""Messages of its own to the end of the stream from which on several filters become one. For one the server finds the
next message in 4 us, for several in 130 us: it compares them with every subject in a file of the stream."""


class ViewConsumer:
    """Created whenever a view starts, and left when it stops."""

    def __init__(
        self, connection: Connection, view: str, stream: str, filters: Sequence[str], *, bodies: bool, every_s: float
    ) -> None:
        self._connection = connection
        self._requests = Requests(connection, timeout_s=5)
        self._view = view
        self._stream = stream
        self._filters = Patterns(filters)
        self._bodies = bodies
        self._every_s = every_s
        self._left = 0
        """Messages that the server may still send for the requests so far."""
        self._drained = True
        """Whether the server had no more at the end of the last request."""
        self.name = ""
        self.end = 0
        """The last sequence of the stream before it was made."""
        self.far = False
        """Whether it delivers all subjects: once the view is at `end`, another one is to follow."""

    async def create(self, first: int) -> int:
        """Create it from a sequence on, and return how many messages are pending.

        Two processes cannot take the same name: they never request the same consumer.
        """
        self.end = int((await self._call(f"$JS.API.STREAM.INFO.{self._stream}", {}))["state"]["last_seq"])
        self.far = len(self._filters.each) > 1 and self.end - first + 1 >= _FAR and await self._has_much(first)
        return await self._made(first, [self._filters.all] if self.far else self._filters.each)

    async def ask(self, inbox: str, pending: int) -> None:
        """Ask for messages, if it is time; `pending` are those that the consumer is known to have.

        A view that reads at once asks before the server has sent all. A view that reads every so often asks for what
        waits, and for one message when nothing waits.
        """
        if not self._every_s or pending >= _BATCH:
            if self._left < _BATCH // 2:
                await self._send(inbox, {"batch": _BATCH - self._left, **_NEXT})
                self._left = _BATCH
        elif self._left <= 0 and self._drained:
            await self._send(inbox, {"batch": 1, **_NEXT})
            self._left = 1
        elif self._left <= 0:
            await asyncio.sleep(self._every_s)
            await self._send(inbox, {"batch": _BATCH, "no_wait": True})
            self._left = _BATCH

    def takes(self, subject: str) -> bool:
        """Whether a message that it delivered is one of the view's."""
        return not self.far or self._filters.cover(subject)

    def sent(self) -> None:
        """The server has sent a message."""
        self._left -= 1
        self._drained = False

    def ended(self, status: str) -> bool:
        """Whether a status ends a request; its remaining messages are lost, or there are none."""
        if status not in ("404", "408"):
            return False
        self._left, self._drained = 0, status == "404"
        return True

    async def leave(self) -> None:
        """Release the name at once; otherwise the server does so later."""
        if self.name:
            client, subject = self._connection.client, f"$JS.API.CONSUMER.DELETE.{self._stream}.{self.name}"
            await client.publish(subject, b"", reply=client.new_inbox())
            self.name = ""

    async def _has_much(self, first: int) -> bool:
        """Count what it has to read, filter by filter, until that is much."""
        pending = 0
        for it in self._filters.each:
            pending += await self._made(first, [it])
            await self._call(f"$JS.API.CONSUMER.DELETE.{self._stream}.{self.name}", {})
            self.name = ""
            if pending >= _FAR:
                return True
        return False

    async def _made(self, first: int, filters: list[str]) -> int:
        """Create it with some filters, and return how many messages are pending."""
        config = {
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": first,
            "ack_policy": "none",
            "replay_policy": "instant",
            "filter_subjects": filters,
            "mem_storage": True,
            "headers_only": not self._bodies,
            "inactive_threshold": 30_000_000_000,
            "metadata": {"made_by": event_id()},
        }
        for name in view_consumers(self._view):
            request = {"stream_name": self._stream, "config": {**config, "name": name}, "action": "create"}
            if answer := await self._call(f"$JS.API.CONSUMER.CREATE.{self._stream}.{name}", request):
                self.name, self._left, self._drained = name, 0, True
                return int(answer["num_pending"])
        raise Unavailable(f"too many processes follow {self._stream} as {self._view}: end some, or wait half a minute")

    async def _send(self, inbox: str, request: Mapping[str, object]) -> None:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self.name}"
        await self._connection.client.publish(subject, json.dumps(request).encode(), reply=inbox)

    async def _call(self, subject: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Send a request to JetStream; the answer is in its form, and empty if the consumer's name is taken."""
        reply = await self._requests.ask(subject, json.dumps(request).encode())
        answer: dict[str, Any] = json.loads(reply.data)
        if not (error := answer.get("error", {})):
            return answer
        if error.get("err_code") == CONSUMER_EXISTS:
            return {}
        raise Unavailable(f"{subject}: {error.get('description')}")
