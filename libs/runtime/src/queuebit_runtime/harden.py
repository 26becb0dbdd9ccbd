"""Making the NATS client read headers and subjects as what they are: anything that a sender likes to write.

Left alone, it stops reading for good at a header or a subject that is not UTF-8, takes a form feed within a subject for
the end of it, and a stored message with a header `Status` for the server's own word, so that one message of one tenant
would stop every service that ever reads it.
"""

from __future__ import annotations

import re

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol import parser

__all__ = ["harden_nats_client"]

_Headers = dict[str, str]

_NOT_ITS_SENDERS = ("Status", "content-type", "reply_to")
"""Headers by which a stored message would steer its readers: how to read it, whom to answer, what the server says."""

_ARGUMENT = rb"[ \t]+([^ \t\r\n]+)"
_TAIL = rb"[ \t]+(([^ \t\r\n]+)[ \t]+)?"
_LINES = {
    "MSG_RE": re.compile(rb"\AMSG" + 2 * _ARGUMENT + _TAIL + rb"(\d+)\r\n"),
    "HMSG_RE": re.compile(rb"\AHMSG" + 2 * _ARGUMENT + _TAIL + rb"(\d+)[ \t]+(\d+)\r\n"),
}
"""The lines that announce a message, cut where the server cuts them: at blanks and tabs, and at no other space."""

_read = Client._process_headers
_build = Client._build_message


async def _readable(client: Client, raw: bytes) -> _Headers | None:
    """The headers, with what is not text replaced; none where they have no form at all."""
    try:
        return await _read(client, bytes(raw).decode(errors="replace").encode() if raw else raw)
    except (IndexError, ValueError):
        return None


def _without_forged_status(
    client: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: _Headers | None
) -> Msg:
    """Only what the server itself says has a status, never a message that comes out of a stream."""
    if headers and (reply.startswith(b"$JS.ACK.") or {"Nats-Stream", "Nats-Sequence"} <= headers.keys()):
        for name in _NOT_ITS_SENDERS:
            headers.pop(name, None)
    message: Msg = _build(client, sid, _text(subject), _text(reply), data, headers)
    return message


def _text(subject: bytes) -> bytes:
    """UTF-8 in any case; what is none is spelled out, so that two subjects stay two."""
    return subject if subject.isascii() else subject.decode(errors="backslashreplace").encode()


def harden_nats_client() -> None:
    """Teach every client of this process; it offers no other hook."""
    setattr(Client, _read.__name__, _readable)
    setattr(Client, _build.__name__, _without_forged_status)
    for name, line in _LINES.items():
        setattr(parser, name, line)
