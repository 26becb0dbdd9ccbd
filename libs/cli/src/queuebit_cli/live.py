"""The display of `qb up` while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress

from queuebit_cli.output import Output
from queuebit_stack.child import Child
from queuebit_stack.log_files import stamped
from queuebit_stack.supervisor import Supervisor

__all__ = ["Live", "announce"]

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
        rows = [
            {
                "service": child.spec.name,
                "pid": child.identity.pid if child.identity else None,
                "listens": child.spec.listens,
                "ready": child.seen.ready,
                "restarts": child.restarts or None,
                "state": self._state(child),
            }
            for child in supervisor.children
        ]
        ready = sum(child.seen.ready for child in supervisor.children)
        starting = f"starting: {ready} of {len(rows)} ready"
        lines = [*self._out.lines(rows, fit=True), "", _UP if ready == len(rows) else starting]
        up = f"\033[{self._height}A" if self._height else ""
        sys.stdout.write(_NO_WRAP + up + "".join(f"\033[2K{line}\n" for line in lines) + _WRAP)
        sys.stdout.flush()
        self._height = len(lines)

    @staticmethod
    def _state(child: Child) -> str:
        behind = f"{child.seen.behind} behind" if child.seen.behind else ""
        return child.reason or child.seen.reason or behind


def announce(write: Callable[[str], None]) -> Callable[[Supervisor], None]:
    """Lines for a log: processes that became ready or ended."""
    announced: dict[str, tuple[int, str]] = {}

    def show(supervisor: Supervisor) -> None:
        for child in supervisor.children:
            news = "ready" if child.seen.ready else child.reason
            if news and announced.get(child.spec.name) != (child.restarts, news):
                announced[child.spec.name] = child.restarts, news
                more = f", {child.spec.listens}" if child.seen.ready else "; it is restarted"
                with suppress(OSError):  # a log on a full disk must not end the stack
                    write(stamped(f"{child.spec.name}: {news}{more}"))
        for gone in announced.keys() - {child.spec.name for child in supervisor.children}:
            del announced[gone]
            with suppress(OSError):
                write(stamped(f"{gone}: ended, since its stack was removed or changed"))

    return show
