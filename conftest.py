"""Fixtures shared by every member's tests, and where their folders lie."""

import os
import shutil

pytest_plugins = ["queuebit_testing.plugin"]

collect_ignore = ["tests/vendors"]
"""Each vendor's tests run in an environment with its SDK: `make vendors`."""

_MEMORY = "/dev/shm"  # noqa: S108  # pytest makes a folder of its own in it
_ROOM_BYTES = 4 << 30

# Servers wait for the disk at each write, ten times as long where the disk is busy. Tests end processes and never the
# machine: what lies in memory survives that as well as what lies on a disk.
if os.path.isdir(_MEMORY) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", _MEMORY)
