"""The processes of the services: each is built by its own `create_app`, started as `Service` starts it, and ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from unittest.mock import patch

import queuebit_broker.app
import queuebit_executor.app
import queuebit_metering.app
import queuebit_provenance.app
import queuebit_scheduler.app
from queuebit_contracts.executors import executor_of, with_executors
from queuebit_contracts.topology import Topology, topology
from queuebit_proof import TrustRoot
from queuebit_runtime.service import Service
from queuebit_simulation.circuits import BACKENDS, SLOTS, InstantCircuits
from queuebit_simulation.loop import Node, VirtualLoop
from queuebit_simulation.network import Network

__all__ = ["STACK", "Process", "Services", "declared", "served", "settings"]

STACK: Final = "local"
"""The stack that the executors serve."""

_AGAIN_S: Final = 0.5
"""After this time the supervisor starts a process again that ended."""


def declared() -> Topology:
    """The topology of a simulation."""
    return with_executors(topology(), {STACK: BACKENDS})


def served(wanted: Topology) -> list[str]:
    """The durables of the services that run."""
    running = ("broker", "metering", "provenance", executor_of(STACK))
    names = [name for name, it in wanted.durable.items() if it.service in running]
    return [it for it in names if "hybrid" not in it]


class Process:
    """A process that its supervisor starts again whenever it ends."""

    def __init__(self, name: str, create: Callable[[], Service], services: Services, skew_s: float) -> None:
        """Prepare.

        Args:
            name: of the process, which no other has.
            create: builds the service.
            services: all of them.
            skew_s: how far its clock is ahead.
        """
        self.name = name
        self.skew_s = skew_s
        self.starts = 0
        self._create = create
        self._services = services
        self.node: Node | None = None
        self.service: Service | None = None

    @property
    def ready(self) -> bool:
        """Whether it takes work."""
        return self.node is not None and self.service is not None and self.service._ready

    def start(self) -> None:
        """Start it, as a new node."""
        self.starts += 1
        self.node = Node(f"{self.name}#{self.starts}", self.skew_s)
        self._services.loop.call_soon(self._begin, self.node, context=self.node.context)

    def kill(self) -> None:
        """End it at once: nothing of it runs any more."""
        node, self.node = self.node, None
        if node is not None:
            self._services.dead.append(self.service)
            self.service = None
            self._services.loop.kill(node)
            self._services.network.kill(node)
            self._services.later(_AGAIN_S, self._start_again)

    def stop(self) -> None:
        """Ask it to end in order, as a SIGTERM does."""
        node, service = self.node, self.service
        if node is not None and service is not None:
            self._services.loop.call_soon(self._end, node, service, context=node.context)

    def _start_again(self) -> None:
        if self.node is None:
            self.start()

    def _begin(self, node: Node) -> None:
        with patch.dict(os.environ, self._services.environment | {"QUEUEBIT_SCHEDULER_NAME": self.name}):
            service = self.service = self._create()
        loop = asyncio.get_running_loop()
        failed = service.tasks.failed = loop.create_future()
        failed.add_done_callback(lambda it: self._failed(node, it))
        service.tasks.spawn(service._start(), f"{self.name} start")

    def _failed(self, node: Node, failed: asyncio.Future[None]) -> None:
        self._services.failures.append(f"{self.name}: {failed.exception()!r}")
        self._services.later(0.0, self._kill_if, node)

    def _end(self, node: Node, service: Service) -> None:
        ending = asyncio.get_running_loop().create_task(service._end())
        ending.add_done_callback(lambda _: self._services.later(0.0, self._kill_if, node))

    def _kill_if(self, node: Node) -> None:
        if self.node is node:
            self.kill()


class Services:
    """All processes of a simulation."""

    def __init__(
        self,
        loop: VirtualLoop,
        network: Network,
        environment: dict[str, str],
        skew: Callable[[], float],
        supervisor: Node,
        counts: Mapping[str, int],
    ) -> None:
        """Prepare them.

        Args:
            loop: runs them.
            network: connects them.
            environment: their settings.
            skew: how far the clock of the next process is ahead.
            supervisor: starts them again.
            counts: how many processes each service has; one by default.
        """
        self.loop = loop
        self.network = network
        self.environment = environment
        self.dead: list[Service | None] = []
        """Kept: a process that was killed cleans nothing up."""
        self.failures: list[str] = []
        """Why processes ended by themselves."""
        self.runs: list[str] = []
        """The tokens of all runs of circuits."""
        self._supervisor = supervisor
        self.processes = [
            Process(f"{name}-{number}", create, self, skew())
            for name, create in self._creators().items()
            for number in range(1, counts.get(name, 1) + 1)
        ]

    def later(self, delay_s: float, call: Callable[..., None], *args: object) -> None:
        """Call a function of the supervisor."""
        self.loop.call_later(delay_s, call, *args, context=self._supervisor.context)

    def trust(self) -> TrustRoot:
        """The keys of the transparency log."""
        return TrustRoot.parse(Path(self.environment["QUEUEBIT_PROVENANCE_TRUST_FILE"]).read_bytes())

    def forget_snapshots(self) -> None:
        """Have each view folded from the beginning of the log at its next start."""
        for snapshot in Path(self.environment["QUEUEBIT_BUS_SNAPSHOTS_DIR"]).iterdir():
            snapshot.unlink()

    def of(self, service: str) -> list[Process]:
        """The processes of a service."""
        return [it for it in self.processes if it.name.rpartition("-")[0] == service]

    def _creators(self) -> dict[str, Callable[[], Service]]:
        return {
            "broker": queuebit_broker.app.create_app,
            "scheduler": queuebit_scheduler.app.create_app,
            "executor": self._executor,
            "metering": queuebit_metering.app.create_app,
            "provenance": queuebit_provenance.app.create_app,
        }

    def _executor(self) -> Service:
        circuits = InstantCircuits(self.runs.append)
        with patch.object(queuebit_executor.app, "_circuits", lambda *_: circuits):
            return queuebit_executor.app.create_app()


def settings(folder: Path, seed_file: Path, price_book: Path, tenants: Path) -> dict[str, str]:
    """What the services read from their environment."""
    snapshots = folder / "snapshots"
    snapshots.mkdir(exist_ok=True)
    return {
        "QUEUEBIT_BUS_SEED_FILE": str(seed_file),
        "QUEUEBIT_BUS_SNAPSHOTS_DIR": str(snapshots),
        "QUEUEBIT_BROKER_PRICE_BOOK": str(price_book),
        "QUEUEBIT_BROKER_TENANTS_FILE": str(tenants),
        "QUEUEBIT_METERING_PRICE_BOOK": str(price_book),
        "QUEUEBIT_PROVENANCE_DATA_DIR": str(folder / "provenance"),
        "QUEUEBIT_PROVENANCE_TRUST_FILE": str(folder / "trust.json"),
        "QUEUEBIT_EXECUTOR_STACK": STACK,
        "QUEUEBIT_EXECUTOR_BACKENDS": str([*BACKENDS]).replace("'", '"'),
        "QUEUEBIT_EXECUTOR_SLOTS": str(SLOTS),
    }
