"""Cycles that wait for the log, several at once, and what must be appended between two cycles."""

from __future__ import annotations

import asyncio
from types import TracebackType

__all__ = ["CycleGate"]


class CycleGate:
    """A context in which no cycle is open, and none begins. Cycles that are open when it is asked for end before."""

    def __init__(self) -> None:
        self.open = 0
        """Cycles whose placements the log has not confirmed or refused yet."""
        self._between = asyncio.Lock()
        self._none_open = asyncio.Event()
        self._none_open.set()

    @property
    def is_closed(self) -> bool:
        """Whether no cycle may begin now."""
        return self._between.locked()

    def begin(self) -> None:
        """Note that a cycle has begun."""
        self.open += 1
        self._none_open.clear()

    def end(self) -> None:
        """Note that a cycle has ended."""
        self.open -= 1
        if not self.open:
            self._none_open.set()

    async def __aenter__(self) -> None:
        await self._between.acquire()
        try:
            await self._none_open.wait()
        except BaseException:
            self._between.release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._between.release()
