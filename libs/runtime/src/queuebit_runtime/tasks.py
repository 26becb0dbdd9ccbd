"""Background tasks whose failures are not lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["Tasks"]

_log = logging.getLogger(__name__)


class Tasks:
    """The background tasks of one process: a task that raises ends the process, which is then restarted."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()  # results are not used
        self.failed: asyncio.Future[None] | None = None
        """Receives the first failure, so that the process can end."""
        self.ending = False
        """Set before the connection is closed: later errors of loops are expected."""

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` until it ends or `close` is called."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Cancel all tasks and wait for them."""
        self.ending = True
        running = [*self._running]
        for task in running:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*running, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if self.ending or task.cancelled() or (error := task.exception()) is None:
            return
        _log.critical("%s stopped: %r", task.get_name(), error, exc_info=error)
        if self.failed is not None and not self.failed.done():
            self.failed.set_exception(error)
