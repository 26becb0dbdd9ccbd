"""HTTP/1.1 over TCP, TLS or a Unix socket: requests on connections that stay open, and answers that are streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext, SSLError, create_default_context
from typing import Final
from urllib.parse import unquote, urlsplit

from queuebit.errors import InvalidInput, Unreachable

__all__ = ["Answer", "HttpConnections", "Origin", "origin_of", "tls_for"]

_HEAD_BYTES: Final = 65_536
_BODY_BYTES: Final = 256 << 20
"""The largest answer that is read, and the largest piece of a stream."""
_MOST_IDLE: Final = 8
_CONNECT_S: Final = 5.0
_FAILURES: Final = (OSError, EOFError, asyncio.LimitOverrunError, ValueError)
"""What a connection that is lost, or a peer that does not speak HTTP, raises."""

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go."""

    url: str
    host: str
    """As in the header `Host`."""
    name: str
    port: int
    path: str
    """Of a Unix socket; otherwise what all targets begin with."""
    secure: bool = False
    unix: bool = False

    def target(self, path: str) -> str:
        """What a request for a path of the gateway has in its first line."""
        return path if self.unix else self.path + path


def origin_of(url: str) -> Origin:
    """Read an address: `https://name`, `http://name:port` or `unix:///path`.

    Raises:
        InvalidInput: it is none of these.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{url} has no valid port") from error
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        return Origin(url, "localhost", "", 0, unquote(parts.path), unix=True)
    if parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment or parts.username):
        secure = parts.scheme == "https"
        return Origin(
            url, parts.netloc, parts.hostname, port or (443 if secure else 80), parts.path.rstrip("/"), secure
        )
    raise InvalidInput(f"{url} is no address of a gateway: give https://NAME, http://NAME:PORT or unix:///PATH")


def tls_for(origin: Origin, ca_file: Path | None) -> SSLContext | None:
    """The TLS context for an address; None if it has no TLS. With `ca_file`, only that authority is trusted.

    Raises:
        InvalidInput: the file cannot be used.
    """
    if not origin.secure:
        return None
    try:
        return create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:
        raise InvalidInput(
            f"{ca_file} cannot be used as the authority's certificate: {error.strerror or error}"
        ) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes = field(default=b"", repr=False)


class HttpConnections:
    """Connections to one origin. A request on a connection that was closed is sent again, unless it is sent `once`."""

    def __init__(self, origin: Origin, tls: SSLContext | None) -> None:
        self.origin = origin
        self._tls = tls
        self._idle: list[_Streams] = []
        self._closed = False

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, timeout: float, *, once: bool = False
    ) -> Answer:
        """Send a request and read its answer.

        Args:
            method: in capital letters.
            target: as `Origin.target` makes it.
            headers: of the request.
            body: of the request.
            timeout: seconds until the whole answer is there.
            once: use a new connection, so that a request that may not be repeated is sent once.

        Raises:
            Unreachable: nothing answers, or not in time.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    streams, fresh = (await self._open(), True) if once else await self._connected()
                    try:
                        return await self._exchange(streams, self._head(method, target, headers, body) + body, method)
                    except _FAILURES:
                        if fresh:  # a connection that was idle may have been closed by the other side
                            raise
        except TimeoutError as error:
            raise Unreachable(f"{self.origin.url} had no answer in {timeout:g} s: see `qb status`") from error
        except _FAILURES as error:
            raise self._unreachable(error) from error

    async def stream(self, target: str, headers: Mapping[str, str], timeout: float) -> AsyncGenerator[bytes | Answer]:
        """Yield the answer's head, with the body if it is an error, then pieces of its body as they arrive.

        Raises:
            Unreachable: nothing answers, the stream breaks, or there is nothing new for `timeout` seconds.
        """
        writer = None
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await self._open()
                writer.write(self._head("GET", target, headers, b""))
                answer = await _read_head(reader)
                if answer.status != 200:
                    answer = Answer(answer.status, answer.headers, await _whole(reader, answer.headers))
            yield answer
            async with aclosing(_body(reader, answer.headers)) as pieces:
                while answer.status == 200:
                    async with asyncio.timeout(timeout):
                        piece = await anext(pieces, None)
                    if piece is None:
                        return
                    yield piece
        except TimeoutError as error:
            raise Unreachable(f"{self.origin.url} was silent for {timeout:g} s") from error
        except _FAILURES as error:
            raise self._unreachable(error) from error
        finally:
            if writer is not None:
                writer.close()

    async def close(self) -> None:
        """Close the connections that are idle; others close at the end of their requests."""
        self._closed = True
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _connected(self) -> tuple[_Streams, bool]:
        """A connection, and whether it is new."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return (reader, writer), False
            writer.close()
        return await self._open(), True

    async def _open(self) -> _Streams:
        origin = self.origin
        try:
            async with asyncio.timeout(_CONNECT_S):
                if origin.unix:
                    return await asyncio.open_unix_connection(origin.path, limit=_HEAD_BYTES)
                return await asyncio.open_connection(origin.name, origin.port, ssl=self._tls, limit=_HEAD_BYTES)
        except TimeoutError as error:
            raise OSError(f"no connection in {_CONNECT_S:g} s") from error

    async def _exchange(self, streams: _Streams, request: bytes, method: str) -> Answer:
        reader, writer = streams
        reusable = False
        try:
            writer.write(request)
            await writer.drain()
            head = await _read_head(reader)
            body = b"" if method == "HEAD" or head.status in (204, 304) else await _whole(reader, head.headers)
            reusable = _stays_open(head.headers) and not self._closed and len(self._idle) < _MOST_IDLE
            return Answer(head.status, head.headers, body)
        finally:
            if reusable:
                self._idle.append(streams)
            else:
                writer.close()

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"host: {self.origin.host}", "accept-encoding: identity"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method != "GET":
            lines.append(f"content-length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _unreachable(self, error: Exception) -> Unreachable:
        if isinstance(error, SSLError):
            return Unreachable(
                f"{self.origin.url} cannot be trusted: {error.reason or error}; is ca_file the right one?"
            )
        if isinstance(error, ValueError | asyncio.LimitOverrunError):
            return Unreachable(f"what answers at {self.origin.url} is no gateway: {error}")
        return Unreachable(f"nothing answers at {self.origin.url} ({error}): check the address; see `qb status`")


async def _read_head(reader: asyncio.StreamReader) -> Answer:
    while True:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("it does not speak HTTP/1.1")
        status = int(rest[:3])
        headers = dict[str, str]()
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if status >= 200:  # others announce an answer
            return Answer(status, headers)


async def _whole(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    pieces, size = list[bytes](), 0
    async for piece in _body(reader, headers):
        pieces.append(piece)
        size = _bounded(size + len(piece))
    return b"".join(pieces)


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncGenerator[bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            yield await reader.readexactly(_bounded(size))
            await reader.readexactly(2)
        while (await reader.readuntil(b"\r\n")) != b"\r\n":
            pass  # trailers
    elif "content-length" in headers:
        yield await reader.readexactly(_bounded(int(headers["content-length"])))
    else:
        while piece := await reader.read(_HEAD_BYTES):
            yield piece


def _bounded(size: int) -> int:
    if size > _BODY_BYTES:
        raise ValueError(f"its answer has more than {_BODY_BYTES:,} bytes")
    return size


def _stays_open(headers: Mapping[str, str]) -> bool:
    framed = "content-length" in headers or "transfer-encoding" in headers
    return framed and headers.get("connection", "").lower() != "close"
