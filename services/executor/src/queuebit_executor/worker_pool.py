"""A pool of children; each child handles one request at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar

from queuebit_contracts.query import CircuitError
from queuebit_executor.answers import Refused
from queuebit_executor.fair_queue import FairQueue
from queuebit_executor.zygote_client import Child, ZygoteClient
from queuebit_kernel import digest
from queuebit_runtime.frames import Broken, Frame
from queuebit_runtime.tasks import Tasks

__all__ = ["Borrowed", "WorkerPool"]

_log = logging.getLogger(__name__)
_A = TypeVar("_A")
_Role = Literal["profile", "run"]
_LATE = {
    "profile": "reading it, or compiling it for one backend, may take: use fewer gates, or split it into several jobs",
    "run": "a run may take: use fewer qubits, gates or shots",
}

_ABOUT_CIRCUITS = frozenset({"inputs", "profile", "estimate", "runs", "item", "items"})
"""Requests that take the longer, the larger their circuit is."""


class WorkerPool:
    """Up to `size` children of one role, forked as they are needed. A child that fails a request is replaced."""

    def __init__(self, role: _Role, size: int, seconds: float, zygote: ZygoteClient, tasks: Tasks) -> None:
        self._role = role
        self._size = size
        self._seconds = seconds
        self._zygote = zygote
        self._tasks = tasks
        self._queue: FairQueue[Child] = FairQueue()
        self._begun = 0
        self.children: set[Child] = set()
        """Idle and busy ones."""

    async def open(self) -> None:
        """Fork the first child, which is ready once the SDK is loaded; the others follow when requests wait."""
        self._begun = 1
        await self._add()

    @property
    def size(self) -> int:
        """The most children."""
        return self._size

    @property
    def idle(self) -> int:
        """Children with nothing to do."""
        return self._queue.idle

    async def ask(
        self,
        head: dict[str, Any],  # plain JSON
        read: Callable[[Frame], _A | Refused],
        body: bytes = b"",
        *,
        line: str = "",
        begin_by: float | None = None,
    ) -> _A | Refused:
        """Send one request to one child; raises as `borrow`, refuses as `Borrowed.ask`."""
        async with self.borrow(line, begin_by) as child:
            return await child.ask(head, read, body)

    @asynccontextmanager
    async def borrow(self, line: str = "", begin_by: float | None = None) -> AsyncIterator[Borrowed]:
        """Take one child for one request; lines take turns.

        A child that is idle afterwards goes to the next. One that still works, or whose work ended badly, is killed and
        replaced.

        Raises:
            Overloaded: too many wait in this line, or its turn did not come until `begin_by`, on the loop's clock.
        """
        if not self._queue.idle and self._begun < self._size:
            self._begun += 1
            self._tasks.spawn(self._add(), f"one more {self._role} child")
        borrowed = Borrowed(await self._queue.take(line, begin_by), self._role, self._seconds, self._zygote)
        try:
            yield borrowed
        finally:
            if borrowed.idle:
                self._queue.give(borrowed.child)
            else:
                self._tasks.spawn(self._replace(borrowed.child), f"new {self._role} child")

    async def _replace(self, child: Child) -> None:
        self.children.discard(child)
        await self._add()
        await self._zygote.end(child)

    async def _add(self) -> None:
        child = await self._zygote.fork()
        self.children.add(child)
        self._queue.give(child)


class Borrowed:
    """A child in the hands of one request."""

    def __init__(self, child: Child, role: _Role, seconds: float, zygote: ZygoteClient) -> None:
        self.child = child
        self.idle = True
        """Whether it can take another request."""
        self._role = role
        self._seconds = seconds
        self._zygote = zygote

    async def ask(
        self,
        head: dict[str, Any],  # plain JSON
        read: Callable[[Frame], _A | Refused],
        body: bytes,
        seconds: float | None = None,
    ) -> _A | Refused:
        """Have the child do one thing, and read its answer; as `ask_each`."""
        answers: list[_A | Refused] = []
        refused = await self.ask_each(head, read, body, answers.append, 1, seconds)
        return answers[0] if refused is None else refused

    async def ask_each(
        self,
        head: dict[str, Any],  # plain JSON
        read: Callable[[Frame], _A | Refused],
        body: bytes,
        take: Callable[[_A | Refused], object],
        most: int,
        seconds: float | None = None,
    ) -> Refused | None:
        """Send a request and take each of its answers, at most so many; `seconds` is a limit below that of the role.

        Returns why an answer is missing: the request ran out of time (`<role>_timeout`), killed its child, or the child
        answered nonsense, for which `read` raises `Broken` (`crashed`). A child whose memory ran out answers no more.

        Raises:
            Orphaned: the zygote ended.
        """
        self.idle, retiring = False, False
        limit_s = self._seconds if seconds is None else min(seconds, self._seconds)
        try:
            async with asyncio.timeout(limit_s):
                await self.child.send(head, body)
                for _ in range(most):
                    answer, content = await self.child.receive()
                    more, retiring = answer.pop("more", False), answer.pop("retiring", False)
                    take(read((answer, content)))
                    if retiring or not more:
                        break
                else:
                    raise Broken(f"a child has more than {most} answers to one request")
        except TimeoutError:
            return _refused(f"{self._role}_timeout", self._late(head, body, limit_s), round(limit_s * 1_000_000))
        except Broken as error:
            _log.warning("%s (%s)", error, head["op"])
            await self._zygote.end(self.child)
            return _refused("crashed", "the process that handled it gave an answer that cannot be read")
        except (asyncio.IncompleteReadError, ConnectionError):
            return _refused("crashed", f"the process that handled it ended {await self._zygote.end(self.child)}")
        self.idle = not retiring
        return None

    def _late(self, head: dict[str, Any], body: bytes, limit_s: float) -> str:  # plain JSON
        if head["op"] not in _ABOUT_CIRCUITS:
            return f"the backend took longer than the {limit_s:g} s that a call may take ({head['op']})"
        return f"{_named(head, body)} took longer than the {limit_s:g} s that {_LATE[self._role]}"


def _named(head: dict[str, Any], body: bytes) -> str:  # a head is plain JSON
    it = next(iter(head.get("runs", ())), head)
    name, size = it.get("circuit") or digest(body), it.get("source_bytes", len(body))
    return f"the circuit of {size:,} bytes with the digest {name[:19]}…"


def _refused(code: str, message: str, used_us: int = 0) -> Refused:
    return Refused(error=CircuitError(code=code, message=message), lasting=False, used_us=used_us)
