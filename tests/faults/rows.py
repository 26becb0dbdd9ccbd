"""The fault matrix: what can go wrong, what is done to make it go wrong, and what must hold afterwards."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults import strikes
from tests.faults.disks import CutDisk, small_disk
from tests.faults.strikes import Struck

from queuebit_testing.embedded import EmbeddedStack

__all__ = ["ROWS", "Programs", "Row", "Strikes"]

Scene = tuple[EmbeddedStack, AsyncIterator[Struck]]
"""A running stack, and the faults that strike it."""

_CLOCKS = Path(__file__).with_name("clocks")
_LOG_MB, _HOME_MB = 96, 4096
_FULL_S = 3.0
_WAREHOUSE_S = 60.0
_CLOCK_S = 10.0


@dataclass(frozen=True, slots=True)
class Strikes:
    """Faults that strike a stack under jobs; the checks of a drill follow."""

    scene: Callable[[Path, float], AbstractContextManager[Scene]]
    """From an empty folder and the seconds between two strikes."""
    jobs: int
    every_s: float
    least: int
    """The least number of strikes."""
    own_network: bool = False
    """Whether it changes the network, and therefore runs in one of its own."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Programs that make the faults and check what follows; each is run as `python -m`."""

    commands: tuple[str, ...]
    jobs: str = ""
    """The option of the last one that says how many jobs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the matrix."""

    fault: str
    holds: str
    """What must hold."""
    by: Strikes | Programs


@contextmanager
def _executors_killed(folder: Path, every_s: float) -> Iterator[Scene]:
    with EmbeddedStack(folder / "home") as stack:
        yield stack, strikes.kills(stack, strikes.executors(stack), every_s)


@contextmanager
def _all_killed(folder: Path, every_s: float) -> Iterator[Scene]:
    with EmbeddedStack(folder / "home") as stack:
        yield stack, strikes.kills(stack, stack.names(), every_s)


@contextmanager
def _paused(folder: Path, every_s: float) -> Iterator[Scene]:
    with EmbeddedStack(folder / "home") as stack:
        yield stack, strikes.pauses(stack, strikes.services(stack), every_s, leases=(1.5, 5.0))


@contextmanager
def _power_cut(folder: Path, every_s: float) -> Iterator[Scene]:
    disk = CutDisk(folder / "disk.image", folder / "disk", _HOME_MB)
    try:
        with EmbeddedStack(folder / "disk" / "home") as stack:
            yield stack, strikes.cuts(stack, disk, every_s)
    finally:
        disk.unmount()


@contextmanager
def _disk_full(folder: Path, every_s: float) -> Iterator[Scene]:
    home = folder / "home"
    (home / "secrets").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    with small_disk(home / "nats" / "jetstream", _LOG_MB) as log, EmbeddedStack(home) as stack:
        yield stack, strikes.full_disk(stack, log, every_s, _FULL_S)


@contextmanager
def _partitioned(folder: Path, every_s: float) -> Iterator[Scene]:
    with EmbeddedStack(folder / "home") as stack:
        yield stack, strikes.partitions(stack, strikes.services(stack), every_s, leases=(1.0, 2.0, 10.0))


@contextmanager
def _warehouse_silent(folder: Path, every_s: float) -> Iterator[Scene]:
    with EmbeddedStack(folder / "home") as stack:
        yield stack, strikes.silent_warehouse(stack, every_s, _WAREHOUSE_S)


@contextmanager
def _clocks_wrong(folder: Path, every_s: float) -> Iterator[Scene]:
    wrong = folder / "clocks"
    wrong.mkdir()
    os.environ["DRILL_CLOCKS"] = str(wrong)
    try:
        with EmbeddedStack(folder / "home", plugins=_CLOCKS) as stack:
            yield stack, strikes.clocks(stack, wrong, strikes.services(stack), every_s, _CLOCK_S)
    finally:
        del os.environ["DRILL_CLOCKS"]


_NOTHING = "nothing is lost or doubled"

ROWS = {
    1: Row("an executor is killed every 2 s", _NOTHING, Strikes(_executors_killed, 10_000, 2.0, 20)),
    2: Row(
        "every process is killed in turn, nats-server too, one every 2 s",
        _NOTHING,
        Strikes(_all_killed, 10_000, 2.0, 60),
    ),
    3: Row("a service stands still for 1.5 and for 5 times its lease", _NOTHING, Strikes(_paused, 5_000, 2.0, 12)),
    4: Row(
        "the power is cut: all processes die, and the disk forgets what was not written through",
        _NOTHING,
        Strikes(_power_cut, 2_000, 5.0, 20),
    ),
    5: Row(
        "the disk of the log is full for 3 s",
        f"{_NOTHING}; the trouble is named, and work goes on by itself",
        Strikes(_disk_full, 1_000, 3.0, 5),
    ),
    6: Row(
        "packets between one service and nats-server are dropped for 1, 2 and 10 leases",
        _NOTHING,
        Strikes(_partitioned, 5_000, 2.0, 12, own_network=True),
    ),
    7: Row(
        "of three servers with replicas, one is killed, paused, wiped or restarted, or loses its lead, every 5 s",
        "every accepted job has its result; I1 to I7 hold; in the end all replicas are equal",
        Programs(("tests.cluster.drill --jobs 10000 --every 5",), "--jobs"),
    ),
    8: Row(
        "bits of the log, of the warehouse and of receipts flip; files are truncated, reordered or replaced",
        "each is found and named; what can be restored is",
        Programs(
            (
                "pytest -q libs/stack/tests/test_stack_recovery.py libs/stack/tests/test_stack_recovery_blocks.py",
                "pytest -q services/warehouse/tests/test_warehouse_process.py tests/trust/test_drills.py",
            )
        ),
    ),
    9: Row(
        "a tenth of the facts of bills arrives twice, others late, while all that bills is killed",
        "each line of each invoice equals the second computation to the last digit",
        Programs(("tests.billing --jobs 100000",), "--jobs"),
    ),
    10: Row(
        "circuits and messages that crash, hang, or take too much",
        "they end, with the reason; others go on",
        Programs(("pytest -q services/executor/tests/test_executor_workers.py tests/e2e/test_poison.py",)),
    ),
    11: Row(
        "the warehouse stands still for a minute",
        f"{_NOTHING}; it takes what was waiting",
        Strikes(_warehouse_silent, 5_000, 5.0, 3),
    ),
    12: Row(
        "the clock of one service is an hour ahead, an hour behind, a day ahead",
        _NOTHING,
        Strikes(_clocks_wrong, 2_000, 2.0, 24),
    ),
    13: Row(
        "a home of the release before is opened by this version, and logs of it are read",
        "every job, bill and receipt is as before",
        Programs(("pytest -q tests/histories",)),
    ),
    14: Row(
        "requests that a fuzzer makes from the OpenAPI document",
        "none is answered with 5xx, and each answer fits the document",
        Programs(("pytest -q tests/e2e/test_gateway_document.py",)),
    ),
    15: Row(
        "messages are lost, doubled, reordered and late, processes die and stand still, clocks drift: by seed",
        "the whole core of the services ends each seed with its invariants",
        Programs(("queuebit_simulation --seeds 10000",), "--seeds"),
    ),
    16: Row(
        "faults 1 to 3 every minute at half load, for hours",
        f"{_NOTHING}; memory and disk grow no more than what is stored",
        Programs(("tests.faults.soak --hours 24",)),
    ),
}
