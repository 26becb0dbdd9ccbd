"""Notices when a connection brings nothing for too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Silence"]


class Silence:
    """Calls a function each time that nothing has arrived for a while. One timer, however much arrives."""

    def __init__(self, most_s: float, on_silence: Callable[[], None]) -> None:
        self._most_s = most_s
        self._on_silence = on_silence
        self._loop = asyncio.get_running_loop()
        self._newest_at = self._loop.time()
        self._timer = self._loop.call_later(most_s, self._look)

    def end(self) -> None:
        """Something has arrived."""
        self._newest_at = self._loop.time()

    def close(self) -> None:
        """Stop the timer."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._newest_at + self._most_s - self._loop.time()
        if left <= 0:
            self._on_silence()
        self._timer = self._loop.call_later(left if left > 0 else self._most_s, self._look)
