"""The limit of memory: the smallest of the machine's and of all control groups."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from queuebit_runtime.machine_memory import machine_memory_bytes

MACHINE = int(psutil.virtual_memory().total)


def limited(folder: Path, mine: str, limits: dict[str, str]) -> int:
    """The memory with these groups of this process, and these files with limits."""
    for name, content in limits.items():
        file = folder / "groups" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (folder / "mine").write_text(mine)
    return machine_memory_bytes(folder / "groups", folder / "mine")


@pytest.mark.parametrize(
    ("mine", "limits", "expected"),
    [
        ("", {}, MACHINE),
        ("0::/\n", {"memory.max": "max\n"}, MACHINE),
        ("0::/\n", {"memory.max": "4096\n"}, 4096),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "8192\n", "memory.max": "1000000\n"}, 8192),
        ("4:memory:/a/b\n0::/\n", {"memory/a/b/memory.limit_in_bytes": "4096\n"}, 4096),
        ("4:memory:/elsewhere\n", {"memory/memory.limit_in_bytes": "4096\n"}, 4096),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712\n"}, MACHINE),
        ("1:cpu:/a\n", {"a/memory.max": "4096\n"}, MACHINE),
    ],
)
def test_the_smallest_limit_counts(tmp_path: Path, mine: str, limits: dict[str, str], expected: int) -> None:
    assert limited(tmp_path, mine, limits) == expected


def test_without_a_list_of_groups_the_root_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("4096")
    assert machine_memory_bytes(tmp_path, tmp_path / "missing") == 4096
