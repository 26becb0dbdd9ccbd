"""Large runs of several executors: together they never hold more memory than the machine has for them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queuebit_executor.memory_shares import MemoryShares, most_memory_mb
from queuebit_executor.settings import Settings
from queuebit_runtime.machine_memory import machine_memory_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has locks that belong to an open file")

HOLDER = """
import asyncio, sys
from pathlib import Path
from queuebit_executor.memory_shares import MemoryShares

async def main():
    async with MemoryShares(1024, Path(sys.argv[1])).take(700):
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def is_free(shares: MemoryShares, memory_mb: int) -> bool:
    try:
        async with asyncio.timeout(0.01), shares.take(memory_mb):
            return True
    except TimeoutError:
        return False


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=8))
def test_no_more_is_held_than_there_is(sizes: list[int]) -> None:
    async def check(file: Path) -> None:
        shares, held = MemoryShares(1024, file), 0
        async with AsyncExitStack() as stack:
            for size in sizes:
                needed = min(-(-size // 64), 16)
                assert await is_free(shares, size) == (held + needed <= 16)
                if held + needed <= 16:
                    await stack.enter_async_context(shares.take(size))
                    held += needed
        assert await is_free(shares, 1024), "all is given back"

    file = Path(f"/dev/shm/queuebit-test-{os.getpid()}")  # a file of this process
    try:
        asyncio.run(check(file))
    finally:
        file.unlink()


async def test_another_process_waits_for_its_share_and_a_killed_one_gives_it_back(tmp_path: Path) -> None:
    file = tmp_path / "shares"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder:
        assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
        shares = MemoryShares(1024, file)
        assert await is_free(shares, 320)
        assert not await is_free(shares, 700)
        waiting = asyncio.ensure_future(shares.take(700).__aenter__())
        holder.send_signal(signal.SIGKILL)
        async with asyncio.timeout(20):
            await waiting


async def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        await is_free(MemoryShares(1024, tmp_path / "link"), 64)


async def test_more_memory_than_the_machine_has_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUEBIT_EXECUTOR_STACK", "aer")
    most = most_memory_mb(machine_memory_bytes())
    assert Settings().memory_mb <= max(512, most)
    monkeypatch.setenv("QUEUEBIT_EXECUTOR_MEMORY_MB", str(max(512, most) + 1))
    with pytest.raises(ValueError, match="three quarters of its memory: lower it"):
        Settings()


async def test_a_file_of_another_user_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "shares").touch()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    shares = MemoryShares(1024, tmp_path / "shares")
    async with shares.take(1024), shares.take(1024):
        assert "belongs to another user" in caplog.text


@pytest.mark.parametrize(("machine_gib", "idle_mib"), [(1, 256), (4, 256), (16, 1_024), (64, 4_096)])
def test_idle_children_of_a_backend_take_a_sixteenth_of_the_machine(
    machine_gib: int, idle_mib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(stack="aer", memory_mb=512)
    monkeypatch.setattr("queuebit_executor.settings.machine_memory_bytes", lambda: machine_gib << 30)
    assert settings.idle_bytes == idle_mib << 20
