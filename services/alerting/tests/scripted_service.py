"""The alerting service with one source more: a file says what fires. A process for tests that kill it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from queuebit_alerting.app import Alerting
from queuebit_alerting.settings import Settings
from queuebit_alerting.state import Signal
from queuebit_runtime.service import run
from queuebit_runtime.settings import BusSettings


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def signals(self, now: datetime) -> Sequence[Signal]:
        says: dict[str, bool | None] = json.loads(self._path.read_text())
        return [
            Signal({"alertname": it, "severity": "page"}, {"summary": it}, firing, now) for it, firing in says.items()
        ]


if __name__ == "__main__":
    source = _File(Path(os.environ.pop("SCRIPT")))
    sys.exit(run(lambda: Alerting(BusSettings(), Settings(), [source])))
