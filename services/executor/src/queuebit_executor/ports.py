"""What the handlers need besides the log and the payload store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from queuebit_contracts.job import Measure
from queuebit_contracts.program import Item
from queuebit_contracts.results import ItemResult
from queuebit_contracts.wire import Digest
from queuebit_executor.answers import Declared, Estimate, ItemRan, Profiled, Ran, Refused, Submitted
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.manifest import Manifest
from queuebit_quantum import shots_of_copy
from queuebit_quantum.regions import Region

__all__ = ["Asker", "CircuitWork", "Circuits", "ItemWork", "RunTimer", "Turn", "Vendor", "Worker"]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wants to know; tenants take turns."""

    tenant: str
    begin_by: float | None = None
    """The latest time to begin, on the event loop's clock: later, the caller no longer waits."""


@dataclass(frozen=True, slots=True)
class CircuitWork:
    """One circuit to compile and run; a device is not started when it would take longer than `budget_us`."""

    source: bytes
    shots: int
    seed: int
    budget_us: int
    token: str
    """Names the run: see `queuebit_quantum.Backend.submit`."""
    shared_device: str | None = None
    """With whose circuits it may be on the device at the same time; None: it runs alone."""
    qubits: int = 0
    """That it touches, if it may share the device."""
    calibration: str | None = None
    """The snapshot of an earlier calibration, under which an emulated device runs it; None: the present one."""
    region: Region | None = None
    """The qubits of the device that it runs on, while others run there too; None: any."""


@dataclass(frozen=True, slots=True)
class ItemWork:
    """One item of a program, with its own seed."""

    source: bytes
    item: Item
    outputs: tuple[str, ...]
    shots: int
    seed: int
    token: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """How its circuits are compiled, as the program has it; plain JSON."""
    post: tuple[str, ...] = ()
    """The steps after the run."""

    @property
    def counted_shots(self) -> int:
        """The sum of its counts, if it is sampled and complete: twirled copies round its shots up."""
        copies = self.options.get("twirling")
        return (copies or 1) * shots_of_copy(self.shots, copies)

    @property
    def head(self) -> dict[str, Any]:
        """What a child must know besides the source; plain JSON."""
        asked = {
            "observables": [dict(it) for it in self.item.observables],
            "outputs": [*self.outputs],
            "shots": self.shots,
            "seed": self.seed,
            "token": self.token,
        }
        added = {"compilation": dict(self.options), "post": [*self.post]}
        return asked | {name: value for name, value in added.items() if value}


class RunTimer(Protocol):
    """Counts how long a run takes."""

    def start(self) -> None:
        """Its run begins."""
        ...

    def reset(self) -> None:
        """It is made again, later: nothing of it counts yet."""
        ...


class Circuits(Protocol):
    """Reads and runs circuits. Raises `Unavailable` when that is not the circuit's fault."""

    def calibrated(self, backend: str) -> Digest | None:
        """The digest of the calibration that a backend is offered with now; None for an ideal simulator."""
        ...

    async def calibration(self, backend: str) -> bytes:
        """A device's snapshot, as JSON."""
        ...

    async def inputs(self, source: bytes, asker: Asker) -> Declared | Refused:
        """Find what a source leaves open."""
        ...

    async def profile(self, circuit: BoundCircuit, asker: Asker) -> Profiled | Refused:
        """Parse."""
        ...

    async def estimate(self, circuit: BoundCircuit, backend: str, asker: Asker) -> Estimate | Refused:
        """Compile for one backend."""
        ...

    def worker(self, backend: str, tenant: str, *, all_cores: bool = False) -> AbstractAsyncContextManager[Worker]:
        """Wait until a worker of the backend is free, in the order of asking, and have it for one run.

        Of the runs on simulators that use all cores, one runs at a time. The worker is free for the next as soon as
        the context is left: a run that is still under way then is killed.
        """
        ...

    def turn(self, backend: str, tenant: str, work: CircuitWork, busy: RunTimer) -> AbstractAsyncContextManager[Turn]:
        """Wait until a worker of the backend has this circuit, and have its answer; to leave before gives the run up.

        Small circuits of one tenant that wait for a simulator may run in one request, one after another. Each keeps its
        own seed, result, usage, limit and failure. `busy` counts its own run only.

        Circuits that wait for a device, agreed to it and have the same shots may be on it at the same time. Each has
        its own result, and a share of the time. One that fails there runs again alone, so none fails because of
        another.
        """
        ...


class Turn(Protocol):
    """A circuit that a worker has."""

    async def answer(self) -> Ran | Refused:
        """Wait until it has run."""
        ...


class Worker(Protocol):
    """One slot of a backend."""

    async def run(self, work: CircuitWork) -> Ran | Refused:
        """Compile and run a circuit."""
        ...

    @property
    def overhead_us(self) -> int:
        """Device time that is charged once a job, however many items it has."""
        ...

    def limit_s(self, budget_us: int) -> float:
        """Seconds after which a run is stopped, that of a whole program too."""
        ...

    async def run_item(
        self, work: ItemWork, budget_us: int, seconds: float, following: Sequence[ItemWork] = ()
    ) -> ItemRan | Refused:
        """Run one item of a program, within the device time that is left for it and these seconds.

        Items that follow may run in the same request, where they take little time.

        An item that kills its process is refused, and the next is run by another.
        """
        ...


class Vendor(Protocol):
    """A remote backend. Each call is short, and raises `Unavailable` if the vendor does not answer.

    `owner` is the tenant of the run: calls of two tenants are made by different processes.
    """

    def max_items(self, backend: str) -> int:
        """The most circuits of one submission."""
        ...

    async def submit(
        self, backend: str, items: Sequence[ItemWork], owner: str, *, budget_us: int, token: str
    ) -> Submitted | Refused:
        """Compile items and submit them together; the same token again is the same run.

        An item that cannot be submitted has its reason in the manifest, and the others are submitted.
        """
        ...

    async def find(
        self, backend: str, items: Sequence[ItemWork], owner: str, token: str, *, incomplete: bool = False
    ) -> Submitted:
        """Look for a run by its token; without a handle, the vendor never received it.

        With the items, the answer also describes how they were compiled. `incomplete` finds also a run of which the
        vendor has only a part, because an executor ended while it submitted.
        """
        ...

    async def ended(self, backend: str, handle: str, owner: str) -> bool:
        """Whether the run has ended."""
        ...

    async def collect(
        self, backend: str, handle: str, items: Sequence[ItemWork], manifest: Manifest, owner: str
    ) -> list[ItemResult] | Refused:
        """The result of each item of a run that has ended; or why there are none at all."""
        ...

    async def calibration(self, backend: str) -> Digest | None:
        """The digest of the calibration that the device has now, or had when it could last be read."""
        ...

    async def cancel(self, backend: str, handle: str, owner: str) -> None:
        """Stop the run, if it has not ended."""
        ...

    async def usage(self, backend: str, handle: str, owner: str) -> tuple[Measure, ...]:
        """What the run used, as far as the vendor knows."""
        ...
