"""Failures that a vendor's plugin names: each ends the job or is asked again, and none loses a run at the vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from queuebit_contracts.job import Compilation, JobCompleted, JobFailed, Measure
from queuebit_contracts.program import Item
from queuebit_contracts.query import CircuitError
from queuebit_contracts.results import ItemResult
from queuebit_executor.answers import Refused, Submitted
from queuebit_executor.errors import PluginFailed, VendorAway
from queuebit_executor.instance import Instance
from queuebit_executor.manifest import Manifest, SentItem
from queuebit_executor.ports import ItemWork
from queuebit_executor.refusals import answered
from queuebit_executor.remote import RunRemotely
from queuebit_executor.vendor import ChildVendor
from queuebit_executor.vendor_calls import added
from queuebit_executor.vendor_pause import LONGEST_S, VendorPause
from queuebit_executor.watch import JobWatch
from queuebit_kernel import FixedClock, digest
from queuebit_quantum import NotReachable
from queuebit_quantum.vendor_faults import VendorCredentials, VendorFailed, VendorQuota, VendorRefused
from queuebit_runtime.frames import Frame

from .conftest import World

ME = Instance("vendor", "executor-vendor@here:1", slots=2, memory_mb=1536)
COMPILED = Compilation(compiler="fake 1", digest=digest(b"target"), seed=1, depth=3, two_qubit_gates=1, duration_ns=0)
FAULTS = (VendorRefused, VendorCredentials, VendorQuota, VendorFailed)
WORK = ItemWork(b"OPENQASM 3.0;", Item(), ("counts",), shots=1, seed=1, token="")
SENT = Manifest(items=(SentItem(circuits=1, compilations=(COMPILED,), qubits=2, shots=1),))


def vendor_of(code: str) -> ChildVendor:
    circuits: Any = SimpleNamespace(
        runners={"device": _Pool(code)},
        target=lambda _: "a target",
        max_items=lambda _: 1,
        without=lambda _: {},
        pause=VendorPause(),
    )
    return ChildVendor(circuits)


def _raise(error: Exception) -> Frame:
    raise error


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_keeps_its_code_and_the_vendors_words(fault: type[VendorRefused | VendorFailed]) -> None:
    head, _ = answered(lambda: _raise(fault("the trap is cold")))
    assert head == {"error": {"code": fault.code, "message": "the trap is cold"}}
    head, _ = answered(lambda: _raise(NotReachable("later", 5.0)))
    assert (head["error"]["code"], head["error"]["wait_s"]) == ("not_reachable", 5)


@pytest.mark.parametrize(
    ("asked", "kept"), [(None, 0), (0.2, 1), (1e99, 86_400), (float("inf"), 86_400), (float("nan"), 0), (-3, 0)]
)
def test_a_wait_that_is_no_time_is_none(asked: float | None, kept: int) -> None:
    head, _ = answered(lambda: _raise(NotReachable("later", asked)))
    assert head["error"]["wait_s"] == kept


class _Pool:
    """Children of a plugin that always answers the same."""

    def __init__(self, code: str) -> None:
        self._code = code
        self.wait_s = 0

    async def ask(self, head: dict[str, Any], read: Any, body: bytes = b"", *, line: str = "acme") -> Any:
        assert line == "acme"
        return read(({"error": {"code": self._code, "message": "as the vendor says it", "wait_s": self.wait_s}}, b""))

    @asynccontextmanager
    async def borrow(self, line: str) -> AsyncIterator[_Pool]:
        assert line == "acme"
        yield self

    async def ask_each(self, head: dict[str, Any], read: Any, body: bytes, take: Any, most: int) -> None:
        take(await self.ask(head, read, body))


@pytest.mark.parametrize("fault", [VendorCredentials, VendorQuota])
async def test_an_account_that_is_refused_ends_a_submission_and_no_run(fault: type[VendorCredentials]) -> None:
    """A run that the vendor has goes on, and is charged: its result is taken once the key is correct again."""
    vendor = vendor_of(fault.code)
    refused = await vendor.submit("device", [WORK], "acme", budget_us=0, token="t1")
    assert isinstance(refused, Refused)
    assert (refused.error.code, refused.error.message) == (fault.code, "as the vendor says it")
    for call in (vendor.ended, vendor.usage, vendor.cancel):
        with pytest.raises(VendorAway, match="as the vendor says it"):
            await call("device", "run-1", "acme")
    with pytest.raises(VendorAway, match="as the vendor says it"):
        await vendor.collect("device", "run-1", [WORK], SENT, "acme")
    with pytest.raises(VendorAway):
        await vendor.find("device", (), "acme", "t1")


@pytest.mark.parametrize(("asked", "waited"), [(30, 30), (86_400, LONGEST_S), (0, 0)])
async def test_a_vendor_that_asks_to_wait_is_asked_nothing_until_then(asked: int, waited: float) -> None:
    """By no call, about any job: before, each call had its own pauses of a second or less."""
    clock = [0.0]

    async def sleep(seconds: float) -> None:
        clock[0] += seconds

    vendor = vendor_of("not_reachable")
    vendor._circuits.pause = VendorPause(lambda: clock[0], sleep)
    pool: Any = vendor._circuits.runners["device"]
    pool.wait_s = asked
    works: list[ItemWork] = [WORK]
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: vendor.submit("device", works, "acme", budget_us=0, token="t1"),
        lambda: vendor.find("device", works, "acme", "t1"),
        lambda: vendor.ended("device", "run-1", "acme"),
        lambda: vendor.collect("device", "run-1", works, SENT, "acme"),
        lambda: vendor.usage("device", "run-1", "acme"),
        lambda: vendor.cancel("device", "run-1", "acme"),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(VendorAway):
            await call()
        assert clock[0] == number * waited


async def test_a_vendor_that_failed_ends_a_run() -> None:
    vendor = vendor_of(VendorFailed.code)
    assert await vendor.ended("device", "run-1", "acme")
    collected = await vendor.collect("device", "run-1", [WORK], SENT, "acme")
    assert isinstance(collected, Refused)
    assert collected.error.code == "vendor_failed"


@pytest.mark.parametrize("fault", [VendorFailed, VendorRefused])
async def test_usage_that_a_vendor_fails_to_state_is_not_nothing(fault: type[VendorRefused | VendorFailed]) -> None:
    """Before, the bill of such a run was final and had no time."""
    with pytest.raises(PluginFailed, match="as the vendor says it"):
        await vendor_of(fault.code).usage("device", "run-1", "acme")
    assert await vendor_of("unknown_handle").usage("device", "run-1", "acme") == ()


class _Vendor:
    """Loses its first answer or not, and refuses from then on."""

    def __init__(self, code: str, *, loses: bool, takes: bool) -> None:
        self._code = code
        self._loses = loses
        self._takes = takes
        self.handles: dict[str, str] = {}
        self.searched = 0

    def max_items(self, backend: str) -> int:
        return 1

    async def submit(
        self, backend: str, items: Sequence[ItemWork], owner: str, *, budget_us: int, token: str
    ) -> Submitted | Refused:
        if self._takes:
            self.handles[token] = f"run-{token}"
        if self._loses:
            self._loses = False
            raise VendorAway("no answer")
        return Refused(error=CircuitError(code=self._code, message="as the vendor says it"))

    async def find(
        self, backend: str, items: Sequence[ItemWork], owner: str, token: str, *, incomplete: bool = False
    ) -> Submitted:
        self.searched += 1
        return Submitted(handle=self.handles.get(token), manifest=SENT)

    async def ended(self, backend: str, handle: str, owner: str) -> bool:
        return True

    async def collect(
        self, backend: str, handle: str, items: Sequence[ItemWork], manifest: Manifest, owner: str
    ) -> list[ItemResult] | Refused:
        return [ItemResult(state="completed", counts={"00": 1_000}, compilations=(COMPILED,))]

    async def calibration(self, backend: str) -> str | None:
        return None

    async def cancel(self, backend: str, handle: str, owner: str) -> None:
        """Do nothing: all runs have ended."""

    async def usage(self, backend: str, handle: str, owner: str) -> tuple[Measure, ...]:
        return (Measure(metric="qpu-time", quantity="5", unit="microsecond"),)


@pytest.mark.parametrize("takes", [True, False], ids=["taken", "not taken"])
@pytest.mark.parametrize(
    ("code", "loses", "searched"),
    [("vendor_credentials", False, 0), ("vendor_credentials", True, 1), ("vendor_failed", False, 1)],
)
async def test_a_refusal_in_doubt_is_believed_only_if_the_vendor_has_no_run(
    world: World, code: str, loses: bool, searched: int, takes: bool
) -> None:
    """After a lost answer, or if the vendor itself failed, it may have the run all the same."""
    vendor = _Vendor(code, loses=loses, takes=takes and searched > 0)
    run = RunRemotely(
        world.log,
        world.payloads,
        world.circuits,
        FixedClock(world.placed().time),
        JobWatch(world.log),
        me=ME,
        vendor=vendor,
        poll_s=0.01,
        give_up_s=1e6,
        pauses=(0,) * 5,
    )
    await run(*await world.place())
    assert vendor.searched == searched
    if vendor.handles:
        assert len(world.log.events(JobCompleted)) == 1
    else:
        (failed,) = world.log.events(JobFailed)
        assert (failed.data.reason.code, failed.data.reason.text) == (code, "as the vendor says it")


def test_the_usage_of_several_parts_is_added_with_all_its_digits() -> None:
    parts = [Measure(metric="shots", quantity=it, unit="shot") for it in ("123456789012345678", "0.000000000000000001")]
    assert [it.quantity for it in added(parts)] == ["123456789012345678.000000000000000001"]
