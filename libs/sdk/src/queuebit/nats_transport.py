"""The transport over one NATS connection."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from ssl import SSLContext

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError, SlowConsumerError

from queuebit.errors import Forbidden, InvalidInput, Reason, Refused, Unanswered, Unreachable
from queuebit.transport import Message, OnGap, OnMessage, Reply, Unsubscribe
from queuebit_runtime.harden import connect
from queuebit_runtime.servers import servers_of, tls_of

__all__ = ["NatsTransport"]

_VIOLATION = re.compile(r'permissions violation for \w+ to "([^"]+)"', re.IGNORECASE)


class NatsTransport:
    """Connects when first used, and reconnects after an outage."""

    def __init__(
        self, url: str, seed: str, inbox: str, *, ca_file: Path | None = None, connect_timeout: float = 5.0
    ) -> None:
        """Create a transport; it connects when first used.

        Args:
            url: one server, or several with commas between them.
            seed: the secret key of the user's token.
            inbox: the prefix for replies that only this user receives.
            ca_file: CA certificate of the servers, for a bus with TLS.
            connect_timeout: seconds that one server may take to answer.
        """
        self._url = url
        self._servers = servers_of(url)
        self._ca_file = ca_file
        self._seed = seed
        self._inbox = inbox
        self._timeout = connect_timeout
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._asking: defaultdict[str, set[asyncio.Task[Msg]]] = defaultdict(set)
        self._denied: set[asyncio.Task[Msg]] = set()
        self._on_gap: list[OnGap] = []
        self._unknown = False
        """Whether the server rejected the token at the last attempt."""

    async def request(
        self, subject: str, body: bytes = b"", headers: Mapping[str, str] | None = None, *, timeout: float = 5.0
    ) -> Reply:
        client = await self._connected()
        # NATS reports a refusal asynchronously; the request alone would wait for its timeout.
        asking = asyncio.get_running_loop().create_task(
            client.request(subject, body, timeout=timeout, headers=dict(headers) if headers else None)
        )
        named = subject.lower()  # the form in which nats-py reports refusals
        self._asking[named].add(asking)
        try:
            reply = await asking
        except asyncio.CancelledError:
            if asking not in self._denied:
                raise
            text = f"you may not use {subject}: ask for another role, or check the tenant"
            raise Forbidden([Reason("forbidden", text)]) from None
        except NoRespondersError as error:
            raise Unanswered(f"no service answers {subject}: see `qb status`") from error
        except (NatsError, TimeoutError) as error:
            raise self._silent(client, subject, timeout) from error
        finally:
            self._denied.discard(asking)
            self._asking[named].discard(asking)
            if not self._asking[named]:
                del self._asking[named]
        return Reply(reply.data, reply.headers or {})

    async def follow(self, subjects: Sequence[str], on_message: OnMessage, on_gap: OnGap) -> Unsubscribe:
        client = await self._connected()

        async def forward(message: Msg) -> None:
            on_message(Message(message.subject, message.data, message.headers or {}))

        async with AsyncExitStack() as opened:
            self._on_gap.append(on_gap)
            opened.callback(self._on_gap.remove, on_gap)
            try:
                for subject in subjects:
                    opened.push_async_callback(_unsubscribe, await client.subscribe(subject, cb=forward))
                # nats-py sends PING before its buffer: only the second PING follows the subscriptions.
                await client.flush()
                await client.flush()
            except (NatsError, TimeoutError) as error:
                raise self._silent(client, ", ".join(subjects), self._timeout) from error
            return opened.pop_all().aclose

    async def close(self) -> None:
        if self._client is not None:
            with suppress(OSError, NatsError):  # the connection is lost already
                await self._client.close()

    async def _connected(self) -> Client:
        if self._client is None:
            async with self._connecting:
                self._client = self._client or await self._connect()
        return self._client

    async def _connect(self) -> Client:
        failures = list[Exception]()

        async def on_error(error: Exception) -> None:
            failures.append(error)
            if self._client is None and len(failures) >= len(self._servers):
                raise error  # each server was tried: the first connection has no retries
            self._unknown = self._unknown or "authorization" in str(error).lower()
            self._deny(str(error))
            if isinstance(error, SlowConsumerError):
                self._note_gap()

        async def on_reconnected() -> None:
            self._unknown = False
            self._note_gap()

        tls = self._tls()
        try:
            return await connect(
                self._servers,
                name="queuebit",
                tls=tls,
                nkeys_seed_str=self._seed,
                inbox_prefix=self._inbox.encode(),
                connect_timeout=self._timeout,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,
                error_cb=on_error,
                reconnected_cb=on_reconnected,
            )
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
        if found := _VIOLATION.search(text):
            for asking in self._asking.get(found[1].lower(), ()):
                self._denied.add(asking)
                asking.cancel()


async def _unsubscribe(subscription: Subscription) -> None:
    with suppress(NatsError):  # the subscription ended with its connection
        await subscription.unsubscribe()
