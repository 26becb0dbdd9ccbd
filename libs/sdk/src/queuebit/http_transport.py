"""The connection to a gateway: signed requests, errors as those of the bus, and live events that miss nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from random import uniform
from typing import Any, Final
from urllib.parse import urlencode

from queuebit.credentials import Credential
from queuebit.errors import InvalidInput, Unreachable
from queuebit.http_connection import Answer, HttpConnections, Origin, origin_of, tls_for
from queuebit.http_errors import PACED, code_of, error_of
from queuebit.http_events import LiveEvents
from queuebit.http_signatures import signature_headers
from queuebit.transport import OnGap, OnMessage, Reply, Unsubscribe
from queuebit_contracts.issuers import LOOPBACK
from queuebit_contracts.subjects import parse
from queuebit_kernel import SystemClock

__all__ = ["HttpTransport"]

_ASK_S: Final = 20.0
_RETRY_S: Final = 15.0
"""How long a write is repeated while the gateway does not answer, as on the bus."""
_PACED_S: Final = 300.0
"""How long a request is repeated while the platform asks for a lower rate."""


class HttpTransport:
    """Connects when first used, and again after an outage."""

    def __init__(self, credential: Credential) -> None:
        """Prepare.

        Args:
            credential: its address is one of HTTP. With a token, requests carry it; with a key, they are signed; with
                neither, a sidecar behind the address adds what is needed.

        Raises:
            InvalidInput: the address cannot be used, or would show a token to the network.
        """
        self.credential = credential
        self._origin = _safe(origin_of(credential.url), credential)
        self._connections = HttpConnections(self._origin, tls_for(self._origin, credential.ca_file))
        self._clock = SystemClock()
        self._live: set[LiveEvents] = set()

    async def get(self, path: str, **query: object) -> Any:  # JSON
        """The document at an address. Parameters that are None are left out.

        Raises:
            QueuebitError: as the same question on the bus.
        """
        answer = await self.send("GET", path + _query(query))
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise Unreachable(f"what answers at {self._origin.url} is no gateway of Queuebit: no JSON") from error

    async def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        repeat: bool = False,
    ) -> Answer:
        """Send a request until it has an answer that is no refusal.

        Args:
            method: in capital letters.
            target: path and query.
            body: of the request.
            headers: of the request, without those that say who asks.
            repeat: whether to send it again while the gateway does not answer.
        """
        loop = asyncio.get_running_loop()
        begun, pause = loop.time(), 0.1
        while True:
            try:
                answer = await self._connections.send(
                    method, self._origin.target(target), self._signed(method, target, body, headers), body, _ASK_S
                )
                if answer.status < 400:
                    return answer
                if code_of(answer) not in PACED or loop.time() - begun > _PACED_S:
                    raise error_of(answer, self._origin.url)
                await asyncio.sleep(uniform(0.2, 1.0) * _retry_after(answer))
            except Unreachable:
                if not repeat or loop.time() - begun > _RETRY_S:
                    raise
                pause = min(pause * 2, 1.0)
                await asyncio.sleep(pause)

    async def download(self, path: str, **query: object) -> AsyncGenerator[bytes, None]:
        """The body at an address, piece by piece; raises as `get`."""
        async with aclosing(self._stream(path + _query(query), {}, _ASK_S)) as pieces:
            async for piece in pieces:
                if isinstance(piece, bytes):
                    yield piece
                elif piece.status != 200:
                    raise error_of(piece, self._origin.url)

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        """Refuse: what is sent to a subject of the bus has no address here.

        Raises:
            InvalidInput: always.
        """
        what = parse(subject).noun or "a request of the bus"
        raise InvalidInput(f"this cannot be done over HTTP ({what}): use a credential with the address of the bus")

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        """As the port says; after an outage the stream continues where it was, so that nothing is missed."""
        live = LiveEvents(self._stream, self.credential.tenant, subjects, on_message, on_gap)
        if live.job is not None:
            found = await self.get(f"/v1/jobs/{live.job}")
            live.last = int(found["as_of_seq"])
        await live.start()
        self._live.add(live)

        async def stop() -> None:
            self._live.discard(live)
            await live.stop()

        return stop

    async def close(self) -> None:
        """Close the connection."""
        while self._live:
            await self._live.pop().stop()
        await self._connections.close()

    def _stream(self, target: str, headers: Mapping[str, str], timeout: float) -> AsyncGenerator[bytes | Answer, None]:
        return self._connections.stream(self._origin.target(target), self._signed("GET", target, b"", headers), timeout)

    def _signed(self, method: str, target: str, body: bytes, headers: Mapping[str, str] | None) -> dict[str, str]:
        given = {**(headers or {})}
        if self.credential.token:
            given["authorization"] = f"Bearer {self.credential.token}"
        elif self.credential.seed:
            now = int(self._clock.now().timestamp())
            path = self._origin.target(target)
            given |= signature_headers(self.credential.seed, method, self._origin.host, path, body, now)
        return given


def _safe(origin: Origin, credential: Credential) -> Origin:
    if credential.token and not (origin.secure or origin.unix or origin.name in LOOPBACK):
        raise InvalidInput(f"{origin.url} must begin with https://: a token may cross the network only encrypted")
    return origin


def _query(given: Mapping[str, object]) -> str:
    pairs = [(name, it) for name, it in given.items() if it is not None]
    return f"?{urlencode(pairs, doseq=True)}" if pairs else ""


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "1")
    return min(float(text), 30.0) if text.isascii() and text.isdigit() else 1.0
