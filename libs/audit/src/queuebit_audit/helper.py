"""A second process for a verification: it shares functions over many messages with this one.

It is a plain child that reads calls from a pipe, so it ends with its parent, however that ends. Each process has its
own share of the work: a call goes to the child as long as it has few, and otherwise runs here, at once.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, Any, TypeVar

from queuebit_kernel import Unavailable

__all__ = ["Helper", "second_process", "serve"]

_A = TypeVar("_A")
_R = TypeVar("_R")

_MAIN = f"from queuebit_stack.connection import quick_start; quick_start(); from {__name__} import serve; serve()"

_LENGTH = 8
"""Bytes before each call and each result: how long it is."""
_AHEAD = 3
"""Calls that the child may have at once: it works on one while the others are on their way."""


class Helper:
    """Calls functions in this process."""

    def share(self, function: Callable[[_A], _R], argument: _A) -> asyncio.Future[_R]:
        """Call a function here or in the child; the future fails with `Unavailable` if the child ended."""
        done: asyncio.Future[_R] = asyncio.get_running_loop().create_future()
        done.set_result(function(argument))
        return done


class _Child(Helper):
    """Calls functions of modules in a child too, in turn, with arguments that can be pickled.

    Two threads move the bytes: they wait without this process's turn in Python.
    """

    def __init__(self, calls: IO[bytes], results: IO[bytes]) -> None:
        self._calls, self._results = calls, results
        self._sending, self._receiving = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self._open = 0

    def share(self, function: Callable[[_A], _R], argument: _A) -> asyncio.Future[_R]:
        if self._open >= _AHEAD:
            return super().share(function, argument)
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._sending, self._send, _framed((function, argument)))
        result: asyncio.Future[_R] = loop.run_in_executor(self._receiving, self._receive)
        self._open += 1
        result.add_done_callback(self._answered)
        return result

    def close(self) -> None:
        """Wait for the threads, after the child has ended."""
        self._sending.shutdown()
        self._receiving.shutdown()

    def _answered(self, result: asyncio.Future[Any]) -> None:
        self._open -= 1
        if not result.cancelled():
            result.exception()  # the caller may have given up

    def _send(self, call: bytes) -> None:
        try:
            self._calls.write(call)
            self._calls.flush()
        except OSError:
            pass  # the child has ended, so that there will be no result

    def _receive(self) -> Any:  # what the function returns
        length = self._results.read(_LENGTH)
        body = self._results.read(int.from_bytes(length))
        if not length or len(body) < int.from_bytes(length):
            raise Unavailable("the process that helps to verify has ended: try again")
        return pickle.loads(body)  # noqa: S301  # of this program's own child


@contextmanager
def second_process() -> Iterator[Helper]:
    """A child of this process; it ends with the context."""
    process = subprocess.Popen([sys.executable, "-c", _MAIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the child was started without pipes")
    child = _Child(process.stdin, process.stdout)
    try:
        yield child
    finally:
        process.kill()
        child.close()
        process.communicate()


def serve() -> None:
    """Answer calls on standard input until there are no more."""
    calls, results = sys.stdin.buffer, open(1, "wb", closefd=False)  # noqa: SIM115  # sys.stdout.buffer may be unbuffered
    gc.disable()  # the parent's reasons
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and so the calls
    while length := calls.read(_LENGTH):
        function, argument = pickle.loads(calls.read(int.from_bytes(length)))  # noqa: S301  # of its parent
        results.write(_framed(function(argument)))
        results.flush()


def _framed(content: object) -> bytes:
    body = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(_LENGTH) + body
