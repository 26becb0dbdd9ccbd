"""Huge pages change where the kernel keeps memory, and nothing that is in it."""

from __future__ import annotations

import subprocess
import sys

_COLLAPSES = """
import os
from queuebit_runtime.huge_pages import use_huge_pages

kept = [str(it) for it in range(400_000)]
use_huge_pages()
pid = os.fork()
if not pid:
    kept[7] = "changed"
    os._exit(0)
print(os.waitpid(pid, 0)[1], kept == [str(it) for it in range(400_000)])
"""


def test_memory_is_the_same_afterwards_also_if_a_fork_changes_its_own() -> None:
    found = subprocess.run([sys.executable, "-c", _COLLAPSES], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["0", "True"]
