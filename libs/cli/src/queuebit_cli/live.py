"""The display of `qb up` while it runs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from queuebit_cli.output import Output
from queuebit_stack.overview import inside

if TYPE_CHECKING:
    from queuebit_stack.supervisor import Supervisor

__all__ = ["Live"]

_REDRAW_S = 0.5
_NO_WRAP, _WRAP = "\033[?7l", "\033[?7h"
"""Without wrapping, the number of lines to redraw is known."""
_UP = "up; next, in another terminal: qb submit FILE.qasm --wait"


class Live:
    """A table that is redrawn in place."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._height = 0
        self._drawn = 0.0

    def __call__(self, supervisor: Supervisor) -> None:
        now = time.monotonic()
        if now - self._drawn < _REDRAW_S:
            return
        self._drawn = now
        rows = inside(supervisor)
        ready = sum(bool(row["ready"]) for row in rows)
        starting = f"starting: {ready} of {len(rows)} ready"
        lines = [*self._out.lines(rows, fit=True), "", _UP if ready == len(rows) else starting]
        up = f"\033[{self._height}A" if self._height else ""
        sys.stdout.write(_NO_WRAP + up + "".join(f"\033[2K{line}\n" for line in lines) + _WRAP)
        sys.stdout.flush()
        self._height = len(lines)
