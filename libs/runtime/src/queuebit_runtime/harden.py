"""Hardens nats-py against untrusted headers and subjects.

Monkeypatches nats-py (tested with 2.16) process-wide; there is no public hook. Unpatched, the client stops reading for
good at a header or subject that is not UTF-8, treats a form feed within a subject as its end, and takes the header
`Status` of a stored message for an answer of the server. One message of one tenant would stop every service that
reads it.
"""

from __future__ import annotations

import re
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol import parser

__all__ = ["connect", "harden_nats_client"]

_Headers = dict[str, str]

_NOT_ITS_SENDERS = ("Status", "content-type", "reply_to")
"""Headers that the client obeys: a sender could forge the status, the reply subject and the content type."""

_ARGUMENT = rb"[ \t]+([^ \t\r\n]+)"
_TAIL = rb"[ \t]+(([^ \t\r\n]+)[ \t]+)?"
_LINES = {
    "MSG_RE": re.compile(rb"\AMSG" + 2 * _ARGUMENT + _TAIL + rb"(\d+)\r\n"),
    "HMSG_RE": re.compile(rb"\AHMSG" + 2 * _ARGUMENT + _TAIL + rb"(\d+)[ \t]+(\d+)\r\n"),
}
"""The lines that announce a message, split like the server does: at blanks and tabs only."""

_read = Client._process_headers
_build = Client._build_message


async def _readable(client: Client, raw: bytes) -> _Headers | None:
    """The headers, with invalid UTF-8 replaced; None if they cannot be parsed."""
    try:
        return await _read(client, bytes(raw).decode(errors="replace").encode() if raw else raw)
    except (IndexError, ValueError):
        return None


def _without_forged_status(
    client: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: _Headers | None
) -> Msg:
    """Remove the status from messages of a stream: only the server itself may set it."""
    if headers and (reply.startswith(b"$JS.ACK.") or {"Nats-Stream", "Nats-Sequence"} <= headers.keys()):
        for name in _NOT_ITS_SENDERS:
            headers.pop(name, None)
    message: Msg = _build(client, sid, _text(subject), _text(reply), data, headers)
    return message


def _text(subject: bytes) -> bytes:
    """Valid UTF-8: other bytes are escaped, so that different subjects stay different."""
    return subject if subject.isascii() else subject.decode(errors="backslashreplace").encode()


def harden_nats_client() -> None:
    """Patch nats-py for this process."""
    setattr(Client, _read.__name__, _readable)
    setattr(Client, _build.__name__, _without_forged_status)
    for name, line in _LINES.items():
        setattr(parser, name, line)


async def connect(servers: str | list[str], **options: Any) -> Client:  # the arguments of nats-py
    """Open a connection that reads any stored message; arguments and errors are those of `nats.connect`."""
    harden_nats_client()
    return await nats.connect(servers, **options)
