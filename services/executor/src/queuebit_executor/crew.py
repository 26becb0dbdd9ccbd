"""Children at work: a bench of idle ones for each role, and one request a child."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from queuebit_executor.errors import Overloaded
from queuebit_executor.frames import Broken, Frame
from queuebit_executor.nursery import Child, Nursery
from queuebit_runtime.tasks import Tasks

__all__ = ["Bench"]

MAX_WAITING = 256
"""Requests that may wait for a child; far more than the durables let through."""


class Bench:
    """Children of one role. Requests are served in order of arrival; a child that fails one is replaced."""

    def __init__(
        self, role: Literal["profile", "run"], size: int, seconds: float, nursery: Nursery, tasks: Tasks
    ) -> None:
        self._role = role
        self._size = size
        self._seconds = seconds
        self._nursery = nursery
        self._tasks = tasks
        self._idle: asyncio.Queue[Child] = asyncio.Queue()
        self.children: set[Child] = set()
        """Idle and busy ones."""
        self._waiting = 0

    async def open(self) -> None:
        """Fork the children; the first says so once the SDK is loaded."""
        for _ in range(self._size):
            await self._add()

    @property
    def idle(self) -> int:
        """Children with nothing to do."""
        return self._idle.qsize()

    async def ask(self, head: dict[str, Any], body: bytes = b"") -> Frame:  # plain JSON
        """Have one child do one thing.

        A circuit that runs out of time or kills its child is answered with an error: `<role>_timeout` or `crashed`.

        Raises:
            Overloaded: too many requests wait already.
            Orphaned: the template is gone.
        """
        if self._waiting >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} circuits wait already: try again")
        self._waiting += 1
        try:
            child = await self._idle.get()
        finally:
            self._waiting -= 1
        usable = False
        try:
            async with asyncio.timeout(self._seconds):
                answer, content = await child.ask(head, body)
            usable = not answer.pop("retiring", False)
        except TimeoutError:
            return _error(f"{self._role}_timeout", f"it took longer than the {self._seconds:g} s it may take here")
        except (asyncio.IncompleteReadError, ConnectionError, Broken):
            return _error("crashed", f"the process that handled it ended {await self._nursery.end(child)}")
        else:
            return answer, content
        finally:
            if usable:
                self._idle.put_nowait(child)
            else:
                self._tasks.spawn(self._replace(child), f"new {self._role} child")

    async def _replace(self, child: Child) -> None:
        self.children.discard(child)
        await self._add()
        await self._nursery.end(child)

    async def _add(self) -> None:
        child = await self._nursery.fork()
        self.children.add(child)
        self._idle.put_nowait(child)


def _error(code: str, message: str) -> Frame:
    return {"error": {"code": code, "message": message}}, b""
