"""A full disk only delays work: it is reported, and everything that was confirmed is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.disks import Unavailable, fill, small_disk

from queuebit import Client, Job, Unreachable
from queuebit.credentials import find
from queuebit_testing.build import BELL
from queuebit_testing.embedded import EmbeddedStack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


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
    with ExitStack() as mounted:
        try:
            log = mounted.enter_context(small_disk(home / "nats" / "jetstream", 64))
            warehouse = mounted.enter_context(small_disk(home / "warehouse", 192))
        except Unavailable as error:
            pytest.skip(f"a small file system cannot be mounted here: {error}")
        yield Disks(mounted.enter_context(EmbeddedStack(home)), log, warehouse)


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
        filler = fill(disks.log)
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
        filler = fill(disks.warehouse)
        for number in range(1, 40):
            assert sum(_submit(client, f"warehouse{number}").result(timeout=30).counts.values()) == 100
        while "telemetry" not in _troubles(stack):  # its next insert fails
            time.sleep(0.1)
        filler.unlink()
    stack.until(ready=True)
    assert _findings(stack) == []
