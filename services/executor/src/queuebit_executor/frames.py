"""What goes over the socket between the service and a child: a JSON head and a body of bytes.

Never pickles: a child whose memory a circuit has corrupted must not be able to make its parent run code.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

__all__ = ["MAX_BYTES", "Broken", "Frame", "counted", "joined", "pack", "parts", "read_frame", "receive"]

Frame = tuple[dict[str, Any], bytes]
"""Head and body. The head is plain JSON; readers validate it."""

MAX_BYTES = 32 << 20
"""The largest frame either side takes."""

_TOGETHER_BYTES = 4 << 20
"""Sources that one request for several circuits contains."""

_SIZES = struct.Struct("!II")


class Broken(ValueError):
    """The other side wrote what is not a frame."""


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    try:
        text = orjson.dumps(head)
    except TypeError:  # an integer beyond 64 bits
        text = json.dumps(head).encode()
    return _SIZES.pack(len(text), len(body)) + text + body


def joined(requests: Iterable[tuple[Mapping[str, Any], bytes]]) -> tuple[list[dict[str, Any]], bytes]:  # plain JSON
    """The first of several requests as one, at least one of them; content that follows its like is sent once."""
    heads: list[dict[str, Any]] = []  # plain JSON
    content, last = bytearray(), b""
    for head, body in requests:
        if heads and len(content) + len(body) > _TOGETHER_BYTES:
            break
        if heads and body == last:
            heads.append({**head})
            continue
        heads.append({**head, "size": len(body)})
        content += body
        last = body
    return heads, bytes(content)


def parts(heads: Sequence[Mapping[str, Any]], content: bytes) -> Iterator[tuple[Mapping[str, Any], bytes]]:
    """The requests that were `joined`."""
    end, body = 0, b""
    for head in heads:
        if "size" in head:
            body = content[end : end + head["size"]]
            end += head["size"]
        yield head, body


def counted(frames: Iterable[Frame], count: int, most_bytes: int = sys.maxsize) -> Iterator[Frame]:
    """The answers to a request that has `count` of them: each but the last says that more follow.

    One that brings them to more than `most_bytes` is the last.
    """
    for number, (head, body) in enumerate(frames, start=1):
        most_bytes -= len(body)
        more = number < count and most_bytes >= 0
        yield ({**head, "more": True} if more else head), body
        if not more:
            return


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Read one frame without blocking.

    Raises:
        asyncio.IncompleteReadError: the other side is gone.
        Broken: it sent what is not a frame, or too much.
    """
    head, body = _sizes(await reader.readexactly(_SIZES.size))
    return _parsed(await reader.readexactly(head + body), head)


def receive(connection: socket.socket) -> Frame:
    """Read one frame, blocking.

    Raises:
        EOFError: the other side is gone.
        Broken: it sent what is not a frame, or too much.
    """
    head, body = _sizes(_exactly(connection, _SIZES.size))
    return _parsed(_exactly(connection, head + body), head)


def _sizes(prefix: bytes) -> tuple[int, int]:
    head, body = _SIZES.unpack(prefix)
    if head + body > MAX_BYTES:
        raise Broken(f"a frame of {head + body} bytes is larger than {MAX_BYTES}")
    return head, body


def _parsed(content: bytes, head_size: int) -> Frame:
    try:
        head = orjson.loads(content[:head_size])
    except ValueError as error:
        raise Broken(f"the head is not JSON: {error}") from error
    if not isinstance(head, dict):
        raise Broken("the head is not an object")
    return head, content[head_size:]


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = connection.recv(min(size - len(content), 1 << 20))
        if not piece:
            raise EOFError
        content += piece
    return bytes(content)
