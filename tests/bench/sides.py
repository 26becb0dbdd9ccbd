"""The sides of the comparison: each runs Bell jobs with its client, and names its processes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

import psutil
from tests.bench.load import round_trips, sustained

from queuebit import AsyncClient
from queuebit_testing.embedded import EmbeddedStack

__all__ = ["Burst", "QueuebitSide", "Side"]


@dataclass(frozen=True)
class Burst:
    """Jobs a second to the result, the client's processor time a job in ms, and jobs a second to the receipt."""

    to_result: float
    client_ms: float
    to_receipt: float | None = None


class Side(Protocol):
    """A system under comparison, with one client process."""

    @property
    def name(self) -> str: ...

    @property
    def processes(self) -> Mapping[str, psutil.Process]:
        """Every process but the client; the children of each count with it."""

    async def burst(self, jobs: int, in_flight: int) -> Burst: ...

    async def round_trips(self, jobs: int) -> list[float]:
        """Seconds of each job, one at a time."""


class QueuebitSide:
    """The embedded stack as a side of the comparison; this process is its client."""

    def __init__(self, stack: EmbeddedStack, client: AsyncClient) -> None:
        self._client = client
        services = {name: psutil.Process(pid) for name in stack.names() if (pid := stack.pid(name))}
        self.processes = services | {"supervisor": next(iter(services.values())).parent()}

    @property
    def name(self) -> str:
        """The program and its version."""
        return f"Queuebit {version('queuebit')}"

    async def burst(self, jobs: int, in_flight: int) -> Burst:
        """Run Bell jobs on one account, `in_flight` open at once, and wait for every receipt."""
        used = time.process_time()
        done = await sustained(self._client, jobs, ("playground",), in_flight)
        client_ms = (time.process_time() - used) / jobs * 1000
        return Burst(jobs / done.completed_s, client_ms, jobs / done.sealed_s)

    async def round_trips(self, jobs: int) -> list[float]:
        """Seconds from `submit` to the counts in hand, one job at a time."""
        return await round_trips(self._client, jobs)
