"""Reads from nats-py's connection safely, and at a third of the cost.

Monkeypatches nats-py (tested with 2.16) process-wide; there is no public hook. Unpatched, the client stops reading for
good at a header or subject that is not UTF-8, treats a form feed within a subject as its end, and takes the header
`Status` of a stored message for an answer of the server. One message of one tenant would stop every service that
reads it.

Messages are split from what was read at blanks, as the server writes them. `listen` passes them to a plain function at
once; nats-py's own subscriptions put each in a queue and wake a task for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from queuebit_runtime.received import Headers, Received, permitted, read_headers
from queuebit_runtime.servers import servers_of

__all__ = ["OnMessage", "connect", "harden_nats_client", "listen"]

OnMessage = Callable[[Received], None]

_END = b"\r\n"

_parse_line = Parser.parse
_process = Client._process_msg
_build = Client._build_message
_headers = Client._process_headers


class _Direct(asyncio.Queue[Msg]):
    """The queue of a subscription that needs none: it is empty, and a function takes each message."""

    def __init__(self, on_message: OnMessage) -> None:
        super().__init__()
        self.on_message = on_message


async def listen(client: Client, subject: str, on_message: OnMessage, queue: str = "") -> Subscription:
    """Subscribe `on_message`: it is called for each message while the connection is read, so it must not take long.

    An error that it raises goes to the connection's `error_cb`.
    """
    harden_nats_client()
    subscription = await client.subscribe(subject, queue=queue)
    subscription._pending_queue = _Direct(on_message)
    return subscription


async def _parse(parser: Parser, data: bytes = b"") -> None:
    """Read what the server sent: messages here, every other line as nats-py does.

    Raises:
        ProtocolError: the server would not write this; nats-py connects again.
    """
    client, unread = parser.nc, parser.buf
    unread += data
    while (end := unread.find(_END)) >= 0:
        words = bytes(unread[:end]).split(b" ")
        try:
            match words:
                case [b"MSG", subject, sid, size]:
                    reply, head = b"", 0
                case [b"MSG", subject, sid, reply, size]:
                    head = 0
                case [b"HMSG", subject, sid, in_head, size]:
                    reply, head = b"", int(in_head)
                case [b"HMSG", subject, sid, reply, in_head, size]:
                    head = int(in_head)
                case _:
                    line = parser.buf = unread[: end + 2]
                    del unread[: end + 2]
                    await _parse_line(parser)
                    if parser.buf is not line:  # another connection has begun
                        return
                    if line:
                        raise ProtocolError
                    parser.buf = unread
                    continue
            number, start, length = int(sid), end + 2, int(size)
        except ValueError as error:
            raise ProtocolError from error
        if len(unread) < start + length + 2:
            return
        block = bytes(unread[start : start + head]) if head else None
        body = bytes(unread[start + head : start + length])
        del unread[: start + length + 2]
        await client._process_msg(number, subject, reply, body, block)
        if parser.buf is not unread:
            return


async def _deliver(client: Client, sid: int, subject: bytes, reply: bytes, data: bytes, block: bytes | None) -> None:
    subscription = client._subs.get(sid)
    if subscription is None or not isinstance(direct := subscription._pending_queue, _Direct):
        await _process(client, sid, subject, reply, data, block or b"")
        return
    client.stats["in_msgs"] += 1
    client.stats["in_bytes"] += len(data)
    subscription._received += 1
    try:
        direct.on_message(Received(client, sid, _text(subject), _text(reply), data, block))
    except Exception as error:  # noqa: BLE001  # otherwise the client would stop reading
        await client._error_cb(error)


async def _readable(_: Client, block: bytes | None) -> Headers | None:
    return read_headers(block) if block else None


def _built(client: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Headers | None) -> Msg:
    named, asked = _text(subject), _text(reply)
    message: Msg = _build(client, sid, named.encode(), asked.encode(), data, permitted(headers, asked))
    return message


def _text(subject: bytes) -> str:
    """Bytes that are not UTF-8 are escaped, so that different subjects stay different."""
    return subject.decode(errors="backslashreplace")


def harden_nats_client() -> None:
    """Patch nats-py for this process."""
    setattr(Parser, _parse_line.__name__, _parse)
    setattr(Client, _process.__name__, _deliver)
    setattr(Client, _headers.__name__, _readable)
    setattr(Client, _build.__name__, _built)


async def connect(servers: str | list[str], **options: Any) -> Client:  # the arguments of nats-py
    """Open a connection that reads any stored message; arguments and errors are those of `nats.connect`.

    A text may name several servers, separated by commas.
    """
    harden_nats_client()
    return await nats.connect(servers_of(servers) if isinstance(servers, str) else servers, **options)
