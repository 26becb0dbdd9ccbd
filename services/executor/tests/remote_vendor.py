"""A vendor without a network, and an executor that runs placements there."""

from __future__ import annotations

from collections.abc import Sequence

from queuebit_contracts.job import Compilation, JobDispatched, Measure, Usage
from queuebit_contracts.query import CircuitError
from queuebit_contracts.results import ItemResult
from queuebit_contracts.wire import Reason
from queuebit_executor.answers import Refused, Submitted
from queuebit_executor.errors import PluginFailed, VendorAway
from queuebit_executor.instance import Instance
from queuebit_executor.manifest import COMPILATION_LOST, Manifest, SentItem
from queuebit_executor.ports import ItemWork
from queuebit_executor.remote import RunRemotely
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, digest
from queuebit_testing.memory import MemoryLog

from .conftest import World

__all__ = ["COMPILED", "LOST", "ME", "WEEK_S", "Vendor", "runner"]

ME = Instance("vendor", "executor-vendor@here:1", slots=2, memory_mb=1536)
WEEK_S = 7 * 86_400.0
LOST = Instance("vendor", "executor-vendor@there:2", slots=2, memory_mb=1536)
"""The executor that ended in the middle of its work."""
COMPILED = Compilation(compiler="fake 1", digest=digest(b"target"), seed=1, depth=3, two_qubit_gates=1, duration_ns=0)


class Vendor:
    """Starts a run for each submission, the same token again included; each run uses a second."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.handles: dict[str, str] = {}
        self.submitted: list[str] = []
        self.budgets: list[int] = []
        self.recorded_at_first_poll: list[str] | None = None
        self.final = True
        self.compiles = True
        """Whether the backend takes the circuit today."""
        self.cancelled: list[str] = []
        self.most = 2
        """Circuits of one submission."""
        self.refusing: set[int] = set()
        """Numbers of submissions that the vendor refuses."""
        self.unfit: set[int] = set()
        """Shots of items that do not compile."""
        self.items: dict[str, Sequence[ItemWork]] = {}
        self.calibrated: str | None = None
        self.preempted: set[int] = set()
        """Shots of items that the vendor stops."""
        self.failing: set[str] = set()
        """Calls at which its plugin fails each time."""
        self.away = False
        self.hides = 0
        """How many searches find nothing, although the vendor has the run: its list is late."""
        self.refused = ""
        """The code with which it refuses results; empty if it does not."""

    def _call(self, name: str) -> None:
        if self.away:
            raise VendorAway("vendor-a does not answer")
        if name in self.failing:
            raise PluginFailed(Refused(error=CircuitError(code="crashed", message=f"{name} failed"), lasting=False))

    def max_items(self, backend: str) -> int:
        return self.most

    async def submit(
        self, backend: str, items: Sequence[ItemWork], owner: str, *, budget_us: int, token: str
    ) -> Submitted | Refused:
        self._call("submit")
        self.submitted.append(token)
        self.budgets.append(budget_us)
        if len(self.submitted) - 1 in self.refusing:
            return Refused(error=CircuitError(code="does_not_fit", message="the vendor takes no such circuit"))
        manifest = self._manifest(items)
        if not any(it.circuits for it in manifest.items):
            return Submitted(manifest=manifest)
        self.handles[token], self.items[token] = f"run-{token}", items
        return Submitted(handle=f"run-{token}", manifest=manifest, calibration=self.calibrated)

    async def find(
        self, backend: str, items: Sequence[ItemWork], owner: str, token: str, *, incomplete: bool = False
    ) -> Submitted:
        self._call("find")
        if self.hides:
            self.hides -= 1
            return Submitted()
        handle = self.handles.get(token)
        if handle is None or not items:
            return Submitted(handle=handle)
        return Submitted(handle=handle, manifest=self._manifest(items), calibration=self.calibrated)

    def _manifest(self, items: Sequence[ItemWork]) -> Manifest:
        return Manifest(items=tuple(map(self._sent, items)), qpu_us=1_000 * len(items))

    def _sent(self, item: ItemWork) -> SentItem:
        if not self.compiles:
            return SentItem(circuits=1, reason=COMPILATION_LOST)
        if item.shots in self.unfit:
            return SentItem(reason=Reason(code="does_not_fit", text="it has lost a qubit"))
        return SentItem(circuits=1, compilations=(COMPILED,), qubits=2, shots=item.shots)

    async def ended(self, backend: str, handle: str, owner: str) -> bool:
        self._call("ended")
        if self.recorded_at_first_poll is None:
            self.recorded_at_first_poll = [it.data.handle for it in self.log.events(JobDispatched)]
        return True

    async def collect(
        self, backend: str, handle: str, items: Sequence[ItemWork], manifest: Manifest, owner: str
    ) -> list[ItemResult] | Refused:
        self._call("collect")
        if self.refused:
            return Refused(error=CircuitError(code=self.refused, message="as the vendor says it"))
        return [self._result(*it) for it in zip(items, manifest.items, strict=True)]

    def _result(self, item: ItemWork, sent: SentItem) -> ItemResult:
        if sent.reason is not None:
            return ItemResult(state="failed", reason=sent.reason)
        if item.shots in self.preempted:
            return ItemResult(state="failed", reason=Reason(code="preempted", text="the vendor stopped it"))
        usage = Usage(shots=item.shots, qubits=sent.qubits)
        return ItemResult(state="completed", counts={"00": item.shots}, compilations=sent.compilations, usage=usage)

    async def calibration(self, backend: str) -> str | None:
        return self.calibrated

    async def cancel(self, backend: str, handle: str, owner: str) -> None:
        self._call("cancel")
        self.cancelled.append(handle)

    async def usage(self, backend: str, handle: str, owner: str) -> tuple[Measure, ...]:
        self._call("usage")
        return (Measure(metric="qpu-time", quantity="1000000", unit="microsecond", final=self.final),)


def runner(world: World, vendor: Vendor, clock: FixedClock) -> RunRemotely:
    """An executor."""
    return RunRemotely(
        world.log,
        world.payloads,
        world.circuits,
        clock,
        JobWatch(world.log),
        me=ME,
        vendor=vendor,
        poll_s=0.01,
        give_up_s=WEEK_S,
        pauses=(0,) * 5,
    )
