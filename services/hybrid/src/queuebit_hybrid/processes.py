"""What the processes below one process use, as the kernel says it."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Used", "used_below"]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Used:
    """What processes use together."""

    processor_us: int = 0
    """Of those that run, and of those that ended and were waited for."""
    memory_bytes: int = 0
    """Memory that is theirs alone: without files, such as libraries, that all share."""


def used_below(pid: int) -> Used:
    """Add up what all descendants of a process use."""
    waiting, processor, memory = _children(pid), 0, 0
    while waiting:
        one = waiting.pop()
        waiting += _children(one)
        try:
            processor += _processor_us(one)
            memory += _memory_bytes(one)
        except OSError:  # it ended meanwhile
            continue
    return Used(processor, memory)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:
                found += map(int, file.read().split())
    except OSError:  # it ended meanwhile
        pass
    return found


def _processor_us(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
        fields = file.read().rpartition(b")")[2].split()
    return sum(map(int, fields[11:15])) * 1_000_000 // _TICKS  # own and waited-for time, of the user and the system


def _memory_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
        _, resident, shared, *_ = map(int, file.read().split())
    return (resident - shared) * _PAGE
