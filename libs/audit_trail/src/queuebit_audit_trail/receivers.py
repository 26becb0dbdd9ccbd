"""Where records are delivered to: a file, a syslog server, or Splunk. A delivery that returns was taken."""

from __future__ import annotations

import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Final, Protocol

from queuebit_audit_trail.formats import hec_event, json_line, syslog_frame, syslog_message
from queuebit_audit_trail.records import Record

__all__ = ["HecReceiver", "JsonLinesFile", "NotDelivered", "Receiver", "SyslogServer"]

_TIMEOUT_S: Final = 10.0
_MOST_BYTES: Final = 65_536
"""Of an answer."""


class NotDelivered(Exception):
    """A receiver did not take records; the same ones are sent again."""


class Receiver(Protocol):
    """Takes records."""

    def deliver(self, records: Sequence[Record]) -> None:
        """Return when the receiver has taken all of them.

        Raises:
            NotDelivered: it has not, or not all, or it is not known.
        """


@dataclass(frozen=True, slots=True)
class JsonLinesFile:
    """A file that grows. Lines are on the disk when a delivery returns."""

    path: Path

    def deliver(self, records: Sequence[Record]) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                _to_the_last_whole_line(file.fileno())
                file.seek(0, os.SEEK_END)
                file.write(b"".join(map(json_line, records)))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotDelivered(f"{self.path} cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class SyslogServer:
    """A syslog server over TCP (RFC 6587).

    Syslog has no acknowledgement. Each delivery has its own connection: it ends its side, and waits until the server
    has read everything and ends the other side.
    """

    host: str
    port: int

    def deliver(self, records: Sequence[Record]) -> None:
        name = socket.gethostname()
        try:
            with socket.create_connection((self.host, self.port), timeout=_TIMEOUT_S) as connection:
                connection.sendall(b"".join(syslog_frame(syslog_message(it, name)) for it in records))
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(_MOST_BYTES):
                    pass
        except OSError as error:
            raise NotDelivered(f"the syslog server {self.host}:{self.port} did not take it: {error}") from error


@dataclass(frozen=True, slots=True)
class HecReceiver:
    """The HTTP event collector of Splunk."""

    url: str
    token: str = field(repr=False)
    tls: ssl.SSLContext | None = None

    def deliver(self, records: Sequence[Record]) -> None:
        name = socket.gethostname()
        request = urllib.request.Request(  # noqa: S310  # the caller checks the scheme
            self.url,
            data=b"".join(hec_event(it, name) for it in records),
            headers={"Authorization": f"Splunk {self.token}", "Content-Type": "application/json"},
        )
        try:
            with _opener(self.tls).open(request, timeout=_TIMEOUT_S) as answer:
                body = answer.read(_MOST_BYTES)
            code = json.loads(body).get("code")
        except urllib.error.HTTPError as error:
            text = error.read(500).decode(errors="replace")
            raise NotDelivered(f"{self.url} refused with {error.code}: {text}") from error
        except (OSError, HTTPException) as error:
            raise NotDelivered(f"{self.url} does not answer: {error}") from error
        except (ValueError, AttributeError) as error:
            raise NotDelivered(f"{self.url} is no event collector: its answer is not a JSON object") from error
        if code != 0:
            raise NotDelivered(f"{self.url} did not take it: code {code!r}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: the token is for one address."""

    def redirect_request(self, *_: object) -> None:
        return None


def _opener(tls: ssl.SSLContext | None) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(
        _NoRedirects(), urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )


def _to_the_last_whole_line(descriptor: int) -> None:
    """Cut off the beginning of a line that a process could not end before it was killed; it is written again."""
    size = end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _MOST_BYTES)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        os.ftruncate(descriptor, end)
