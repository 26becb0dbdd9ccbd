"""The client of the zygote: forks children, kills them, and reports their exit status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from queuebit_executor.child_sandbox import Rights
from queuebit_executor.errors import Garbled, Orphaned
from queuebit_executor.zygote import END, LOCAL, ORDER
from queuebit_runtime.frames import Frame, pack, read_frame
from queuebit_runtime.sandbox import anonymous_bytes, clean_environment

__all__ = ["Child", "ZygoteClient", "ZygoteSettings"]

_log = logging.getLogger(__name__)
_REAP_SECONDS = 2.0
"""Until a child that was killed has ended, and until the last answer of one that ended was read: a process that it left
behind can keep the connection open."""

_CLOSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ZygoteSettings:
    """The configuration of the children."""

    stack: str
    backends: tuple[str, ...]
    memory_mb: int
    threads: int
    start_seconds: float
    passed: tuple[str, ...] = ()
    """Names of further environment variables for the children."""
    rights: Rights = field(default_factory=Rights)


class Child:
    """One sandboxed process; it serves one request at a time."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The wait status, set when the child has ended."""
        self._reader = reader
        self._writer = writer
        self._shared_bytes = anonymous_bytes(pid)
        self.measured_at = 0.0
        """When its memory was read last, on the loop's clock."""
        self.idle_bytes = 0
        """`own_bytes` then."""

    @property
    def own_bytes(self) -> int:
        """The memory that it has taken since its fork, by the kernel's figures: a child is not believed."""
        return max(0, anonymous_bytes(self.pid) - self._shared_bytes)

    async def send(self, head: dict[str, Any], body: bytes = b"") -> None:  # plain JSON
        """Send a request; raises `ConnectionError` if the child has ended."""
        self._writer.write(pack(head, body))
        await self._writer.drain()

    async def receive(self) -> Frame:
        """Wait for the next answer to a request.

        Raises:
            asyncio.IncompleteReadError, ConnectionError: the child has ended.
            Broken: the answer cannot be decoded.
        """
        return await read_frame(self._reader)

    def hang_up(self) -> None:
        """Close the connection; an idle child then ends."""
        self._writer.close()


class ZygoteClient:
    """Owns the zygote process. If the zygote ends, all children end, and this process must end too."""

    def __init__(self, plan: ZygoteSettings) -> None:
        self._plan = plan
        self._children: dict[int, Child] = {}
        self.lost = False
        """Whether the zygote has ended."""
        self.unlimited: tuple[str, ...] = ()
        """What this system cannot limit for children; known when the first one has started."""

    @property
    def threads(self) -> int:
        """The processor cores that a run may use."""
        return self._plan.threads

    @property
    def memory_mb(self) -> int:
        """The memory of a child, in MiB."""
        return self._plan.memory_mb

    async def open(self) -> None:
        """Start the zygote; it loads the SDK in the background."""
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = _start(self._plan, theirs.fileno())
        self._orders = ours.dup()
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)

    async def watch(self) -> None:
        """Record the exit status of children, until cancelled.

        Raises:
            Orphaned: the zygote ended.
        """
        try:
            while True:
                pid, status = END.unpack(await self._reader.readexactly(END.size))
                if child := self._children.pop(pid, None):
                    child.ended.set_result(status)
                    asyncio.get_running_loop().call_later(_REAP_SECONDS, child.hang_up)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.lost = True
            raise _orphaned() from error
        finally:
            for child in self._children.values():
                child.ended.cancel()

    async def fork(self, *, local: bool = False) -> Child:
        """Start one more child; a local one is for a backend that is not remote, and has no network.

        Raises:
            Orphaned: the zygote ended.
            Garbled: the SDK did not load in time.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._order(LOCAL if local else 0, [theirs.fileno()])
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            async with asyncio.timeout(self._plan.start_seconds):
                head, _ = await read_frame(reader)
        except asyncio.IncompleteReadError as error:
            writer.close()
            raise Orphaned("a child ended before it sent its process id: see its messages for the reason") from error
        except TimeoutError as error:
            writer.close()
            raise Garbled(f"the stack was not loaded within {self._plan.start_seconds:g} s: see its plugin") from error
        except asyncio.CancelledError:
            writer.close()  # the child ends when it reads
            raise
        self._notice(head["unlimited"])
        child = self._children[int(head["pid"])] = Child(int(head["pid"]), reader, writer)
        return child

    async def end(self, child: Child) -> str:
        """Kill a child and return how it ended.

        Raises:
            Orphaned: the zygote ended too.
        """
        self._order(child.pid, [])
        child.hang_up()
        await asyncio.wait([child.ended], timeout=_REAP_SECONDS)
        if child.ended.cancelled():
            raise _orphaned()
        return _cause(child.ended.result()) if child.ended.done() else "without a status"

    async def close(self) -> None:
        """End the zygote and all children."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        self._orders.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # one that still loads the SDK reads nothing
            self.process.wait(_CLOSE_SECONDS)
        self.process.kill()
        self.process.wait()

    def _notice(self, unlimited: list[str]) -> None:
        """Warn once about what is not limited."""
        if unlimited and not self.unlimited:
            _log.warning("children that run circuits are not limited in: %s", "; ".join(unlimited))
        self.unlimited = tuple(unlimited)

    def _order(self, number: int, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._orders, [ORDER.pack(number)], descriptors)
        except OSError as error:
            raise _orphaned() from error


def _start(plan: ZygoteSettings, descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "queuebit_executor.zygote"),
            *(str(descriptor), str(plan.memory_mb), plan.rights.as_argument(), plan.stack, *plan.backends),
        ],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=clean_environment(os.environ, plan.threads, plan.passed),
    )


def _orphaned() -> Orphaned:
    return Orphaned("the zygote, which holds the SDK, has ended: see its messages for the reason")


def _cause(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
