"""Code that tries what no circuit may, in real children: each attempt is refused, and harms nothing outside."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from queuebit_executor.adapters import ChildCircuits
from queuebit_executor.answers import Refused
from queuebit_executor.child_sandbox import Rights
from queuebit_executor.ports import CircuitWork
from queuebit_executor.zygote_client import ZygoteClient, ZygoteSettings
from queuebit_kernel import event_id
from queuebit_runtime.landlock import landlock_version
from queuebit_runtime.system_calls import supported
from queuebit_runtime.tasks import Tasks

from .hostile_plugin import ATTEMPTS, HOME, PORT, REMOTE, install

pytestmark = [
    pytest.mark.server,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not landlock_version() or not supported(), reason="this kernel or processor cannot limit all that is tried"
    ),
]

BELL = b'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
LIMITED = {"allocates", "burns", REMOTE}
"""Attempts that are not refused as such."""


@dataclass
class Victim:
    """A stack's home, its bus, and an executor beside it."""

    children: ChildCircuits
    home: Path
    bus: socket.socket

    async def attempt(self, backend: str, tenant: str = "evil") -> str:
        """Make one attempt; return how it ended, as a code and a text."""
        async with self.children.worker(backend, tenant) as worker:
            found = await worker.run(CircuitWork(BELL, 100, 1, 10**9, event_id()))
        assert isinstance(found, Refused)
        return f"{found.error.code}: {found.error.message}"

    def pid(self, backend: str) -> int:
        (child,) = self.children.runners[backend].children
        return child.pid


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def victim(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Victim]:
    home = tmp_path_factory.mktemp("home")
    (home / "key").write_text("secret")
    (home / "key").chmod(0o600)
    passed = {HOME: str(home), "HOSTILE_EXECUTOR": str(os.getpid())}
    with socket.create_server(("127.0.0.1", 0)) as bus, pytest.MonkeyPatch.context() as patch:
        passed[PORT] = str(bus.getsockname()[1])
        bus.setblocking(False)
        for name, value in passed.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", install(tmp_path_factory.mktemp("site")))
        tasks = Tasks()
        plan = ZygoteSettings("hostile", tuple(ATTEMPTS), 512, threads=1, start_seconds=20, passed=tuple(passed))
        children = ChildCircuits(ZygoteClient(plan), tasks, slots=1, profile_seconds=5, run_seconds=5)
        await children.load()
        await children.open()
        yield Victim(children, home, bus)
        await children.close()
        await tasks.close()


@pytest.mark.parametrize("backend", sorted(ATTEMPTS.keys() - LIMITED))
async def test_an_attempt_is_refused_and_the_child_lives_on(victim: Victim, backend: str) -> None:
    pid = victim.pid(backend)
    found = await victim.attempt(backend)
    assert found.startswith("refused: "), found
    assert victim.pid(backend) == pid
    assert [it.name for it in victim.home.iterdir()] == ["key"]
    assert (victim.home / "key").read_text() == "secret"
    assert (victim.home / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(BlockingIOError):
        victim.bus.accept()
    assert not psutil.Process(pid).children()


async def test_memory_that_grows_without_end_is_reported(victim: Victim) -> None:
    assert (await victim.attempt("allocates")).startswith("out_of_memory: ")


async def test_more_processor_time_than_the_threads_of_a_run_have_ends_it(victim: Victim) -> None:
    """Four threads where one is granted: the kernel ends the child before the five seconds of the run are over."""
    pid = victim.pid("burns")
    began = asyncio.get_running_loop().time()
    found = await victim.attempt("burns")
    assert found.startswith("run_timeout: ")
    if (os.cpu_count() or 1) > 1 and asyncio.get_running_loop().time() - began < 4:
        assert not psutil.pid_exists(pid)


async def test_only_the_child_that_calls_a_vendor_has_a_network(victim: Victim) -> None:
    asked = asyncio.ensure_future(victim.attempt(REMOTE))
    connection, _ = await asyncio.get_running_loop().sock_accept(victim.bus)
    with connection:
        connection.sendall(b"INFO")
    assert await asked == "done: INFO"
    assert (await victim.attempt("connects-to-the-bus")).startswith("refused: ")


async def test_nothing_is_left_unlimited_here(victim: Victim) -> None:
    assert victim.children.zygote.unlimited == ()
    assert victim.children.detail()["sandbox"] == "complete"


async def test_rights_survive_the_way_to_another_process() -> None:
    for it in (Rights(), Rights(network=False, readable=("/a b", '/"'), writable=("/c",), programs=True, keys=("/d",))):
        assert Rights.from_argument(it.as_argument()) == it
