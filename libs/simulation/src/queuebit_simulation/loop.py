"""An event loop of several nodes in virtual time: one seed decides which node runs next, and nothing waits.

Each node stands for a process. Its callbacks run in the order in which asyncio would run them; those of different nodes
interleave at random. A node can be paused, as by SIGSTOP, and killed, as by SIGKILL: no `finally` of it runs.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, TypeVar, TypeVarTuple

__all__ = ["NODE", "Deadlock", "Node", "VirtualLoop", "here"]

_TICK_S: Final = 1e-6
"""The least that the time moves: a timer that is set again for what is left of a float would never be due."""

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Deadlock(Exception):
    """Nothing is left to run, and what was waited for has not happened."""


class Node:
    """A process of the simulation."""

    def __init__(self, name: str, skew_s: float = 0.0) -> None:
        self.name = name
        self.skew_s = skew_s
        """How far its clock of the day is ahead of the true time."""
        self.ready: deque[asyncio.Handle] = deque()
        self.paused = False
        self.dead = False
        self.context: Context = copy_context()
        self.context.run(NODE.set, self)


NODE: ContextVar[Node] = ContextVar("node")


def here() -> Node:
    """The node whose code runs now."""
    return NODE.get()


class _Future(asyncio.Future[_T]):
    """A future whose hash is its number: the order of a set of them is that of no addresses in memory."""

    def __init__(self, number: int, loop: VirtualLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class _Task(asyncio.Task[_T]):
    """A task whose hash is its number."""

    def __init__(
        self, number: int, loop: VirtualLoop, coro: Coroutine[Any, Any, _T], name: str | None, context: Context
    ) -> None:
        self._number = number
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs callbacks until a future is done. The time moves only when nothing is ready.

    It has no sockets, signals and processes of the machine: programs in a simulation use none.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._now = 0.0
        self._timers: list[tuple[float, int, Node, asyncio.TimerHandle]] = []
        self._timed = 0
        self._made = 0
        """Futures and tasks."""
        self._busy: list[Node] = []
        """Nodes with something to run, those that are paused excepted."""
        self._tasks: list[tuple[asyncio.Task[Any], Context]] = []
        """Kept to the end: what a killed process leaves is not cleaned up while others run."""
        self.steps = 0
        """Callbacks that have run."""
        self.errors: list[str] = []
        """What no task caught."""

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None

    def create_future(self) -> asyncio.Future[Any]:  # as asyncio declares it
        self._made += 1
        return _Future(self._made, self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:  # as asyncio declares it
        context = copy_context() if context is None else context
        self._made += 1
        task: asyncio.Task[Any] = _Task(self._made, self, coro, name, context)
        self._tasks.append((task, context))
        return task

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._append(context[NODE], handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timed += 1
        heappush(self._timers, (when, self._timed, context[NODE], handle))
        return handle

    def run_in_executor(
        self, executor: Any, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:  # as asyncio declares it
        """Run a function of a thread later, in one piece."""
        future: asyncio.Future[_T] = self.create_future()

        def run() -> None:
            if not future.cancelled():
                try:
                    future.set_result(func(*args))
                except Exception as error:  # noqa: BLE001  # the caller receives it
                    future.set_exception(error)

        self.call_soon(run)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:  # as asyncio declares it
        error = context.get("exception")
        self.errors.append(f"{context.get('message')}: {error!r}")

    def default_exception_handler(self, context: dict[str, Any]) -> None:  # as asyncio declares it
        self.call_exception_handler(context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None: ...

    def pause(self, node: Node) -> None:
        """Run nothing of a node; its timers and messages pile up."""
        node.paused = True
        if node in self._busy:
            self._busy.remove(node)

    def resume(self, node: Node) -> None:
        """Run what has piled up."""
        node.paused = False
        if node.ready and not node.dead and node not in self._busy:
            self._busy.append(node)

    def kill(self, node: Node) -> None:
        """Run nothing of a node any more."""
        node.dead = True
        node.ready.clear()
        if node in self._busy:
            self._busy.remove(node)

    def run(self, node: Node, work: Coroutine[Any, Any, _T]) -> _T:
        """Run everything until some work of a node has ended.

        Raises:
            Deadlock: it can never end.
        """
        events._set_running_loop(self)
        try:
            task = self.create_task(work, context=node.context)
            while not task.done():
                self._step()
            ended: _T = task.result()
            return ended
        finally:
            events._set_running_loop(None)

    def end(self) -> None:
        """Drop all that is left, as when every process is killed."""
        self._timers.clear()
        for task, context in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # that it is pending is no mistake
                with suppress(BaseException):  # a `finally` that needs a loop, or a group of errors
                    context.run(task.get_coro().close)
        self._tasks.clear()

    def _append(self, node: Node, handle: asyncio.Handle) -> None:
        if node.dead:
            return
        if not node.ready and not node.paused:
            self._busy.append(node)
        node.ready.append(handle)

    def _step(self) -> None:
        busy = self._busy
        if not busy:
            self._move_time()
            return
        at = int(self._random.random() * len(busy)) if len(busy) > 1 else 0
        node = busy[at]
        handle = node.ready.popleft()
        if not node.ready:
            busy[at] = busy[-1]
            busy.pop()
        if not handle._cancelled:
            self.steps += 1
            handle._run()

    def _move_time(self) -> None:
        timers = self._timers
        while timers and (timers[0][3]._cancelled or timers[0][2].dead):
            heappop(timers)
        if not timers:
            raise Deadlock("nothing is left to run")
        self._now = max(self._now + _TICK_S, timers[0][0])
        while timers and timers[0][0] <= self._now:
            _, _, node, handle = heappop(timers)
            if not handle._cancelled:
                self._append(node, handle)
