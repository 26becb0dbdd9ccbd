"""Sends one signed request to an address that was checked, and reads the head of the answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from time import monotonic
from typing import Final

import httptools

from queuebit_gateway.webhooks.addresses import BadTarget, Target, permitted, target_of
from queuebit_gateway.webhooks.records import Outcome
from queuebit_gateway.webhooks.retries import Verdict, retry_after_s, verdict_of
from queuebit_kernel import Clock

__all__ = ["Resolve", "Sender", "resolved"]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a host."""

_WHOLE_S: Final = 10.0
"""How long a request may take, from the look-up of the name to the head of the answer."""
_CONNECT_S: Final = 3.0
_HEAD_BYTES: Final = 16 << 10
_MOST_ADDRESSES: Final = 4


async def resolved(host: str, port: int) -> Sequence[str]:
    """All addresses of a host, as the machine resolves it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(it[4][0]) for it in found))


class Sender:
    """Posts to receivers. Each request looks the address up, checks it, and connects to no other."""

    def __init__(
        self,
        private_hosts: Collection[str],
        clock: Clock,
        resolve: Resolve = resolved,
        tls: ssl.SSLContext | None = None,
        whole_s: float = _WHOLE_S,
    ) -> None:
        """Prepare.

        Args:
            private_hosts: hosts that may have private addresses and plain `http`.
            clock: for `Retry-After`.
            resolve: finds the addresses of a host.
            tls: verifies certificates; by default with the authorities that the machine trusts.
            whole_s: how long a request may take.
        """
        self._private_hosts = frozenset(it.lower() for it in private_hosts)
        self._clock = clock
        self._resolve = resolve
        self._tls = tls or ssl.create_default_context()
        self._whole_s = whole_s

    def check(self, url: str) -> None:
        """Raise `BadTarget` if the form of a URL is not allowed; its address is checked when something is sent."""
        target_of(url, self._private_hosts)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send a request. Whatever goes wrong is an outcome, not an error."""
        begun = monotonic()
        try:
            async with asyncio.timeout(self._whole_s):
                target = target_of(url, self._private_hosts)
                found = await self._resolve(target.host, target.port)
                outcome = await self._exchange(
                    target, permitted(target.host, found, self._private_hosts), headers, body
                )
        except TimeoutError:
            outcome = _failed(f"no answer within {self._whole_s:g} s")
        except BadTarget as error:
            outcome = _failed(str(error))
        except (OSError, UnicodeError, asyncio.IncompleteReadError, httptools.HttpParserError) as error:
            outcome = _failed(f"{target.host} cannot be reached, or its answer is not HTTP: {error}"[:300])
        return outcome.model_copy(update={"took_ms": int((monotonic() - begun) * 1000)})

    async def _exchange(
        self, target: Target, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> Outcome:
        reader, writer = await self._connected(target, addresses)
        try:
            writer.write(_head(target, headers, len(body)) + body)
            head = await _answered(reader)
        finally:
            writer.transport.abort()  # the rest of the answer is not wanted
        verdict, status = verdict_of(head.status), head.status
        if verdict is not Verdict.FAILED:
            return Outcome(verdict=verdict, status=status)
        error = "redirects are not followed" if 300 <= status < 400 else None
        wait = retry_after_s(head.retry_after, self._clock.now())
        return Outcome(verdict=verdict, status=status, error=error, retry_after_s=wait)

    async def _connected(
        self, target: Target, addresses: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first of the addresses that accepts; the certificate must name the host."""
        context = self._tls if target.tls else None
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


class _Answer:
    """The head of the final answer, as httptools reports it."""

    def __init__(self) -> None:
        self.retry_after: str | None = None
        self.status = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:  # an interim answer is followed by another
            self.status = self.status or status


async def _answered(reader: asyncio.StreamReader) -> _Answer:
    answer, size = _Answer(), 0
    while not answer.status:
        data = await reader.read(4096)
        if not data:
            raise OSError("the connection ended before the answer")
        if (size := size + len(data)) > _HEAD_BYTES:
            raise OSError(f"the head of the answer has more than {_HEAD_BYTES:,} bytes")
        answer.feed(data)
    return answer


def _head(target: Target, headers: Mapping[str, str], size: int) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "User-Agent: queuebit",
        "Accept: */*",
        "Connection: close",
        f"Content-Length: {size}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _failed(error: str) -> Outcome:
    return Outcome(verdict=Verdict.FAILED, error=error)
