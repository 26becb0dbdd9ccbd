"""The public keys of issuers, fetched from their addresses and remembered.

A request goes to an address that was checked: the host is resolved once, a private address is refused, and the
connection is made to that very address. Redirects are not followed. The broker needs the network only to exchange
tokens of issuers whose document does not hold their keys; jobs never wait for it.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from queuebit_contracts.issuers import LOOPBACK
from queuebit_kernel import Unavailable

__all__ = ["FetchedKeySets"]

_log = logging.getLogger(__name__)

_Keys = Sequence[Mapping[str, Any]]  # JSON Web Keys

_FRESH_S: Final = 3600.0
"""How long keys are used without asking again."""
_STALE_S: Final = 86_400.0
"""How long they are used while the issuer does not answer."""
_PAUSE_S: Final = 30.0
"""The shortest time between two requests to one address: a token with an invented key id causes no more."""
_TIMEOUT_S: Final = 4.0
_LARGEST: Final = 262_144
_ALLOW: Final = "QUEUEBIT_BROKER_PRIVATE_ISSUER_HOSTS"
_MOST: Final = 256
"""Addresses whose keys are remembered."""


@dataclass(slots=True)
class _Entry:
    keys: _Keys = ()
    fetched: float = float("-inf")
    asked: float = float("-inf")


class FetchedKeySets:
    """Key sets by address. Concurrent requests for one of them are one request."""

    def __init__(self, private_hosts: Collection[str], now: Callable[[], float]) -> None:
        """Prepare.

        Args:
            private_hosts: hosts that may have private addresses.
            now: a clock in seconds that never goes back.
        """
        self._private_hosts = frozenset(private_hosts)
        self._now = now
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def keys(self, url: str, key_id: str | None) -> _Keys:
        async with self._locks.setdefault(url, asyncio.Lock()):
            entry = self._entry(url)
            now = self._now()
            known = key_id is None or any(it.get("kid") == key_id for it in entry.keys)
            if (now - entry.fetched > _FRESH_S or not known) and now - entry.asked > _PAUSE_S:
                entry.asked = now
                try:
                    entry.keys, entry.fetched = await self._fetch(url), now
                except (OSError, ValueError, http.client.HTTPException) as error:  # a timeout is an OSError
                    _log.warning("the keys at %s cannot be read: %r", url, error)
            if now - entry.fetched > _STALE_S:
                raise Unavailable(f"the issuer's public keys at {url} cannot be read now: try again in a minute")
            return entry.keys

    def _entry(self, url: str) -> _Entry:
        entry = self._known.setdefault(url, _Entry())
        self._known.move_to_end(url)
        while len(self._known) > _MOST:
            oldest, _ = self._known.popitem(last=False)
            self._locks.pop(oldest, None)
        return entry

    async def _fetch(self, url: str) -> _Keys:
        parts = urlsplit(url)
        async with asyncio.timeout(_TIMEOUT_S):
            address, port = await self._address(parts)
            tls = ssl.create_default_context() if parts.scheme == "https" else None
            reader, writer = await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=str(parts.hostname) if tls else None
            )
            try:
                writer.write(_question(parts))
                whole = await _everything(reader)
            finally:
                writer.close()
        response = http.client.HTTPResponse(_Received(whole))
        response.begin()
        if response.status != 200:
            raise ValueError(f"it answers {response.status}")
        try:
            return [it for it in json.loads(response.read())["keys"] if isinstance(it, dict)]
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError("it is no JSON Web Key Set") from error

    async def _address(self, parts: SplitResult) -> tuple[str, int]:
        """Where to connect; only hosts that the operator named may be private."""
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(it[4][0]) for it in found]
        for address in addresses:
            here = ip_address(address.partition("%")[0])
            here = getattr(here, "ipv4_mapped", None) or here
            permitted = here.is_loopback if host in LOOPBACK else here.is_global or host in self._private_hosts
            if not permitted:
                raise ValueError(f"{host} has the private address {address}: {_ALLOW} allows it")
        return addresses[0], port


def _question(parts: SplitResult) -> bytes:
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    headers = f"Host: {parts.netloc}\r\nAccept: application/json\r\nUser-Agent: queuebit\r\nConnection: close"
    return f"GET {target} HTTP/1.1\r\n{headers}\r\n\r\n".encode("ascii")


async def _everything(reader: asyncio.StreamReader) -> bytes:
    """All that the server sends before it closes the connection."""
    whole = bytearray()
    while chunk := await reader.read(65_536):
        whole += chunk
        if len(whole) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST:,} bytes")
    return bytes(whole)


class _Received(socket.socket):
    """What a server sent, in the form that `http.client` reads."""

    def __init__(self, whole: bytes) -> None:
        self._whole = whole

    def makefile(self, *_: Any, **__: Any) -> Any:  # the signature is that of a socket
        return BytesIO(self._whole)
