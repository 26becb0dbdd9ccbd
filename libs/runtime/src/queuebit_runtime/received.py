"""Messages as they come from the connection. A sender controls their headers, so no header stops a reader."""

from __future__ import annotations

import re
from functools import lru_cache

from queuebit_runtime.connection import Client, Msg

__all__ = ["Headers", "Received", "permitted", "read_headers"]

Headers = dict[str, str]

_NOT_ITS_SENDERS = ("Status", "content-type", "reply_to")
"""Headers that the client obeys: a sender could forge the status, the reply subject and the content type."""

_NAME = re.compile(rb"[^\s\x1c-\x1f\x80-\xff]+")


class Received(Msg):
    """A message whose headers are parsed when they are asked for: most never are."""

    def __init__(self, client: Client, sid: int, subject: str, reply: str, data: bytes, block: bytes | None) -> None:
        self._client = client
        self._sid = sid
        self.subject = subject
        self.reply = reply
        self.data = data
        self.block = block
        """The headers as they came; None if there are none."""
        self._block = block
        self._headers: Headers | None = None

    @property
    def headers(self) -> Headers | None:
        """Without those that only the server may set, if the message is of a stream."""
        if self._block is not None:
            self._headers = permitted(read_headers(self._block), self.reply)
            self._block = None
        return self._headers

    @headers.setter
    def headers(self, headers: Headers | None) -> None:
        self._headers, self._block = headers, None

    @property
    def status(self) -> str | None:
        """What the server sends instead of a message; None for a message."""
        if _of_consumer(self.reply) or self.headers is None:
            return None
        return self.headers.get("Status")


def read_headers(block: bytes) -> Headers | None:
    """Parse headers; None if there are none.

    Invalid UTF-8 in values is replaced, and lines without a proper name are left out.
    """
    first, *lines = block.split(b"\r\n")
    headers: Headers = {}
    _, _, said = first.partition(b" ")
    if said[:3].isdigit():
        headers["Status"] = said[:3].decode()
        if text := said[4:]:
            headers["Description"] = text.decode(errors="replace")
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon and (named := _named(name)):
            headers[named] = value.strip().decode(errors="replace")
    return headers or None


@lru_cache(256)  # the same few names come again and again
def _named(name: bytes) -> str:
    """The proper name of a header; empty if it is none."""
    return plain.decode() if _NAME.fullmatch(plain := name.strip()) else ""


def permitted(headers: Headers | None, reply: str) -> Headers | None:
    """Remove what only the server may set from the headers of a stored message."""
    if headers and (_of_consumer(reply) or {"Nats-Stream", "Nats-Sequence"} <= headers.keys()):
        for name in _NOT_ITS_SENDERS:
            headers.pop(name, None)
    return headers


def _of_consumer(reply: str) -> bool:
    """Whether a consumer delivered the message: its reply subject acknowledges it."""
    return reply.startswith("$JS.ACK.")
