"""Requests of one connection: their replies share one subscription, and their timeouts one timer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Client, Connection, NatsError
from queuebit_runtime.harden import listen
from queuebit_runtime.received import Received

__all__ = ["NoService", "Requests", "Unanswered"]

_END, _NOTHING = "204", "404"
"""How the server ends several replies, or says that there is none."""


class Unanswered(Unavailable):
    """A request had no reply in time."""


class NoService(Unanswered):
    """Nothing receives requests on a subject."""


@dataclass(slots=True)
class _Open:
    """A request that is not answered yet."""

    subject: str
    within_s: float
    until: float
    several: bool
    answered: asyncio.Future[list[Received]]
    replies: list[Received] = field(default_factory=list)

    def misses(self, reply: Received) -> bool:
        """Whether a message before this reply was lost: the server says which it sent last."""
        last = (self.replies[-1].headers or {}).get("Nats-Sequence") if self.replies else "0"
        return (reply.headers or {}).get("Nats-Last-Sequence") != last


class Requests:
    """Sends requests and returns the replies.

    Both ways to ask raise `Unavailable`: the server refused, or the connection is closed; `Unanswered`: there was no
    reply in time, for example because the connection was lost; and `NoService`.
    """

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._listening: Client | None = None
        self._subscribing = asyncio.Lock()
        self._inbox = ""
        self._asked = 0
        self._open: dict[str, _Open] = {}
        self._look_at = math.inf
        """When the timer looks for requests whose time is over."""

    async def ask(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, timeout_s: float | None = None
    ) -> Received:
        """Return the first reply."""
        return (await self._ask(subject, body, headers, timeout_s, several=False))[0]

    async def ask_all(self, subject: str, body: bytes) -> list[Received]:
        """Return every message of a batch that is read from a stream, in order, when the server has sent the last.

        Between two servers one message can be lost and the next arrive: then it raises `Unavailable`. An end of a job
        that is missing from its history would be an end that did not happen.
        """
        return await self._ask(subject, body, None, None, several=True)

    def refuse(self, subject: str, error: Callable[[str], Exception]) -> None:
        """End the open requests on a subject, compared without case, with an error."""
        for it in self._open.values():
            if it.subject.lower() == subject.lower() and not it.answered.done():
                it.answered.set_exception(error(it.subject))

    async def _ask(
        self, subject: str, body: bytes, headers: Mapping[str, str] | None, timeout_s: float | None, *, several: bool
    ) -> list[Received]:
        client, loop = self._connection.client, asyncio.get_running_loop()
        within_s = self._timeout_s if timeout_s is None else timeout_s
        until = loop.time() + within_s
        self._asked += 1
        number = str(self._asked)
        it = self._open[number] = _Open(subject, within_s, until, several, loop.create_future())
        if until < self._look_at:
            self._look_at = until
            loop.call_at(until, self._look, until)
        try:
            if self._listening is not client:
                await self._listen(client)
            await client.publish(
                subject, body, reply=f"{self._inbox}.{number}", headers=dict(headers) if headers else None
            )
            return await it.answered
        except NatsError as error:
            raise Unavailable(f"{subject}: {error!r}") from error
        finally:
            del self._open[number]

    async def _listen(self, client: Client) -> None:
        async with self._subscribing:
            if self._listening is not client:
                self._inbox = client.new_inbox()
                await listen(client, f"{self._inbox}.*", self._on_reply)
                self._listening = client

    def _on_reply(self, reply: Received) -> None:
        it = self._open.get(reply.subject.rpartition(".")[2])
        if it is None or it.answered.done():  # a late answer
            return
        status = reply.status
        if status == "503":
            it.answered.set_exception(NoService(f"nothing answers {it.subject}"))
        elif not it.several:
            it.answered.set_result([reply])
        elif status in (None, _END) and it.misses(reply):
            it.answered.set_exception(Unavailable(f"{it.subject}: a message of the answer was lost"))
        elif status is None:
            it.replies.append(reply)
        elif status in (_END, _NOTHING):
            it.answered.set_result(it.replies)
        else:
            why = f"{it.subject}: {status} {(reply.headers or {}).get('Description', '')}"
            it.answered.set_exception(Unavailable(why))

    def _look(self, at: float) -> None:
        """End requests whose time is over; look again when that of the next one will be."""
        if at != self._look_at:  # an earlier look was needed meanwhile
            return
        left = [it for it in self._open.values() if not it.answered.done()]
        for it in left:
            if it.until <= at:
                it.answered.set_exception(Unanswered(f"{it.subject} did not answer within {it.within_s:g} s"))
        self._look_at = min((it.until for it in left if it.until > at), default=math.inf)
        if self._look_at < math.inf:
            loop = asyncio.get_running_loop()
            loop.call_at(self._look_at, self._look, self._look_at)
