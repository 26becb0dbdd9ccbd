"""One service process: bus, background work, health, and an orderly shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import uvloop
from faststream.nats import NatsRouter
from pydantic import ValidationError

from queuebit_contracts.topology import Topology, topology
from queuebit_kernel import Fault, SystemClock
from queuebit_runtime.access_recorder import Recorder
from queuebit_runtime.bus import Bus
from queuebit_runtime.gate import opened
from queuebit_runtime.health import Health, HealthServer
from queuebit_runtime.log import JetStreamLog
from queuebit_runtime.log_records import CountRecords, KeepRecords, LogSettings, write_logs
from queuebit_runtime.majority import keep_to_majority
from queuebit_runtime.otlp import exporting
from queuebit_runtime.provision import assert_topology
from queuebit_runtime.servers import tls_of
from queuebit_runtime.service_metrics import measure_service
from queuebit_runtime.settings import BusSettings
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.view import View
from queuebit_runtime.view_snapshot import Snapshotted, ViewSnapshot

__all__ = ["Service", "run"]

_GRACE_S = 8.0
"""How long running handlers may take at shutdown."""

_logger = logging.getLogger(__name__)


class Service:
    """The parts of a service: `create_app` adds them, `run` runs them.

    Order at start: connect, check the consumers, start views and wait until they have caught up, then take work.
    """

    def __init__(self, name: str, settings: BusSettings, wanted: Topology | None = None) -> None:
        """Prepare; `wanted` is where the service is declared, if not in the topology that is the same everywhere."""
        self.name = name
        self.settings = settings
        self.topology = wanted or topology()
        self.bus = Bus(name, settings.url, settings.seed_of(name), tls_of(settings.ca_file))
        self.log = JetStreamLog(self.bus, self.bus.metrics)
        self.metrics = self.bus.metrics
        """Declare in it what this service counts or measures, beside what the runtime does."""
        self.tasks = Tasks()
        self.views: list[View] = []
        self.first: list[Callable[[], Awaitable[None]]] = []
        """Awaited before connecting: work that needs nothing, and goes on while the bus and views are waited for."""
        self.connected: list[Callable[[], Awaitable[None]]] = []
        """Awaited after connecting, before views start: work that needs only the bus."""
        self.before: list[Callable[[], Awaitable[None]]] = []
        """Awaited after the views have caught up, before the first message."""
        self.work: list[Callable[[], Awaitable[None]]] = []
        """Background loops."""
        self.ending: list[Callable[[], None]] = []
        """Called first at shutdown: handlers that wait for more messages should wait no longer."""
        self.draining: list[Callable[[], Awaitable[None]]] = []
        """Awaited next, while the bus is still open: requests of another protocol get their answers."""
        self.flushing: list[Callable[[], Awaitable[None]]] = []
        """Awaited then, while the bus is open: what was collected is stored."""
        self.after: list[Callable[[], Awaitable[None]]] = []
        """Awaited at shutdown, newest first."""
        self.detail: Callable[[], dict[str, str | int]] = dict
        self.trouble: Callable[[], str | None] = lambda: None
        """Return what prevents the service from working; None if nothing does."""
        self._ready = False
        measure_service(self.metrics, self.health, lambda: self.bus.connected, self.views)

    def include(self, router: NatsRouter) -> None:
        """Add a router's subscribers."""
        self.bus.broker.include_router(router)

    def counted(self) -> Recorder:
        """Count reads and refusals of this process: facts are appended once a second, and the rest at the end."""
        recorder = Recorder(self.name, self.log, SystemClock(), self.metrics)
        self.work.append(recorder.run)
        self.flushing.append(partial(recorder.append, everything=True))
        return recorder

    def snapshot(self, state: Snapshotted) -> ViewSnapshot | None:
        """The snapshot of this service's view; None if there is no folder for it."""
        folder = self.settings.snapshots_dir
        return None if folder is None else ViewSnapshot(folder / f"{self.name}.snapshot", state)

    def health(self) -> Health:
        """The current health."""
        connected = self.bus.connected
        reason = None if connected else f"no connection to {self.settings.url}: is nats-server up?"
        return Health(
            service=self.name,
            alive=connected and self.trouble() is None,
            ready=self._ready,
            behind=sum(view.pending for view in self.views),
            reason=reason or self.trouble() or self._damage() or (None if self._ready else "views are catching up"),
            detail=self.detail(),
        )

    def _damage(self) -> str | None:
        """Messages that the views could not read; the service continues without them."""
        lost = sum(view.unreadable for view in self.views)
        if not lost:
            return None
        return f"{lost} stored messages cannot be read, the log is damaged: see `qb doctor` and `qb recover`"

    async def serve(self) -> None:
        """Run until SIGTERM or SIGINT, or until background work fails."""
        loop = asyncio.get_running_loop()
        stop = loop.create_future()
        self.tasks.failed = stop
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _finish, stop)
        async with exporting(os.environ, self.metrics, self.bus.tracing):
            await self._serve(stop)

    async def _serve(self, stop: asyncio.Future[None]) -> None:
        server = await HealthServer(
            self.settings.health_host, self.settings.health_port, self.health, self.metrics
        ).start()
        starting = self.tasks.spawn(self._start(), f"{self.name} start")
        try:
            await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
            await stop
        finally:
            self._ready = False
            starting.cancel()  # it would start consumers on a bus that is being closed
            await asyncio.wait({starting})
            await self._end()
            server.close()

    async def _start(self) -> None:
        for step in self.first:
            await step()
        if self.settings.gate_fd is not None:
            await opened(self.settings.gate_fd)
        await self.bus.connect()
        await assert_topology(self.bus.client, self.topology, self.name)
        for step in self.connected:
            await step()
        for view in self.views:
            self.tasks.spawn(view.run(), f"{self.name} view")
        for view in self.views:
            await view.caught_up.wait()
        for step in self.before:
            await step()
        self.tasks.spawn(self._watch(), f"{self.name} watch")
        if len(self.bus.servers) > 1:
            self.tasks.spawn(keep_to_majority(self.bus.client), f"{self.name} majority")
        self.tasks.spawn(self.bus.tracing.run(self.bus.client), f"{self.name} tracing")
        for loop in self.work:
            self.tasks.spawn(_coroutine(loop), f"{self.name} {getattr(loop, '__name__', 'work')}")
        _settle_memory()
        await self.bus.start()
        self._ready = True
        _logger.info(", ".join([f"{self.name} is ready", *(f"{name} {it}" for name, it in self.detail().items())]))

    async def _watch(self) -> None:
        """End the process when the connection is closed for good; the supervisor restarts it."""
        await self.bus.closed.wait()
        if not self.tasks.ending:
            raise ConnectionError("the connection to NATS was closed for good")

    async def _end(self) -> None:
        self.tasks.ending = True
        for hurry in self.ending:
            hurry()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(it() for it in self.draining)), _GRACE_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(it() for it in self.flushing)), _GRACE_S)
        with suppress(TimeoutError):  # do not wait for a closed bus
            await asyncio.wait_for(self.bus.close(), _GRACE_S)
        await self.tasks.close()
        for view in self.views:
            await view.save()
        for step in reversed(self.after):
            await step()


def run(create: Callable[[], Service]) -> int:
    """Run a service and return its exit code: 0 ended by a signal, 1 failed, 2 misconfigured."""
    try:
        logs = LogSettings()
        write_logs(logs)
        service = create()
    except (Fault, ValidationError, OSError, ValueError) as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    kept = KeepRecords(service.name)
    service.bus.tracing.further = kept.take
    write_logs(logs, service.name, CountRecords(service.metrics), kept)
    _logger.info("%s is starting", service.name)
    try:
        uvloop.run(service.serve())
    except Fault as error:
        _logger.error("%s cannot go on: %s", service.name, error)  # noqa: TRY400  # the text says it all
        return 1
    except Exception:
        _logger.exception("%s failed", service.name)
        return 1
    _logger.info("%s has ended", service.name)
    return 0


def _settle_memory() -> None:
    """Freeze objects built at start for the garbage collector: messages are freed by reference counts, 10 % faster."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _coroutine(work: Callable[[], Awaitable[None]]) -> None:
    await work()
