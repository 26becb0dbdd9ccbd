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

_IDLE_BYTES = 256 << 20
"""An idle child with more memory of its own is replaced: twice what its caches may have."""
_MEASURED_S = 1.0
_COPIED_BYTES = 16 << 20
"""What a child copies of the memory of the zygote, which the kernel does not count as new: 7 to 15 MiB."""

_OUT_OF_PROCESSOR_TIME = "by SIGXCPU"

_ABOUT_CIRCUITS = frozenset({"inputs", "profile", "estimate", "runs", "item", "items"})
"""Requests that take the longer, the larger their circuit is."""


class WorkerPool:
    """Children of one role, of which up to `size` work at the same time. Each serves one tenant as long as it lives.

    A line is a tenant. The platform's own requests, such as to describe the backends, are the empty line: a child that
    served a tenant never answers them, and one that served only them may serve a tenant.

    Up to `kept` children live, most of them idle until their tenant asks again. If there are more tenants, the child
    that was used least recently is ended before another is forked: code that took over a child never sees a circuit of
    another tenant. It is also ended if idle children together take more than `idle_bytes`; one may stay.

    A child that fails a request is ended, and replaced by one that has no tenant yet.

    Local pools are for a backend that is not remote; their children have no network.
    """

    def __init__(
        self,
        role: _Role,
        size: int,
        seconds: float,
        zygote: ZygoteClient,
        tasks: Tasks,
        *,
        kept: int = 0,
        idle_bytes: int = 2 << 30,
        local: bool = False,
    ) -> None:
        self._idle_bytes = idle_bytes
        self._local = local
        self._role = role
        self._size = size
        self._kept = max(size, kept)
        self._seconds = seconds
        self._zygote = zygote
        self._tasks = tasks
        self._turns: FairQueue[None] = FairQueue()
        for _ in range(size):
            self._turns.give(None)
        self._lines: dict[Child, str | None] = {}
        """Idle and busy children with the tenant that each serves; None if it has served none yet."""
        self._idle: list[Child] = []
        """The one that was used last is at the end."""
        self._alive = 0
        """Children that live, are being forked or being ended."""

    async def open(self) -> None:
        """Fork the first child, which is ready once the SDK is loaded; the others follow when requests wait."""
        self._idle.append(await self._fork(None))

    @property
    def size(self) -> int:
        """The most children that work at the same time."""
        return self._size

    @property
    def idle(self) -> int:
        """The requests that could begin now."""
        return self._turns.idle

    @property
    def children(self) -> frozenset[Child]:
        """Idle and busy ones."""
        return frozenset(self._lines)

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
        """Take a child of this line for one request; lines take turns.

        A child that is idle afterwards is kept for its line. One that still works, or whose work ended badly, or that
        keeps too much memory, is killed and replaced.

        Raises:
            Overloaded: too many wait in this line, or its turn did not come until `begin_by`, on the loop's clock.
            Unavailable: no child could be forked.
        """
        await self._turns.take(line, begin_by)
        try:
            child = self._idle_of(line or None) or await self._fork(line or None)
        except BaseException:
            self._turns.give(None)
            raise
        borrowed = Borrowed(child, self._role, self._seconds, self._zygote)
        try:
            yield borrowed
        finally:
            if borrowed.idle and self._is_small(child):
                self._idle.append(child)
                if self._is_full():
                    self._tasks.spawn(self._make_room(self._idle.pop(0)), f"end of a {self._role} child")
                else:
                    self._turns.give(None)
            else:
                self._tasks.spawn(self._replace(child), f"new {self._role} child")

    def _is_small(self, child: Child) -> bool:
        """Whether an idle child has little memory of its own, at most once a second: it is read from a file."""
        now = asyncio.get_running_loop().time()
        if now < child.measured_at + _MEASURED_S:
            return True
        child.measured_at, child.idle_bytes = now, child.own_bytes
        return child.idle_bytes <= _IDLE_BYTES

    def _is_full(self) -> bool:
        """Whether idle children take more memory than they may; one may stay."""
        taken = sum(_COPIED_BYTES + it.idle_bytes for it in self._idle)
        return taken > self._idle_bytes and len(self._idle) > 1

    async def _make_room(self, before: Child) -> None:
        """End a child that is not used now; a turn is free once that is done, so that no more live than are kept."""
        del self._lines[before]
        try:
            await self._end(before)
        finally:
            self._turns.give(None)

    async def _end(self, child: Child) -> None:
        try:
            await self._zygote.end(child)
        finally:
            self._alive -= 1

    def _idle_of(self, line: str | None) -> Child | None:
        """The idle child of a line that was used last; if there is none, one that has served no tenant."""
        for wanted in (line, None):
            for child in reversed(self._idle):
                if self._lines[child] == wanted:
                    self._idle.remove(child)
                    self._lines[child] = line
                    return child
        return None

    async def _fork(self, line: str | None) -> Child:
        """Fork a child for a line; if as many live as are kept, the one that was used least recently is ended first."""
        before = self._idle.pop(0) if self._alive >= self._kept else None
        self._alive += before is None
        try:
            if before is not None:
                del self._lines[before]
                await self._zygote.end(before)
            child = await self._zygote.fork(local=self._local)
        except BaseException:
            self._alive -= 1
            raise
        self._lines[child] = line
        return child

    async def _replace(self, child: Child) -> None:
        """End a child, and fork one that any line may take; the turn is free once both is done."""
        del self._lines[child]
        try:
            await self._end(child)
            self._idle.append(await self._fork(None))
        finally:
            self._turns.give(None)


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
                await self.child.send({**head, "processor_s": limit_s * self._zygote.threads}, body)
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
            ended = await self._zygote.end(self.child)
            if ended == _OUT_OF_PROCESSOR_TIME:
                return _refused(f"{self._role}_timeout", self._late(head, body, limit_s), round(limit_s * 1_000_000))
            return _refused("crashed", f"the process that handled it ended {ended}")
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
