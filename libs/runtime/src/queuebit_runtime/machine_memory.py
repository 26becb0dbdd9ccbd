"""The memory that processes may use here: of the machine, or of the control group that they are in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

__all__ = ["machine_memory_bytes"]

_GROUPS: Final = Path("/sys/fs/cgroup")
_MINE: Final = Path("/proc/self/cgroup")


def machine_memory_bytes(groups: Path = _GROUPS, mine: Path = _MINE) -> int:
    """Return the memory of this machine in bytes, or the smallest limit of the control groups of this process.

    Both versions of control groups count, with all groups above. A group whose limit cannot be read has none.

    Args:
        groups: where control groups are mounted.
        mine: the file that names the groups of this process.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(groups, mine)])


def _limits(groups: Path, mine: Path) -> Iterator[int]:
    for file in _files(groups, mine):
        try:
            yield int(file.read_text())
        except (OSError, ValueError):  # it does not exist here, or is `max`
            continue


def _files(groups: Path, mine: Path) -> Iterator[Path]:
    """The files with limits. Inside a container, the container's own group is the root."""
    yield groups / "memory.max"
    yield groups / "memory" / "memory.limit_in_bytes"
    try:
        lines = mine.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = groups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = groups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        yield from (root / it / name for it in (group, *group.parents))
