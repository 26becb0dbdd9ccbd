"""A plugin that breaks its promises: its job fails with the reason, and nothing that cannot be read gets out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from queuebit_contracts.program import Item
from queuebit_contracts.wire import Reason
from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import Ran, Refused
from queuebit_executor.bound_circuit import BoundCircuit
from queuebit_executor.child_sandbox import Rights
from queuebit_executor.errors import PluginFailed
from queuebit_executor.manifest import Manifest, SentItem
from queuebit_executor.ports import Asker, CircuitWork, ItemWork
from queuebit_executor.vendor import ChildVendor
from queuebit_executor.zygote_client import ZygoteClient, ZygoteSettings
from queuebit_kernel import event_id
from queuebit_runtime.tasks import Tasks

from .foreign_plugin import LOCAL, install, stack

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="module")]

BELL = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def children(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ChildCircuits]:
    tasks = Tasks()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", install(tmp_path_factory.mktemp("site")))
        rights = Rights(programs=True)
        plan = ZygoteSettings(
            "foreign", tuple(stack.backends), memory_mb=512, threads=1, start_seconds=20, rights=rights
        )
        found = ChildCircuits(ZygoteClient(plan), tasks, slots=1, profile_seconds=5, run_seconds=5)
        await found.load()
        await found.open()
    yield found
    await found.close()
    await tasks.close()


WORK = ItemWork(BELL, Item(), ("counts",), shots=100, seed=1, token="")
SENT = Manifest(items=(SentItem(circuits=1, shots=100),))


async def run(children: ChildCircuits, backend: str) -> Ran | Refused:
    async with children.worker(backend, "acme") as worker:
        return await worker.run(CircuitWork(BELL, 100, 1, 10**9, event_id()))


async def test_results_that_are_none_fail_the_job_with_the_reason(children: ChildCircuits) -> None:
    for backend in LOCAL:
        refused = await run(children, backend)
        assert isinstance(refused, Refused), backend
        assert (refused.error.code, refused.used_us) == ("backend_error", 0), backend
        assert refused.error.message.startswith("the backend's plugin is at fault: collect() returned "), backend


async def test_a_compilation_that_is_none_is_refused_before_the_job_is_accepted(children: ChildCircuits) -> None:
    refused = await children.estimate(BoundCircuit(BELL), "depth-without-end", Asker("acme"))
    assert isinstance(refused, Refused)
    assert refused.error.code == "backend_error"
    assert "compile() returned depth 1000" in refused.error.message


async def test_the_failure_of_a_vendor_is_the_jobs_whatever_its_code(children: ChildCircuits) -> None:
    """`out_of_memory` is also what a child says of itself, which is worth another try."""
    found = await ChildVendor(children).collect("vendor-fails", "h", [WORK], SENT, "acme")
    assert not isinstance(found, Refused)
    assert [it.reason for it in found] == [Reason(code="out_of_memory", text="the vendor has no memory left")]


@pytest.mark.parametrize("backend", ["vendor-raises", "vendor-lies"])
async def test_a_vendor_that_cannot_be_understood_is_the_plugins_fault(children: ChildCircuits, backend: str) -> None:
    vendor = ChildVendor(children)
    for call in (
        vendor.submit(backend, [WORK], "acme", budget_us=10**9, token="t"),
        vendor.find(backend, (), "acme", "t"),
        vendor.ended(backend, "h", "acme"),
        vendor.collect(backend, "h", [WORK], SENT, "acme"),
        vendor.usage(backend, "h", "acme"),
    ):
        with pytest.raises(PluginFailed):
            await call


async def test_measures_that_no_event_can_hold_are_the_plugins_fault(children: ChildCircuits) -> None:
    for backend in ("vendor-repeats", "vendor-measures-much"):
        with pytest.raises(PluginFailed, match="measures"):
            await ChildVendor(children).usage(backend, "h", "acme")


async def test_a_process_that_a_child_leaves_behind_ends_with_it(children: ChildCircuits) -> None:
    left = await run(children, "leaves-a-process")
    assert isinstance(left, Ran)
    (pid,) = map(int, left.counts.removeprefix(b'{"00":').removesuffix(b"}").split())
    while os.getsid(pid) != pid:  # it leaves the session of the executor by itself
        await asyncio.sleep(0.01)
    async with children.worker("leaves-a-process", "acme") as worker:
        os.kill(worker._child.child.pid, 9)
        await worker.run(CircuitWork(BELL, 100, 1, 10**9, event_id()))
    while psutil.pid_exists(pid):  # the test's own time limit ends this
        await asyncio.sleep(0.01)
