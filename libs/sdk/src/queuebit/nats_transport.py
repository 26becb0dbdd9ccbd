"""The transport over one NATS connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from ssl import SSLContext

from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from queuebit.errors import Forbidden, InvalidInput, Reason, Refused, Unanswered, Unreachable
from queuebit.transport import Message, OnGap, OnMessage, Reply, Unsubscribe
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Connected
from queuebit_runtime.harden import connect, listen
from queuebit_runtime.received import Received
from queuebit_runtime.requests import NoService, Requests
from queuebit_runtime.servers import servers_of, tls_of

__all__ = ["NatsTransport"]

_VIOLATION = re.compile(r'permissions violation for \w+ to "([^"]+)"', re.IGNORECASE)


class NatsTransport:
    """Connects when first used, and reconnects after an outage."""

    def __init__(
        self,
        url: str,
        seed: str,
        inbox: str,
        *,
        ca_file: Path | None = None,
        token: str = "",
        connect_timeout: float = 5.0,
    ) -> None:
        """Create a transport; it connects when first used.

        Args:
            url: one server, or several with commas between them.
            seed: the secret key of the user's token; not used with a token.
            inbox: the prefix for replies that only this user receives.
            ca_file: CA certificate of the servers, for a bus with TLS.
            token: a delegated key or a token of an issuer, which logs in until it ends.
            connect_timeout: seconds that one server may take to answer.
        """
        self._url = url
        self._servers = servers_of(url)
        self._ca_file = ca_file
        self._login = {"token": token} if token else {"nkeys_seed_str": seed}
        self._by_token = bool(token)
        self._inbox = inbox
        self._timeout = connect_timeout
        self._open: tuple[Client, Requests] | None = None
        self._connecting = asyncio.Lock()
        self._on_gap: list[OnGap] = []
        self._unknown = False
        """Whether the server rejected the token at the last attempt."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        client, requests = await self._connected()
        try:
            reply = await requests.ask(subject, body, headers, timeout)
        except NoService as error:
            raise Unanswered(f"no service answers {subject}: see `qb status`") from error
        except Unavailable as error:
            raise self._silent(client, subject, timeout) from error
        return Reply(reply.data, reply.headers or {})

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        client, _ = await self._connected()

        def forward(message: Received) -> None:
            on_message(Message(message.subject, message.data, message.headers or {}))

        async with AsyncExitStack() as opened:
            self._on_gap.append(on_gap)
            opened.callback(self._on_gap.remove, on_gap)
            try:
                for subject in subjects:
                    opened.push_async_callback(_unsubscribe, await listen(client, subject, forward))
                # nats-py sends PING before its buffer: only the second PING follows the subscriptions.
                await client.flush()
                await client.flush()
            except (NatsError, TimeoutError) as error:
                raise self._silent(client, ", ".join(subjects), self._timeout) from error
            return opened.pop_all().aclose

    async def close(self) -> None:
        if self._open is not None:
            with suppress(OSError, NatsError):  # the connection is lost already
                await self._open[0].close()

    async def _connected(self) -> tuple[Client, Requests]:
        if self._open is None:
            async with self._connecting:
                if self._open is None:
                    client = await self._connect()
                    self._open = client, Requests(Connected(client), self._timeout)
        return self._open

    async def _connect(self) -> Client:
        failures = list[Exception]()

        async def on_error(error: Exception) -> None:
            failures.append(error)
            if self._open is None and len(failures) >= len(self._servers):
                raise error  # each server was tried: the first connection has no retries
            self._unknown = self._unknown or "authorization" in str(error).lower()
            self._deny(str(error))

        async def on_reconnected() -> None:
            self._unknown = False
            self._note_gap()

        tls = self._tls()
        try:
            client = await connect(
                self._servers,
                name="queuebit",
                tls=tls,
                **self._login,
                inbox_prefix=self._inbox.encode(),
                connect_timeout=self._timeout,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,
                error_cb=on_error,
                reconnected_cb=on_reconnected,
            )
            if self._by_token:  # nats-py takes any line of the server for the end of a login
                await client.flush()
            return client
        except (OSError, NatsError, TimeoutError) as error:
            if "authorization" in str(error).lower():
                raise self._unknown_token() from error
            raise Unreachable(f"nothing answers at {self._url}: see `qb status`; `qb up` starts a stack") from error

    def _tls(self) -> SSLContext | None:
        try:
            return tls_of(self._ca_file)
        except OSError as error:
            raise InvalidInput(
                f"{self._ca_file} cannot be used as the authority's certificate: {error.strerror or error}; "
                "ask the operator for the file, and name it as ca_file in the credential"
            ) from error

    def _unknown_token(self) -> Refused:
        text = f"{self._url} rejects this token: ask the operator for a new one (`qb tenant token new`)"
        return Refused([Reason("forbidden", text)])

    def _silent(self, client: Client, subject: str, timeout: float) -> Refused | Unreachable:
        if self._unknown:
            return self._unknown_token()
        if client.is_connected:
            return Unreachable(f"{subject} had no answer in {timeout:g} s: see `qb status`")
        return Unreachable(f"the connection to {self._url} is lost: see `qb status`; `qb up` starts a stack")

    def _note_gap(self) -> None:
        for on_gap in self._on_gap:
            on_gap()

    def _deny(self, text: str) -> None:
        """End requests that the server refused: it says so apart from them, and they would wait for their timeout."""
        if self._open is not None and (found := _VIOLATION.search(text)):
            self._open[1].refuse(found[1], _forbidden)


def _forbidden(subject: str) -> Forbidden:
    text = f"you may not use {subject}: ask for another role, or check the tenant"
    return Forbidden([Reason("forbidden", text)])


async def _unsubscribe(subscription: Subscription) -> None:
    with suppress(NatsError):  # the subscription ended with its connection
        await subscription.unsubscribe()
