"""What goes over the socket between a service and its child: a JSON head and a body of bytes.

Never pickles: a child that runs others' code must not be able to make its parent run code.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

import orjson

__all__ = ["MAX_BYTES", "Broken", "Frame", "pack", "read_frame", "receive"]

Frame = tuple[dict[str, Any], bytes]
"""Head and body. The head is plain JSON; readers validate it."""

MAX_BYTES = 32 << 20
"""The largest frame either side takes."""

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


async def read_frame(reader: asyncio.StreamReader, most_bytes: int = MAX_BYTES) -> Frame:
    """Read one frame of at most `most_bytes` without blocking.

    Raises:
        asyncio.IncompleteReadError: the other side is gone.
        Broken: it sent what is not a frame, or too much.
    """
    head, body = _sizes(await reader.readexactly(_SIZES.size), most_bytes)
    return _parsed(await reader.readexactly(head + body), head)


def receive(connection: socket.socket) -> Frame:
    """Read one frame, blocking.

    Raises:
        EOFError: the other side is gone.
        Broken: it sent what is not a frame, or too much.
    """
    head, body = _sizes(_exactly(connection, _SIZES.size))
    return _parsed(_exactly(connection, head + body), head)


def _sizes(prefix: bytes, most_bytes: int = MAX_BYTES) -> tuple[int, int]:
    head, body = _SIZES.unpack(prefix)
    if head + body > most_bytes:
        raise Broken(f"a frame of {head + body} bytes is larger than {most_bytes}")
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
