"""A device whose snapshot changes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["Change", "Snapshot"]

Change = Callable[[dict[str, Any]], None]
"""Changes the properties of a device; plain JSON."""


class Snapshot:
    """The file of the properties of `FakeChanging`, as `FakeBackendV2.refresh` would write it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def change(self, change: Change) -> None:
        written = json.loads(self.path.read_text())
        change(written)
        self.path.write_text(json.dumps(written))
        os.utime(self.path, ns=(0, self.path.stat().st_mtime_ns + 1_000_000))
