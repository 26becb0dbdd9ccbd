"""A full disk only delays work: it is reported, and everything that was confirmed is kept."""

from __future__ import annotations

import errno
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from queuebit import Client, Job, Unreachable
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a file system in memory over a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "queuebit", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@dataclass(frozen=True)
class Disks:
    """Those of a stack that runs."""

    stack: EmbeddedStack
    log: Path
    warehouse: Path


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disks]:
    """A stack with two small disks; each test leaves it ready, with room on both."""
    home = tmp_path_factory.mktemp("disks") / "home"
    (home / "secrets").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    with (
        _small_disk(home / "nats" / "jetstream", 64) as log,
        _small_disk(home / "warehouse", 192) as warehouse,
        EmbeddedStack(home) as stack,
    ):
        yield Disks(stack, log, warehouse)


def _fill(folder: Path) -> Path:
    """Fill the disk completely."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            while _written(file, size):
                pass
    return filler


def _written(file: BinaryIO, size: int) -> bool:
    try:
        file.write(bytes(size))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    return True


def _submit(client: Client, key: str) -> Job:
    return client.submit(BELL, shots=100, backend="aer", purpose="full disk", key=key)


def _until_refused(client: Client, first: int) -> list[Job]:
    """Submit until there is no confirmation; return the confirmed jobs."""
    jobs = []
    for number in range(first, 5000):
        try:
            jobs.append(_submit(client, f"log{number}"))
        except Unreachable:
            return jobs
    raise AssertionError("the disk never became full")


def _troubles(stack: EmbeddedStack) -> dict[str, str]:
    return {it["service"]: it["reason"] for it in stack.until(ready=False) if not it["ready"]}


def _findings(stack: EmbeddedStack) -> list[str]:
    verdicts = stack.ask("verify", "--wait", "60", accept=(0, 1))
    return [f"{it['invariant']} {found}" for it in verdicts for found in it["findings"]]


def test_a_full_disk_under_the_log_loses_nothing_that_was_confirmed(disks: Disks) -> None:
    stack = disks.stack
    with Client(find(stack.home)) as client:
        confirmed = [_submit(client, f"log{number}") for number in range(20)]
        filler = _fill(disks.log)
        confirmed += _until_refused(client, len(confirmed))
        assert "nats-server" in _troubles(stack)
        assert stack.ask("doctor", accept=(1,))["healthy"] is False
        filler.unlink()
        stack.until(ready=True)
        unsure = _submit(client, f"log{len(confirmed)}")  # with the key without a confirmation
        for job in (*confirmed, unsure):
            assert sum(job.result(timeout=60).counts.values()) == 100
    assert _findings(stack) == []


def test_a_full_disk_under_the_warehouse_delays_analytics_only(disks: Disks) -> None:
    stack = disks.stack
    with Client(find(stack.home)) as client:
        _submit(client, "warehouse0").result(timeout=30)
        filler = _fill(disks.warehouse)
        for number in range(1, 40):
            assert sum(_submit(client, f"warehouse{number}").result(timeout=30).counts.values()) == 100
        while "telemetry" not in _troubles(stack):  # its next insert fails
            time.sleep(0.1)
        filler.unlink()
    stack.until(ready=True)
    assert _findings(stack) == []
