"""One child: starts it, keeps it within its limits, and says how it ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from queuebit_contracts.wire import Reason
from queuebit_hybrid.errors import Refusal
from queuebit_hybrid.policy import TIME_LIMIT, Measured
from queuebit_hybrid.processes import Used, used_below
from queuebit_runtime.sandbox import clean_environment

__all__ = ["Child", "Limits"]

_LOOK_S: Final = 0.2
_GRACE_S: Final = 3.0
"""How long a child may take to end by itself, after it was asked to."""
_START_S: Final = 20.0
_READ: Final = 65_536
_SLOWLY_S: Final = 0.05
"""Between two reads of output that is dropped: a child that writes without end then uses little of this service."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use."""

    time_s: float
    memory_bytes: int


class Child:
    """A child process and all below it."""

    def __init__(self, limits: Limits, on_output: Callable[[bytes], bool]) -> None:
        """Prepare.

        Args:
            limits: what it may use.
            on_output: takes what it writes; returns whether more is wanted.
        """
        self._limits = limits
        self._on_output = on_output
        self._stop = asyncio.Event()
        self._began = self._ended = 0.0
        self._broken: Reason | None = None
        self.used = Used()
        """Seen last."""
        self.most_memory_bytes = 0

    @property
    def time_us(self) -> int:
        """How long it has run."""
        if not self._began:
            return 0
        until = self._ended or asyncio.get_running_loop().time()
        return round(min(until - self._began, self._limits.time_s) * 1_000_000)

    def stop(self) -> None:
        """Ask it to end, and kill it if it does not."""
        self._stop.set()

    async def run(self, order: dict[str, Any]) -> Measured:  # plain JSON
        """Start it, and wait until it has ended with all its processes.

        Raises:
            Refusal: it cannot be made.
        """
        read, write = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "queuebit_hybrid.launcher", str(write)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[write],
                env=clean_environment(os.environ, 1),
            )
        except OSError as error:
            os.close(read)
            raise Refusal(
                "not_started", f"the child could not be started: {error.strerror}; submit it again"
            ) from error
        finally:
            os.close(write)
        reading = asyncio.ensure_future(self._read_output())
        try:
            await self._begin(order, read)
            await self._watch()
        finally:
            await self._kill()
            await reading
        return Measured(await self._process.wait(), self._broken)

    async def _begin(self, order: dict[str, Any], read: int) -> None:  # plain JSON
        """Send the order, and wait until the file runs."""
        status = asyncio.StreamReader()
        pipe = os.fdopen(read, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(status), pipe
        )
        try:
            with suppress(ConnectionError):  # it ended; the status says why
                if self._process.stdin is not None:
                    self._process.stdin.write(json.dumps({**order, "service": os.getpid()}).encode())
                    await self._process.stdin.drain()
                    self._process.stdin.close()
            async with asyncio.timeout(_START_S):
                said = json.loads(await status.read(4096) or b'{"error": "it ended at once"}')
        except (TimeoutError, ValueError) as error:
            raise Refusal("not_started", "the child was not made in time: see the log of the hybrid service") from error
        finally:
            transport.close()
        if "error" in said:
            text = f"the child cannot be isolated: {said['error']}; an operator can look at `qb logs hybrid`"
            raise Refusal("not_isolated", text)
        self._began = asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        """Look at what it uses until it ends, reaches a limit, or is to stop."""
        ended = asyncio.ensure_future(self._process.wait())
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            while not ended.done() and not stopping.done() and self._broken is None:
                self._look()
                await asyncio.wait({ended, stopping}, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done() and (self._broken is None or self._broken.code == TIME_LIMIT):
                with suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGTERM)
                await asyncio.wait({ended}, timeout=_GRACE_S)
        finally:
            stopping.cancel()
            ended.cancel()

    def _look(self) -> None:
        self.used = used = used_below(self._process.pid)
        self.most_memory_bytes = max(self.most_memory_bytes, used.memory_bytes)
        if used.memory_bytes > self._limits.memory_bytes:
            most = self._limits.memory_bytes >> 20
            text = f"its processes used more than the {most:,} MiB that they may: let it do less at once"
            self._broken = Reason(code="memory_limit", text=text)
        elif asyncio.get_running_loop().time() - self._began >= self._limits.time_s:
            self._broken = Reason(code=TIME_LIMIT, text="it has used all of its time")

    async def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        self._ended = asyncio.get_running_loop().time()

    async def _read_output(self) -> None:
        """Read until all its processes have ended: each has the other end of the pipe."""
        stdout = self._process.stdout
        while stdout is not None and (content := await stdout.read(_READ)):
            if not self._on_output(content):
                await asyncio.sleep(_SLOWLY_S)
