"""One connection to NATS, for FastStream's subscribers and for everything beside them."""

from __future__ import annotations

import asyncio
from ssl import SSLContext

from faststream import AckPolicy
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey
from nats.aio.client import Client

from queuebit_contracts.topology import inbox_of
from queuebit_runtime.harden import harden_nats_client
from queuebit_runtime.message_outcome import MessageOutcome
from queuebit_runtime.servers import servers_of
from queuebit_runtime.tenant_limiter import TenantLimiter
from queuebit_runtime.tracing import Tracing

__all__ = ["Bus"]


class Bus:
    """A service's place on the bus: connects as the service's own user and never gives up reconnecting."""

    def __init__(self, service: str, url: str, seed: str, tls: SSLContext | None = None) -> None:
        """Prepare; `connect` connects.

        Args:
            service: whose place.
            url: one server, or several with commas between them.
            seed: of the service's NKey.
            tls: how to know the servers, where they speak TLS.
        """
        self.service = service
        self.tracing = Tracing(service)
        self._outcome = MessageOutcome(service, self.tracing)
        self.broker = NatsBroker(
            servers_of(url),
            name=f"queuebit-{service}",
            security=NatsNKey.from_seed(seed, ssl_context=tls),
            inbox_prefix=inbox_of(service),
            ack_policy=AckPolicy.NACK_ON_ERROR,
            middlewares=[self._outcome],
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,  # type: ignore[arg-type]  # annotated int, used as seconds in asyncio.sleep
            connect_timeout=5,
            closed_cb=self._on_closed,
            logger=None,
        )
        self._client: Client | None = None
        self.closed = asyncio.Event()
        """Set when the connection is gone for good."""

    @property
    def client(self) -> Client:
        """The connection.

        Raises:
            RuntimeError: `connect` has not been awaited.
        """
        if self._client is None:
            raise RuntimeError("the bus is not connected yet: await Bus.connect() first")
        return self._client

    @property
    def connected(self) -> bool:
        """Whether the server can be reached now."""
        return self._client is not None and self._client.is_connected

    def separate_tenants(self, duty: str, side_by_side: int) -> None:
        """Handle a duty's messages so many side by side for each tenant, instead of all in order of arrival.

        Subscribe with `workers=PLACES`, since those who wait for their turn are workers, too.
        """
        self._outcome.lines[duty] = TenantLimiter(side_by_side)

    async def connect(self) -> None:
        """Open the connection; subscribers start later, with `broker.start()`."""
        harden_nats_client()
        self._client = await self.broker.connect()
        self._outcome.client = self._client

    async def _on_closed(self) -> None:
        self.closed.set()

    async def close(self) -> None:
        """Let running handlers finish, then close."""
        if self._client is not None and self._client.is_connected:
            await self.tracing.flush(self._client)
        await self.broker.stop()
