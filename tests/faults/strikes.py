"""Faults of a running stack: each function strikes again and again, and says what it struck.

A drill asks for the next strike when the last one is over. Figures are seconds; of each, the report keeps the largest.
"""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from tests.faults.disks import CutDisk, Unavailable, fill

from queuebit_contracts.topology import topology
from queuebit_stack.process import Identity
from queuebit_stack.process_specs import NATS, WAREHOUSE
from queuebit_testing.embedded import EmbeddedStack
from queuebit_testing.stopped import stopped

__all__ = [
    "Struck",
    "clocks",
    "cuts",
    "executors",
    "full_disk",
    "kills",
    "lease_s",
    "partitions",
    "pauses",
    "services",
    "silent_warehouse",
]

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
BEHIND = "-1h"
OFFSETS = ("+1h", BEHIND, "+1d")
SIGNER = "provenance"
"""Its clock is only ever behind: after times that were signed ahead, it signs nothing until they have come."""
_LOOK_S = 0.1
_READY_S = 120.0


@dataclass(frozen=True, slots=True)
class Struck:
    """One strike."""

    name: str
    """What was struck."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured, in seconds."""


def executors(stack: EmbeddedStack) -> list[str]:
    """The processes that run circuits."""
    return [it for it in stack.names() if it.startswith("executor-")]


def services(stack: EmbeddedStack) -> list[str]:
    """The processes that follow the log, executors among them."""
    return [it for it in stack.names() if it not in (NATS, WAREHOUSE)]


def lease_s() -> float:
    """How long a message may stay with a reader that is silent, in seconds."""
    return float(max(it.ack_wait_s for it in topology().durable.values()))


async def kills(stack: EmbeddedStack, names: list[str], every_s: float) -> AsyncIterator[Struck]:
    """Kill one process after the other with SIGKILL."""
    for name in itertools.cycle(names):
        await asyncio.sleep(every_s)
        if stack.kill(name):
            yield Struck(name)


async def pauses(
    stack: EmbeddedStack, names: list[str], every_s: float, leases: tuple[float, ...]
) -> AsyncIterator[Struck]:
    """Stop one process after the other for longer than its lease, so that others take its work, and let it continue."""
    for name, factor in zip(itertools.cycle(names), itertools.cycle(leases), strict=False):
        await asyncio.sleep(every_s)
        if (pid := stack.pid(name)) is None:
            continue
        with stopped(pid):
            await asyncio.sleep(factor * lease_s())
        yield Struck(name)


async def cuts(stack: EmbeddedStack, disk: CutDisk, every_s: float) -> AsyncIterator[Struck]:
    """Cut the power of the machine: every process dies, and the disk keeps only what was written through to it."""
    while True:
        await asyncio.sleep(every_s)
        supervisor = stack.supervisor()
        processes = [psutil.Process(supervisor), *psutil.Process(supervisor).children(recursive=True)]
        disk.cut()
        for it in processes:
            it.kill()
        await asyncio.to_thread(psutil.wait_procs, processes, 10)
        disk.unmount()
        disk.mount()
        begin = time.monotonic()
        await asyncio.to_thread(stack.qb, "up", "--detach", timeout=_READY_S)
        yield Struck("power", {"back_s": time.monotonic() - begin})


async def full_disk(stack: EmbeddedStack, disk: Path, every_s: float, hold_s: float) -> AsyncIterator[Struck]:
    """Fill the disk of the log, and free it."""
    while True:
        await asyncio.sleep(every_s)
        begin = time.monotonic()
        filler = await asyncio.to_thread(fill, disk)
        try:
            await asyncio.to_thread(stack.until, False, _READY_S)
            red = time.monotonic() - begin
            await asyncio.sleep(hold_s)
        finally:
            filler.unlink()
        begin = time.monotonic()
        await asyncio.to_thread(stack.until, True, _READY_S)
        yield Struck("disk of the log", {"red_s": red, "back_s": time.monotonic() - begin})


async def partitions(
    stack: EmbeddedStack, names: list[str], every_s: float, leases: tuple[float, ...]
) -> AsyncIterator[Struck]:
    """Drop all packets between one process and nats-server: its connections stay open, and nothing arrives.

    It needs iptables and a network of its own, as `unshare --net` makes one.
    """
    port = int(stack.listens("nats-server").rpartition(":")[2])
    for name, factor in zip(itertools.cycle(names), itertools.cycle(leases), strict=False):
        await asyncio.sleep(every_s)
        end = time.monotonic() + factor * lease_s()
        dropped: set[int] = set()
        try:
            while time.monotonic() < end:
                for local in _connections(stack.pid(name), port) - dropped:
                    _drop("-I", local)
                    dropped.add(local)
                await asyncio.sleep(_LOOK_S)
        finally:
            for local in dropped:
                _drop("-D", local)
        if dropped:
            yield Struck(name)


def _connections(pid: int | None, port: int) -> set[int]:
    """The local ports of a process's connections to a port."""
    if pid is None:
        return set()
    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return set()
    return {it.laddr.port for it in found if it.raddr and it.raddr.port == port}


def _drop(action: str, local: int) -> None:
    for end in ("--sport", "--dport"):
        rule = ["iptables", action, "INPUT", "-p", "tcp", end, str(local), "-j", "DROP"]
        subprocess.run(rule, check=True, capture_output=True)


async def silent_warehouse(stack: EmbeddedStack, every_s: float, hold_s: float) -> AsyncIterator[Struck]:
    """Stop the warehouse for a while; when it continues, it takes what is waiting."""
    while True:
        await asyncio.sleep(every_s)
        if (pid := stack.pid("warehouse")) is None or (known := Identity.of(pid)) is None:
            continue
        end = time.monotonic() + hold_s
        with stopped(pid):
            while time.monotonic() < end and known.alive:
                await asyncio.sleep(_LOOK_S)
        begin = time.monotonic()
        await asyncio.to_thread(stack.until, True, _READY_S)
        yield Struck("warehouse", {"back_s": time.monotonic() - begin})


async def clocks(
    stack: EmbeddedStack, folder: Path, names: list[str], every_s: float, hold_s: float
) -> AsyncIterator[Struck]:
    """Start one service after the other with a clock that is wrong, and later with the right one.

    Args:
        stack: its services read `folder` at their start, as `clocks/sitecustomize.py` makes them.
        folder: one file for each service with a wrong clock.
        names: the services.
        every_s: seconds between two strikes.
        hold_s: seconds with the wrong clock.

    Raises:
        Unavailable: libfaketime is not installed.
    """
    if not FAKETIME.exists():
        raise Unavailable(f"{FAKETIME} is missing: install faketime")
    for turn in itertools.count():
        await asyncio.sleep(every_s)
        rounds, index = divmod(turn, len(names))
        name = names[index]
        offset = BEHIND if name == SIGNER else OFFSETS[(index + rounds) % len(OFFSETS)]
        wrong = folder / name
        wrong.write_text(offset)
        stack.kill(name)
        await asyncio.sleep(hold_s)
        pid = stack.pid(name)
        was_wrong = pid is not None and "FAKETIME" in psutil.Process(pid).environ()
        wrong.unlink()
        stack.kill(name)
        if was_wrong:
            yield Struck(f"{name} {offset}")
