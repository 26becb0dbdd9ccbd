"""Keeps what a process has allocated in huge pages: each fork and each end of one then takes half of the time."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator
from typing import Final

from queuebit_runtime.landlock import c_library

__all__ = ["use_huge_pages"]

_SIZE: Final = 2 << 20
_COLLAPSE: Final = 25
"""`MADV_COLLAPSE`, of Linux 6.1: it does so at once, whatever the system's setting for huge pages."""
_PRIVATE: Final = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0 +(?:\[heap\])?$", re.MULTILINE)


def use_huge_pages() -> None:
    """Collapse the private memory of this process, as far as the kernel can; it may take a few MB more then.

    Does nothing without Linux 6.1, or where a huge page is not of 2 MiB.
    """
    if sys.platform != "linux":
        return
    for begin, size in _parts():
        c_library().madvise(ctypes.c_void_p(begin), ctypes.c_size_t(size), _COLLAPSE)


def _parts() -> Iterator[tuple[int, int]]:
    """The address and size of each part of memory that a huge page can hold."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        found = _PRIVATE.findall(file.read())
    for begin, end in found:
        for place in range(-(-int(begin, 16) // _SIZE) * _SIZE, int(end, 16) // _SIZE * _SIZE, _SIZE):
            yield place, _SIZE
