"""The value of a cell: a job that shows itself as a card, and keeps the card up to date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

from IPython.display import DisplayHandle, display

from queuebit import AsyncJob, QueuebitError, Result, Status, Step
from queuebit.loop import Loop
from queuebit.sync import Job
from queuebit.text import visible
from queuebit_jupyter.views import card_html, card_text, card_view
from queuebit_jupyter.widgets import JobCard

__all__ = ["NotebookJob"]


class NotebookJob(Job):
    """A job of the client whose display is a live card; all its calls are those of `queuebit.Job`."""

    def __init__(self, job: AsyncJob, loop: Loop, status: Status, result: Result | None = None) -> None:
        """Show a job.

        Args:
            job: the client's handle, used on `loop` alone.
            loop: where the client runs.
            status: the newest one.
            result: if there is one already.
        """
        super().__init__(job, loop)
        self._status, self._result = status, result
        self._handles: list[DisplayHandle] = []
        self.card = JobCard(view=card_view(status, result))

    def _ipython_display_(self) -> None:
        handle = display(self._bundle(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        if handle is not None:
            self._handles.append(handle)

    def __await__(self) -> Any:
        """`await job` is its result, and does not block the kernel meanwhile."""
        return asyncio.wrap_future(self.future()).__await__()

    async def follow(self, note: Callable[[Status], None]) -> None:
        """Keep the card up to date until the job is sealed; runs on the kernel's loop, as widgets demand.

        From its end on, each state also replaces the static HTML: a notebook that is saved then shows the end.

        Args:
            note: called with each new status.
        """
        try:
            await self._look(note)
            if not self._status.sealed:
                steps = self._job.steps()
                while (step := await self._there(_next(steps))) is not None:
                    if step not in self._status.steps:
                        await self._look(note)
        except QueuebitError as error:
            self.card.view = {**self.card.view, "trouble": visible(f"{error} Run the cell again to see the job.")}

    async def _look(self, note: Callable[[Status], None]) -> None:
        self._status = await self._there(self._job.status())
        if self._status.state == "completed" and self._result is None:
            self._result = await self._there(self._job.result())
        self.card.view = card_view(self._status, self._result)
        note(self._status)
        if self._status.ended:
            for handle in self._handles:
                handle.update(self._bundle(), raw=True)  # type: ignore[no-untyped-call]

    async def _there(self, work: Any) -> Any:
        """Await work on the client's loop."""
        return await asyncio.wrap_future(self._loop.start(work))

    def _bundle(self) -> dict[str, Any]:
        return self.card.bundle(card_html(self._status, self._result), card_text(self._status, self._result))


async def _next(steps: AsyncGenerator[Step, None]) -> Step | None:
    return await anext(steps, None)
