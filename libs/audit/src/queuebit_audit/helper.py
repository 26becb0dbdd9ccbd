"""A second process for a verification: functions over many messages run there, while this one reads on.

It is a plain child that reads calls from a pipe, so it ends with its parent, however that ends.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from queuebit_kernel import Unavailable

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["Helper", "second_process", "serve"]

_A = TypeVar("_A")
_R = TypeVar("_R")

_MAIN = f"from queuebit_stack.connection import quick_start; quick_start(); from {__name__} import serve; serve()"

_LENGTH = 8
"""Bytes before each call and each result: how long it is."""


class Helper:
    """Calls functions in this process."""

    async def call(self, function: Callable[[_A], _R], argument: _A) -> _R:
        """Return the result; raises `Unavailable` if the process that computes it ended."""
        return function(argument)


class _Child(Helper):
    """Calls functions of modules in a child, one at a time, with arguments that can be pickled."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def call(self, function: Callable[[_A], _R], argument: _A) -> _R:
        request, (writer, reader) = _framed((function, argument)), (self._process.stdin, self._process.stdout)
        if writer is None or reader is None:
            raise RuntimeError("the child was started without pipes")
        async with self._turn:
            try:
                writer.write(request)
                await writer.drain()
                result = await reader.readexactly(int.from_bytes(await reader.readexactly(_LENGTH)))
            except (OSError, asyncio.IncompleteReadError) as error:
                raise Unavailable("the process that helps to verify has ended: try again") from error
        return cast("_R", pickle.loads(result))  # noqa: S301  # of this program's own child


@asynccontextmanager
async def second_process() -> AsyncIterator[Helper]:
    """A child of this process; it ends with the context."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _MAIN),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield _Child(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def serve() -> None:
    """Answer calls on standard input until there are no more."""
    calls, results = sys.stdin.buffer, sys.stdout.buffer
    gc.disable()  # the parent's reasons
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and so the calls
    while length := calls.read(_LENGTH):
        function, argument = pickle.loads(calls.read(int.from_bytes(length)))  # noqa: S301  # of its parent
        results.write(_framed(function(argument)))
        results.flush()


def _framed(content: object) -> bytes:
    body = pickle.dumps(content)
    return len(body).to_bytes(_LENGTH) + body
