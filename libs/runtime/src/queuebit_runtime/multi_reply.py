"""Requests that the server answers with several messages."""

from __future__ import annotations

import asyncio

from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Client, Connection, Msg, NatsError

__all__ = ["MultiReply"]


class MultiReply:
    """Sends a request, and collects replies until the server sends the last.

    All requests share one subscription: a subscription costs the server more than the answer.
    """

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._listening: Client | None = None
        self._opening = asyncio.Lock()
        self._inbox = ""
        self._asked = 0
        self._open: dict[str, tuple[list[Msg], asyncio.Future[None]]] = {}

    async def ask(self, subject: str, body: bytes) -> list[Msg]:
        """Return every reply, in order.

        Raises:
            Unavailable: the server refused, or did not finish in time.
        """
        client = await self._listen()
        self._asked += 1
        number = str(self._asked)
        replies: list[Msg] = []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open[number] = (replies, done)
        try:
            await client.publish(subject, body, reply=f"{self._inbox}.{number}")
            async with asyncio.timeout(self._timeout_s):
                await done
        except TimeoutError as error:
            raise Unavailable(f"{subject} did not answer within {self._timeout_s:g} s") from error
        except NatsError as error:
            raise Unavailable(f"{subject}: {error!r}") from error
        finally:
            del self._open[number]
        return replies

    async def _listen(self) -> Client:
        client = self._connection.client
        async with self._opening:
            if self._listening is not client:
                self._inbox = client.new_inbox()
                await client.subscribe(f"{self._inbox}.*", cb=self._on_reply)
                self._listening = client
        return client

    async def _on_reply(self, reply: Msg) -> None:
        replies, done = self._open.get(reply.subject.rpartition(".")[2], ([], None))
        if done is None or done.done():  # a late answer
            return
        status = (reply.headers or {}).get("Status")
        if status is None:
            replies.append(reply)
        elif status in ("204", "404"):
            done.set_result(None)
        else:
            done.set_exception(Unavailable(f"{status} {(reply.headers or {}).get('Description', '')}"))
