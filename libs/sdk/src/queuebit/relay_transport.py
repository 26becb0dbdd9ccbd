"""The transport inside of a hybrid job: a Unix socket to the service, which relays what the job may send.

The socket carries frames of the runtime. The client sends `{"id", "do": "request", "subject", "timeout"}` with the
body, `{"id", "do": "follow", "subjects"}` and `{"id", "do": "unfollow", "follow": id}`; each has one answer `{"id"}`,
with the body, or with `error` (`refused`, `unanswered` or `unreachable`), `code` and `text`. A followed message is
`{"follow": id, "subject", "headers"}`, and `{"follow": id, "gap": true}` says that some may be lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from queuebit.errors import QueuebitError, Reason, Refused, Unanswered, Unreachable
from queuebit.transport import Message, OnGap, OnMessage, Reply, Unsubscribe
from queuebit_runtime.frames import Broken, Frame, pack, read_frame

__all__ = ["RelayTransport"]

_GRACE_S = 5.0
"""How much longer than the request itself its answer may take."""


class RelayTransport:
    """Connects when first used."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Frame]] = {}
        self._follows: dict[int, tuple[OnMessage, OnGap]] = {}
        self._connecting = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        del headers  # the intake guards what is written, whatever a client says
        head = {"do": "request", "subject": subject, "timeout": timeout}
        answer, content = await self._ask(next(self._numbers), head, body, timeout + _GRACE_S)
        return Reply(content, answer.get("headers") or {})

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        number = next(self._numbers)
        self._follows[number] = on_message, on_gap
        try:
            await self._ask(number, {"do": "follow", "subjects": [*subjects]}, b"", _GRACE_S)
        except BaseException:
            del self._follows[number]
            raise

        async def end() -> None:
            if self._follows.pop(number, None) is not None:
                with suppress(Unreachable):  # the relay has ended, and its subscriptions with it
                    await self._ask(next(self._numbers), {"do": "unfollow", "follow": number}, b"", _GRACE_S)

        return end

    async def close(self) -> None:
        if self._reading is not None and self._writer is not None:
            self._reading.cancel()
            self._writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await self._reading

    async def _ask(self, number: int, head: dict[str, Any], body: bytes, within_s: float) -> Frame:
        writer = await self._connected()
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            writer.write(pack({"id": number, **head}, body))
            await writer.drain()
            async with asyncio.timeout(within_s):
                found = await answer
        except (TimeoutError, ConnectionError) as error:
            raise Unreachable(f"{head.get('subject', head['do'])} had no answer in {within_s:g} s") from error
        finally:
            del self._answers[number]
        if "error" in found[0]:
            raise _error(found[0])
        return found

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._writer is None or self._reading is None or self._reading.done():
                try:
                    reader, self._writer = await asyncio.open_unix_connection(self._path)
                except OSError as error:
                    text = f"nothing answers at {self._path}: this address works inside of its hybrid job only"
                    raise Unreachable(text) from error
                self._reading = asyncio.ensure_future(self._read(reader))
            return self._writer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._take(await read_frame(reader))
        except (asyncio.IncompleteReadError, ConnectionError, Broken):
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("the relay has ended"))
            for _, on_gap in [*self._follows.values()]:
                on_gap()

    def _take(self, frame: Frame) -> None:
        head, body = frame
        if (followed := self._follows.get(head.get("follow", 0))) is not None:
            on_message, on_gap = followed
            if head.get("gap"):
                on_gap()
            else:
                on_message(Message(head["subject"], body, head.get("headers") or {}))
        elif (answer := self._answers.get(head.get("id", 0))) is not None and not answer.done():
            answer.set_result(frame)


def _error(head: Mapping[str, Any]) -> QueuebitError:
    text = str(head.get("text", ""))
    match head["error"]:
        case "refused":
            return Refused([Reason(str(head.get("code", "forbidden")), text)])
        case "unanswered":
            return Unanswered(text)
    return Unreachable(text)
