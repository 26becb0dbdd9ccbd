"""Sends requests to hosts that a tenant chose: to an address that was checked, with limits on time and size.

Each request looks the name up once, checks every address, and connects to one of those: between check and connection
no other answer of the name service can come. Redirects are not followed, and TLS verifies the name.

A look-up takes a thread until the name service answers or the machine gives it up, which can be long after the request
has ended. So look-ups have threads of their own, and each owner of requests has few of them: a name server that does
not answer delays its owner alone.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

import httptools

from queuebit_runtime.addresses import Rules, Target

__all__ = ["Outbound", "Resolve", "Response", "resolved"]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a host."""

_CONNECT_S: Final = 3.0
_HEAD_BYTES: Final = 16 << 10
_MOST_ADDRESSES: Final = 4
_LOOKUPS: Final = ThreadPoolExecutor(32, "lookup")
_OWN_LOOKUPS: Final = 4
"""The most look-ups of one owner at the same time; further ones wait, as long as their requests may take."""


async def resolved(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as the machine resolves it."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, ask)
    return list(dict.fromkeys(str(it[4][0]) for it in found))


class Response(NamedTuple):
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case; of several with one name, the last."""
    body: bytes
    """Empty if it was not asked for."""


class Outbound:
    """Sends requests of one kind."""

    def __init__(
        self, rules: Rules, whole_s: float, resolve: Resolve = resolved, tls: ssl.SSLContext | None = None
    ) -> None:
        """Prepare.

        Args:
            rules: where requests may go.
            whole_s: how long one may take, from the look-up of the name to the end of what is read.
            resolve: finds the addresses of a host.
            tls: verifies certificates; by default with the authorities that the machine trusts.
        """
        self.rules = rules
        self._whole_s = whole_s
        self._resolve = resolve
        self._tls = tls
        self._free: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        """The look-ups that an owner may still begin, while it has some."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"", *, most: int = 0, owner: str = ""
    ) -> Response:
        """Send a request; the body of the answer is read only if it may have some bytes.

        Args:
            method: of the request.
            url: where to.
            headers: beside those that every request has; ASCII, without line breaks.
            body: of the request.
            most: how many bytes of the answer's body are read; more are an error.
            owner: whose look-ups of names are counted together, such as a tenant's; by default those of the host.

        Raises:
            BadTarget: no request may go there.
            OSError: it cannot be reached in time, or its answer is not HTTP or too large; the text says which.
        """
        try:
            async with asyncio.timeout(self._whole_s):
                target = self.rules.target(url)
                reader, writer = await self._reached(target, owner or target.host)
                try:
                    writer.write(_head(method, target, headers, len(body)) + body)
                    return await _answered(reader, most)
                finally:
                    writer.transport.abort()  # the rest of the answer is not wanted
        except TimeoutError as error:
            raise TimeoutError(f"no answer within {self._whole_s:g} s") from error
        except httptools.HttpParserError as error:
            raise OSError(f"the answer is not HTTP: {error}") from error

    async def _reached(self, target: Target, owner: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            found = await self._found(target, owner)
            return await self._connected(target, self.rules.permitted(target.host, found))
        except (OSError, UnicodeError) as error:
            raise OSError(f"{target.host} cannot be reached: {error}") from error

    async def _found(self, target: Target, owner: str) -> Sequence[str]:
        """All addresses of a host. A look-up counts until it ends, also when nothing waits for it any more."""
        if (free := self._free.get(owner)) is None:
            self._free[owner] = free = asyncio.Semaphore(_OWN_LOOKUPS)
        await free.acquire()
        looking = asyncio.ensure_future(self._resolve(target.host, target.port))
        looking.add_done_callback(lambda _: free.release())
        return await asyncio.shield(looking)

    async def _connected(
        self, target: Target, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first of the addresses that accepts; the certificate must name the host."""
        context = self._context() if target.tls else None
        last: OSError = OSError("no address")
        for address in addresses[:_MOST_ADDRESSES]:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    return await asyncio.open_connection(
                        address,
                        target.port,
                        ssl=context,
                        server_hostname=target.host if context else None,
                        limit=_HEAD_BYTES,
                    )
            except OSError as error:  # also a timeout, and a certificate that is not valid
                last = error if str(error) else OSError(f"no connection within {_CONNECT_S:g} s")
        raise last

    def _context(self) -> ssl.SSLContext:
        """Made at the first use: to read the authorities of the machine takes 20 ms."""
        self._tls = self._tls or ssl.create_default_context()
        return self._tls


class _Answer:
    """The final answer, as httptools reports it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if not self.complete:  # what follows the end does not matter
                raise

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing else says where the body ends."""
        return not {"content-length", "transfer-encoding"} & self.headers.keys()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if (status := self._parser.get_status_code()) < 200:  # an interim answer is followed by another
            self.headers.clear()
        else:
            self.status = self.status or status

    def on_body(self, content: bytes) -> None:
        self.body += content

    def on_message_complete(self) -> None:
        self.complete = bool(self.status)


async def _answered(reader: asyncio.StreamReader, most: int) -> Response:
    """Read the head of an answer, and its body if that may have some bytes."""
    answer, size = _Answer(), 0
    while not (answer.status and (answer.complete or not most)):
        data = await reader.read(4096 if not answer.status else 65_536)
        if not data:
            if answer.status and answer.ends_with_connection:
                break
            raise OSError("the connection ended before the answer")
        size += len(data)
        if not answer.status and size > _HEAD_BYTES:
            raise OSError(f"the head of the answer has more than {_HEAD_BYTES:,} bytes")
        answer.feed(data)
        if most and (len(answer.body) > most or size > 2 * most + _HEAD_BYTES):
            raise OSError(f"the answer has more than {most:,} bytes")
    return Response(answer.status, answer.headers, bytes(answer.body) if most else b"")


def _head(method: str, target: Target, headers: Mapping[str, str], size: int) -> bytes:
    lines = [
        f"{method} {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: queuebit",
        "Connection: close",
        *([f"Content-Length: {size}"] if size or method == "POST" else []),
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
