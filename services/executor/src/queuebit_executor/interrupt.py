"""Ends a block of a task from outside, with an error."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["Interrupt"]


class Interrupt:
    """A block of the current task that other code can end: `with Interrupt() as block: …`, and `block.end(error)`.

    The block is cancelled, and the error is raised where it ends. Blocks can be nested, and a cancellation of the task
    by others is still one.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._task is None:
            raise RuntimeError("a block that can be ended runs in a task")
        self._cancelling = self._task.cancelling()
        return self

    def end(self, error: BaseException) -> None:
        """End the block with an error, unless it has ended; for callers outside of the task."""
        if self._task is not None and self._error is None:
            self._error = error
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        if self._error is None or task is None:
            return
        ours = task.uncancel() <= self._cancelling  # as `asyncio.timeout` tells its own cancellation from others
        if ours and isinstance(raised, asyncio.CancelledError):
            raise self._error from raised
