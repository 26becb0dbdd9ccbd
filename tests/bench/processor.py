"""Processor time of processes, from the kernel's accounting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

__all__ = ["settled", "used_s"]


def used_s(process: psutil.Process, *, children: bool = True) -> float:
    """Seconds of processor time that a process has used so far.

    Args:
        process: the process.
        children: add its children and theirs, those that ended included.
    """
    total = 0.0
    for it in (process, *(process.children(recursive=True) if children else ())):
        with suppress(psutil.NoSuchProcess):  # its parent counts it from now on
            total += sum(it.cpu_times()[: 4 if children else 2])
    return total


async def settled(processes: Mapping[str, psutil.Process], within_s: float = 10.0) -> dict[str, float]:
    """Seconds used so far by each process with its children, once all together use less than a tenth of a core.

    A process that has others of the mapping among its children counts for itself alone. Returns what was read last if
    the processes are still busy after `within_s`.
    """
    deadline, before = time.monotonic() + within_s, _read(processes)
    while True:
        await asyncio.sleep(0.5)
        now = _read(processes)
        if sum(now.values()) - sum(before.values()) < 0.05 or time.monotonic() > deadline:
            return now
        before = now


def _read(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    parents = {it.ppid() for it in processes.values()}
    return {name: used_s(it, children=it.pid not in parents) for name, it in processes.items()}
