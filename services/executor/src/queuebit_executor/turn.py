"""The turn of one circuit at a child."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from queuebit_executor.answers import Ran, Refused
from queuebit_executor.policy import Load
from queuebit_executor.ports import CircuitWork, RunTimer
from queuebit_kernel import Fault

__all__ = ["Turn"]


class Turn:
    """One circuit: `async with` waits until a child has it, `answer` until it has run; to leave before gives it up."""

    def __init__(
        self,
        work: CircuitWork,
        busy: RunTimer,
        *,
        enter: Callable[[Turn], None],
        leave: Callable[[Turn], None],
    ) -> None:
        self.work = work
        self.busy = busy
        """Counts its own run: those in one request run one after another."""
        self.alone = False
        """Whether it shares no request any more."""
        self._enter = enter
        self._leave = leave
        loop = asyncio.get_running_loop()
        self._taken: asyncio.Future[None] = loop.create_future()
        self._answer: asyncio.Future[Ran | Refused] = loop.create_future()
        self._others: Sequence[Turn] = ()
        self._request: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        self._enter(self)
        try:
            await self._taken
        except BaseException:
            self._give_up()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._answer.done() or self._answer.cancelled():  # to cancel who waits for a future cancels the future
            self._give_up()

    async def answer(self) -> Ran | Refused:
        return await self._answer

    @property
    def load(self) -> Load:
        """What it costs those that share a request with it."""
        return Load(len(self.work.source), self.work.budget_us, alone=self.alone or self.work.calibration is not None)

    @property
    def may_share(self) -> bool:
        """Whether others may be on the device at the same time."""
        return self.work.shared_device is not None and not self.alone and self.wanted

    @property
    def wanted(self) -> bool:
        """Whether an answer is still waited for."""
        return not self._answer.done()

    def take(self, others: Sequence[Turn], request: asyncio.Task[Any] | None) -> None:
        """A child has it, in a request with these circuits, itself included; `request` is the task that asks."""
        self._others, self._request = others, request
        if not self._taken.done():
            self._taken.set_result(None)

    def give(self, answer: Ran | Refused) -> None:
        """End it with an answer."""
        if self.wanted:
            self._answer.set_result(answer)

    def fail(self, fault: Fault) -> None:
        """End it without an answer: no child can run it."""
        waiting = self._answer if self._taken.done() else self._taken
        if not waiting.done():
            waiting.set_exception(fault)

    def _give_up(self) -> None:
        """A request of which no answer is wanted any more is ended, and its child with it."""
        self._answer.cancel()
        self._leave(self)
        if self._request is not None and not any(it.wanted for it in self._others):
            self._request.cancel()
