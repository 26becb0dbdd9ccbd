"""Makes the faults of a plan happen, and ends them."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Final

from queuebit_simulation.loop import VirtualLoop
from queuebit_simulation.network import Network, Weather
from queuebit_simulation.plan import Plan
from queuebit_simulation.services import Process, Services

__all__ = ["Faults"]

_LONGEST_PAUSE_S: Final = 12.0
"""Four leases of the scheduler, and two of a delivered message."""


class Faults:
    """The faults of one simulation."""

    def __init__(self, plan: Plan, loop: VirtualLoop, network: Network, services: Services, random: Random) -> None:
        self._plan = plan
        self._loop = loop
        self._network = network
        self._services = services
        self._random = random
        self.injected: Counter[str] = Counter()
        """By kind."""

    async def run(self) -> None:
        """Let faults happen until cancelled."""
        while self._plan.kinds:
            await asyncio.sleep(self._random.expovariate(1 / self._plan.every_s))
            kind = self._random.choice(self._plan.kinds)
            self.injected[kind] += 1
            getattr(self, f"_{kind}")(self._random.choice(self._services.processes))

    def end(self) -> None:
        """Repair everything: processes run, clocks are right, and the network loses nothing."""
        self._network.weather = Weather()
        for client in self._network.clients:
            client.mend()
        for process in self._services.processes:
            process.skew_s = 0.0
            if process.node is not None:
                process.node.skew_s = 0.0
                self._loop.resume(process.node)

    def _kill(self, process: Process) -> None:
        process.kill()

    def _stop(self, process: Process) -> None:
        process.stop()

    def _pause(self, process: Process) -> None:
        if (node := process.node) is not None and not node.paused:
            self._loop.pause(node)
            self._services.later(self._random.uniform(0.5, _LONGEST_PAUSE_S), self._loop.resume, node)

    def _cut(self, process: Process) -> None:
        for client in self._network.clients:
            if client.node is process.node and client.is_connected:
                client.cut()
                self._services.later(self._random.uniform(0.2, 8.0), client.mend)

    def _loss(self, process: Process) -> None:
        del process
        self._weather(Weather(self._network.weather.slowest_s, self._random.choice((0.02, 0.1, 0.3))))

    def _slow(self, process: Process) -> None:
        del process
        self._weather(Weather(self._random.choice((0.02, 0.2, 1.5)), self._network.weather.loss))

    def _weather(self, weather: Weather) -> None:
        self._network.weather = weather
        self._services.later(self._random.uniform(0.5, 4.0), setattr, self._network, "weather", Weather())

    def _redeliver(self, process: Process) -> None:
        del process
        self._network.server.redeliver(self._random)

    def _restart(self, process: Process) -> None:
        del process
        self._network.server.restart()
        for client in self._network.clients:
            if client.is_connected:
                client.cut()
                self._services.later(self._random.uniform(0.2, 1.5), client.mend)

    def _clock(self, process: Process) -> None:
        if process.node is not None:
            process.node.skew_s = process.skew_s = self._random.uniform(-150.0, 150.0)
