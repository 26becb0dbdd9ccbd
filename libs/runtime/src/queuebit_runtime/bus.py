"""One connection to NATS, shared by FastStream's subscribers and all other users."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from ssl import SSLContext

from faststream import AckPolicy
from faststream.nats import NatsBroker, NatsRouter
from faststream.nats.security import NatsNKey

from queuebit_contracts.topology import inbox_of
from queuebit_runtime.connection import Client, NatsError
from queuebit_runtime.harden import harden_nats_client
from queuebit_runtime.message_metrics import MessageMetrics, RequestMetrics
from queuebit_runtime.message_outcome import MessageOutcome
from queuebit_runtime.metrics import Metrics
from queuebit_runtime.replies import REQUESTS
from queuebit_runtime.requests import Requests
from queuebit_runtime.rounds import InRounds, Rounds
from queuebit_runtime.servers import servers_of
from queuebit_runtime.tenant_limiter import TenantLimiter
from queuebit_runtime.tracing import Tracing

__all__ = ["Bus"]

_log = logging.getLogger(__name__)


class Bus:
    """The connection of a service: logs in as the service's own user and reconnects without limit."""

    def __init__(self, service: str, url: str, seed: str, tls: SSLContext | None = None) -> None:
        """Create the bus; `connect` opens the connection.

        Args:
            service: name of the service.
            url: one server, or several separated by commas.
            seed: the service's NKey seed.
            tls: TLS context, for servers with TLS.
        """
        self.service = service
        self.servers = servers_of(url)
        self.metrics = Metrics(service)
        self.tracing = Tracing(service)
        self._outcome = MessageOutcome(self.tracing, MessageMetrics(self.metrics))
        self.broker = NatsBroker(
            self.servers,
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
        self.broker.context.set_global(REQUESTS, RequestMetrics(self.metrics))
        self._client: Client | None = None
        self._requests = Requests(self, timeout_s=5)
        self._rounds: dict[InRounds, Rounds] = {}
        self.closed = asyncio.Event()
        """Set when the connection is closed and will not reconnect."""

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
        """Whether the connection is up."""
        return self._client is not None and self._client.is_connected

    def separate_tenants(self, consumer: str, side_by_side: int) -> None:
        """Handle a consumer's messages with a limit for each tenant, instead of all in order of arrival.

        Subscribe with `workers=PLACES`, because waiting messages occupy workers too.
        """
        self._outcome.limiters[consumer] = TenantLimiter(side_by_side)

    async def connect(self) -> None:
        """Open the connection; subscribers start later, with `start`."""
        harden_nats_client()
        self._client = await self.broker.connect()
        self._outcome.client = self._client

    async def start(self, router: NatsRouter | None = None) -> None:
        """Start the subscribers of one router, or all that have not started yet.

        The broker's own `start` would start a subscriber again, and lose what it has in hand; and it does not run
        durables in rounds.
        """
        for subscriber in (self.broker if router is None else router).subscribers:
            if isinstance(how := getattr(subscriber, "pull_sub", None), InRounds):
                if how not in self._rounds:
                    rounds = Rounds(self.client, how, partial(self._outcome.handle, how.call))
                    await rounds.start()
                    self._rounds[how] = rounds
            elif not subscriber.running:
                await subscriber.start()

    async def request(self, subject: str, body: bytes, timeout_s: float) -> bytes:
        """Ask, and return the body of the first reply; raises as `Requests`."""
        return (await self._requests.ask(subject, body, timeout_s=timeout_s)).data

    async def _on_closed(self) -> None:
        self.closed.set()

    async def close(self) -> None:
        """Wait for running handlers, then close."""
        if self._client is not None and self._client.is_connected:
            await self.tracing.flush(self._client)
        await asyncio.gather(*(it.stop() for it in self._rounds.values()))
        try:
            await self.broker.stop()
        except* NatsError as group:  # subscriptions end with a connection that is closed already
            _log.info("%s: the connection was closed before its subscriptions: %s", self.service, group.exceptions[0])
