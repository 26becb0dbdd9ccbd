"""Builds the service."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from random import SystemRandom

from queuebit.bus_transport import BusTransport
from queuebit_contracts.delegations import Delegations
from queuebit_contracts.directory import Directory
from queuebit_contracts.subjects import DELEGATIONS, TENANTS
from queuebit_contracts.wire import UnknownEvent
from queuebit_gateway.bus_door import BusDoor
from queuebit_gateway.callers import Callers
from queuebit_gateway.dead_letters import DeadLetterReader
from queuebit_gateway.hub import Hub
from queuebit_gateway.jobs import result_document
from queuebit_gateway.log_reader import LogReader
from queuebit_gateway.oauth import OAuth
from queuebit_gateway.platform import Platform
from queuebit_gateway.server import Server, listen_on, name_of
from queuebit_gateway.settings import Settings
from queuebit_gateway.tokens import Tokens
from queuebit_gateway.web import Streaming, web_app
from queuebit_gateway.webhooks.buckets import BucketKeys, Buckets
from queuebit_gateway.webhooks.leases import Leases
from queuebit_gateway.webhooks.owning import Owning
from queuebit_gateway.webhooks.routes import WebhookRoutes
from queuebit_gateway.webhooks.sending import Sender
from queuebit_gateway.webhooks.service import Webhooks
from queuebit_gateway.webhooks.signing import Signing
from queuebit_gateway.webhooks.store import Store
from queuebit_gateway.webhooks.worker import Parts
from queuebit_kernel import SystemClock
from queuebit_runtime.bus_log import BusLogFile
from queuebit_runtime.http_metrics import HttpMetrics
from queuebit_runtime.log import newest_of
from queuebit_runtime.requests import Requests
from queuebit_runtime.service import Service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.stored import Stored
from queuebit_runtime.stream_state import stream_state
from queuebit_runtime.view import View, fold_events

__all__ = ["Gateway", "create_app"]

_READ_S = 5.0


class Gateway(Service):
    """The service: the directory of tenants as a view, and the web application on it."""

    def __init__(self, bus: BusSettings, settings: Settings) -> None:
        super().__init__("gateway", bus)
        directory, delegations = Directory(), Delegations()

        def take(stored: Stored) -> None:
            if not isinstance(stored.event, UnknownEvent):
                directory.take(stored.event)
                delegations.take(stored.event)

        self.views.append(View(self.bus, self.name, [TENANTS, DELEGATIONS], fold_events(take)))
        newest = partial(newest_of, Requests(self.bus, _READ_S))
        platform = Platform(self.log, BusTransport(self.bus), newest, DeadLetterReader(self.bus))
        clock = SystemClock()
        tokens = Tokens(directory, delegations, clock)
        callers = Callers(directory, clock, tokens)
        reader = LogReader(self.bus, self.tasks, self.name, self.topology.service[self.name].view)
        hub = Hub(reader)
        reader.take, reader.in_use = hub.take, lambda: hub.streams > 0
        further = OAuth(platform, tokens).routes()
        store, signing = Store(self.bus), Signing(bus.seed_of("gateway"))
        sender = Sender(settings.webhook_private_hosts, clock)
        listening = listen_on(settings)
        leases = Leases(store, settings.name or name_of(listening), settings.webhook_lease_s, clock)
        keys = BucketKeys(Path(settings.bucket_keys) if settings.bucket_keys else None)
        buckets = Buckets(keys, sender.outbound, partial(result_document, platform), clock)
        parts = Parts(hub, reader, leases, sender, signing, clock, SystemRandom().random, buckets)
        owning = Owning(parts, store, self.tasks, lambda: directory.removed)
        webhooks = Webhooks(parts, store, owning, self._end_of_log, next(iter(settings.hosts), "localhost"))
        self.before.append(owning.start)
        hooks = partial(WebhookRoutes, webhooks, signing)
        door = self.counted()
        app = web_app(settings, platform, callers, directory.tenant, further, Streaming(hub, reader), hooks, door)
        bus_door = BusDoor(door, directory.owner)
        self.before.append(partial(self._count_on_bus, bus_door))
        if settings.bus_log is not None:
            self.work.append(partial(bus_door.follow_log, BusLogFile(settings.bus_log, from_end=True)))
        self._server = Server(HttpMetrics(app, self.metrics), settings, listening)
        self.ending.append(hub.close)
        self.detail = lambda: {"streams": hub.streams, "webhooks": owning.number}
        self.metrics.gauge("queuebit_event_streams_open", "Clients that follow events.", lambda: hub.streams)
        self.metrics.gauge("queuebit_webhooks_served", "Webhooks that this process delivers.", lambda: owning.number)
        self.work.append(self._server.run_until_exit)
        self.ending.append(self._server.end)
        self.draining += [self._server.drained, owning.close]

    async def _count_on_bus(self, door: BusDoor) -> None:
        await door.listen(self.bus.client, self.topology.service[self.name].counts, self.name)

    async def _end_of_log(self) -> int:
        return (await stream_state(self.bus)).last


def create_app() -> Gateway:
    """Build the service from its environment."""
    return Gateway(BusSettings(), Settings())
