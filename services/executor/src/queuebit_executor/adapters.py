"""The children behind the port `Circuits`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel

from queuebit_executor.answers import (
    Declared,
    Described,
    Descriptions,
    Estimate,
    Profiled,
    Queued,
    Refused,
    Regions,
)
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.child_answers import read_as, read_body
from queuebit_executor.child_worker import ChildWorker
from queuebit_executor.errors import Garbled, Overloaded, VendorAway
from queuebit_executor.fair_queue import FairQueue
from queuebit_executor.memory_shares import MemoryShares
from queuebit_executor.policy import kept_of, slots_of
from queuebit_executor.ports import Asker, CircuitWork, RunTimer, Turn
from queuebit_executor.shared_circuits import Place, SharedCircuits
from queuebit_executor.single_runs import SingleRuns
from queuebit_executor.vendor_pause import VendorPause
from queuebit_executor.worker_pool import WorkerPool
from queuebit_executor.zygote_client import ZygoteClient
from queuebit_quantum.regions import Region
from queuebit_runtime.frames import Frame
from queuebit_runtime.tasks import Tasks

__all__ = ["ChildCircuits"]

_A = TypeVar("_A", bound=BaseModel)

_REGIONS_S = 1.0
"""The longest wait for the child that chooses regions; the device is free meanwhile."""


class ChildCircuits:
    """One child works to profile, and for each backend as many to run as it has slots; each is of one tenant."""

    def __init__(
        self,
        zygote: ZygoteClient,
        tasks: Tasks,
        *,
        slots: int | None,
        cores: int = 1,
        kept: int = 0,
        idle_bytes: int = 2 << 30,
        memory: MemoryShares | None = None,
        profile_seconds: float,
        run_seconds: float,
    ) -> None:
        self.zygote = zygote
        self._tasks = tasks
        self._slots = slots
        self._cores = cores
        self._kept = kept
        self._idle_bytes = idle_bytes
        self._all_cores: FairQueue[None] = FairQueue()
        self._all_cores.give(None)
        self._memory = memory
        self._run_seconds = run_seconds
        self.profilers = WorkerPool("profile", 1, profile_seconds, zygote, tasks, kept=kept, idle_bytes=idle_bytes)
        self._shared = SharedCircuits()
        self.runners: dict[str, WorkerPool] = {}
        self._singles: dict[str, SingleRuns] = {}
        self._offers: dict[str, Described] = {}
        self._without: dict[str, list[tuple[int, ...]]] = {}
        """By backend: elements that circuits are not compiled for."""
        self.pause = VendorPause()
        """Of the vendor of all backends, if they are remote."""

    async def load(self) -> None:
        """Begin to load the SDK, in a process of its own."""
        await self.zygote.open()
        self._tasks.spawn(self.zygote.watch(), "watch over the children")

    async def open(self) -> tuple[Described, ...]:
        """Start all children, as soon as the SDK is loaded, and describe the backends."""
        await self.profilers.open()
        described = await self.profilers.ask({"op": "describe"}, read_as(Descriptions))
        if isinstance(described, Refused):
            raise Garbled(f"the backends could not be described: {described.error.message}")
        for offer in described.offers:
            pool = self._pool(offer)
            self.runners[offer.backend], self._offers[offer.backend] = pool, offer
            newest = partial(self._offers.__getitem__, offer.backend)
            regions = partial(self._regions, offer.backend)
            self._singles[offer.backend] = SingleRuns(
                newest, pool, self._shared, self._tasks, self._run_seconds, regions
            )
            await pool.open()
        return described.offers

    def _pool(self, offer: Described) -> WorkerPool:
        return WorkerPool(
            "run",
            slots_of(offer, self._slots, self._cores),
            self._run_seconds,
            self.zygote,
            self._tasks,
            kept=kept_of(offer, self._kept),
            idle_bytes=self._idle_bytes,
            local=not offer.remote,
        )

    async def close(self) -> None:
        """End all children."""
        await self.zygote.close()

    def trouble(self) -> str | None:
        """Why circuits cannot run; empty if they can."""
        return "the zygote, which holds the SDK, has ended" if self.zygote.lost else None

    def detail(self) -> dict[str, str | int]:
        """Details for the health page."""
        idle = sum(pool.idle for pool in self.runners.values())
        sandbox = f"not limited: {'; '.join(self.zygote.unlimited)}" if self.zygote.unlimited else "complete"
        return {"idle_runners": idle, "idle_profilers": self.profilers.idle, "sandbox": sandbox}

    def idle_runners(self) -> dict[tuple[str, ...], float]:
        """How many children wait for a circuit, by backend."""
        return {(backend,): pool.idle for backend, pool in self.runners.items()}

    async def calibration(self, backend: str) -> bytes:
        found = await self.profilers.ask({"op": "calibration", "backend": backend}, read_body)
        if isinstance(found, Refused):
            raise Garbled(f"the calibration of {backend} could not be read: {found.error.message}")
        return found

    async def inputs(self, source: bytes, asker: Asker) -> Declared | Refused:
        return await self._ask({"op": "inputs"}, read_as(Declared), source, asker)

    async def profile(self, circuit: BoundCircuit, asker: Asker) -> Profiled | Refused:
        return await self._ask({"op": "profile", **circuit.head}, read_as(Profiled), circuit.source, asker)

    async def estimate(self, circuit: BoundCircuit, backend: str, asker: Asker) -> Estimate | Refused:
        place = Place(asker.tenant, backend, self.target(backend))

        def read(frame: Frame) -> Estimate | Refused:
            found = read_as(Estimate)(frame)
            if isinstance(found, Estimate):
                size, body = found.parsed_bytes, frame[1]
                self._shared.put(circuit, place, parsed=body[:size], compiled=body[size:])
            return found

        head, body = self._shared.request(circuit, place, compiled=False)
        ask = {"op": "estimate", "backend": backend, "target": place.target, **self.without(backend), **head}
        return await self._ask(ask, read, body, asker)

    async def _ask(
        self, head: dict[str, Any], read: Callable[[Frame], _A | Refused], body: bytes, asker: Asker
    ) -> _A | Refused:  # a head is plain JSON
        return await self.profilers.ask(head, read, body, line=asker.tenant, begin_by=asker.begin_by)

    async def _regions(self, backend: str, sizes: Sequence[int]) -> Sequence[Region | None]:
        """Regions of a device for circuits of these sizes, chosen by a child that served no tenant.

        None for each if that takes longer than sharing is worth.
        """
        head = {"op": "regions", "backend": backend, "target": self.target(backend), "sizes": [*sizes]}
        begin_by = asyncio.get_running_loop().time() + _REGIONS_S
        try:
            found = await self.profilers.ask(head | self.without(backend), read_as(Regions), begin_by=begin_by)
        except Overloaded:
            return [None] * len(sizes)
        return [None] * len(sizes) if isinstance(found, Refused) else found.regions

    async def exclude(self, backend: str, without: Sequence[tuple[int, ...]]) -> Described:
        """Have a device compiled without some elements from now on, and return its new description."""
        self._without[backend] = [*without]
        return await self.recalibrate(backend)

    def without(self, backend: str) -> dict[str, Any]:  # plain JSON
        """The part of a request that says what its backend is compiled without; empty if it was never used in part."""
        return {"without": self._without[backend]} if backend in self._without else {}

    async def recalibrate(self, backend: str) -> Described:
        """Read a device's calibration again and return its new description; all children update theirs."""
        await self.pause.over()
        head = {"op": "recalibrate", "backend": backend, **self.without(backend)}
        found = await self.profilers.ask(head, read_as(Described))
        self.pause.note(found)
        if isinstance(found, Refused):
            raise VendorAway(f"{backend} could not be calibrated: {found.error.message}")
        self._offers[backend] = found
        return found

    async def queue(self, backend: str) -> Queued:
        """Ask the vendor for the queue in front of a device.

        Raises:
            VendorAway: it does not answer.
        """
        await self.pause.over()
        found = await self.profilers.ask({"op": "queue", "backend": backend, **self.without(backend)}, read_as(Queued))
        self.pause.note(found)
        if isinstance(found, Refused):
            raise VendorAway(f"the queue of {backend} could not be read: {found.error.message}")
        return found

    def target(self, backend: str) -> str:
        """The digest of the calibration that a backend is offered with."""
        return self._offers[backend].target

    def calibrated(self, backend: str) -> str | None:
        return self._offers[backend].calibration

    def max_items(self, backend: str) -> int:
        """The most circuits of one submission to a remote backend."""
        return self._offers[backend].max_items

    def remote(self, backend: str) -> bool:
        """Whether a backend is remote; known after it is opened."""
        return self._offers[backend].remote

    def turn(self, backend: str, tenant: str, work: CircuitWork, busy: RunTimer) -> AbstractAsyncContextManager[Turn]:
        return self._singles[backend].turn(tenant, work, busy)

    @asynccontextmanager
    async def worker(self, backend: str, tenant: str, *, all_cores: bool = False) -> AsyncIterator[ChildWorker]:
        async with AsyncExitStack() as machine:
            if all_cores:
                await self._reserve(machine, backend, tenant)
            async with AsyncExitStack() as held:
                pool = self.runners[backend]
                child = await held.enter_async_context(pool.borrow(tenant))
                offer = self._offers[backend]
                place = Place(tenant, backend, offer.target)
                request = partial(self._shared.request, place=place)
                yield ChildWorker(offer, pool, child, held, request, self._run_seconds, tenant)

    async def _reserve(self, machine: AsyncExitStack, backend: str, tenant: str) -> None:
        """Wait for what a large run needs of the machine: on a simulator all cores, and the memory that it may use."""
        offer = self._offers[backend]
        if offer.kind == "simulator":
            await self._all_cores.take(tenant)
            machine.callback(self._all_cores.give, None)
        if self._memory is not None and not offer.remote:
            await machine.enter_async_context(self._memory.take(self.zygote.memory_mb))
