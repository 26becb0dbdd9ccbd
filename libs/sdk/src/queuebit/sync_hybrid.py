"""Hybrid jobs for programs without an event loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from queuebit.hybrid_jobs import AsyncHybridJob, HybridStatus, Metric
from queuebit.loop import Loop
from queuebit_kernel import Money

__all__ = ["HybridJob"]


class HybridJob:
    """A handle of one hybrid job; calls block until they have an answer."""

    def __init__(self, job: AsyncHybridJob, loop: Loop) -> None:
        self.id = job.id
        self._job = job
        self._loop = loop

    def __repr__(self) -> str:
        return f"<HybridJob {self.id}>"

    def status(self) -> HybridStatus:
        """The current status."""
        return self._loop.run(self._job.status())

    def wait(self, timeout: float | None = None) -> HybridStatus:
        """Wait for any end; raises `StillRunning` after `timeout` seconds."""
        return self._loop.run(self._job.wait(timeout))

    def result(self, timeout: float | None = None) -> Any:  # JSON
        """Wait for the end, and return what it saved with `save_result`; None if it saved nothing.

        Raises:
            Refused: it was rejected; `reasons` holds all of them.
            JobFailed: it failed or was cancelled.
            StillRunning: it did not end in `timeout` seconds.
        """
        return self._loop.run(self._job.result(timeout))

    def logs(self, *, follow: bool = True) -> Iterator[str]:
        """What it writes, piece by piece, until it has ended; without `follow`, what it has written so far."""
        return self._loop.each(self._job.logs(follow=follow))

    def metrics(self, *, follow: bool = False) -> Iterator[Metric]:
        """The numbers that it has recorded, oldest first; with `follow`, until it has ended."""
        return self._loop.each(self._job.metrics(follow=follow))

    def cancel(self, reason: str = "", timeout: float = 20.0) -> HybridStatus:
        """Stop it, wait for the end, and return the status; one that has ended does not change."""
        return self._loop.run(self._job.cancel(reason, timeout))

    def cost(self, timeout: float | None = 10.0) -> Money:
        """Wait for the bill of its own time, which follows its end shortly; its jobs have bills of their own."""
        return self._loop.run(self._job.cost(timeout))
