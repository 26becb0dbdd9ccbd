"""The log, read in order: live as a view while streams are open, and from any sequence on for what they missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Final

from queuebit_contracts.topology import LOG
from queuebit_kernel import Unavailable
from queuebit_runtime.connection import Connection
from queuebit_runtime.requests import Requests
from queuebit_runtime.stored import Message, message_of
from queuebit_runtime.stream_state import stream_state
from queuebit_runtime.tasks import Tasks
from queuebit_runtime.view import Raw, View

__all__ = ["LogReader"]

_BATCH: Final = 256
_START_S: Final = 5.0
_IDLE_S: Final = 30.0
"""How long the log is still followed after the last stream has ended."""


class LogReader:
    """One view for all streams. It begins at the end of the log when the first stream opens."""

    def __init__(self, connection: Connection, tasks: Tasks, name: str, filters: Sequence[str]) -> None:
        self._connection = connection
        self._requests = Requests(connection, timeout_s=5)
        self._tasks = tasks
        self._name = name
        self._filters = filters
        self._starting = asyncio.Lock()
        self._running: tuple[View, asyncio.Task[None]] | None = None
        self.take: Callable[[Raw], None] = _ignore
        """Called with each message."""
        self.in_use: Callable[[], bool] = bool
        """Whether there are streams."""

    @property
    def position(self) -> int:
        """The sequence up to which `take` was called."""
        return self._running[0].position if self._running else 0

    async def start(self) -> None:
        """Follow the log from its end on, unless it is followed already."""
        try:
            async with asyncio.timeout(_START_S):
                await self._start()
        except TimeoutError as error:
            raise Unavailable("the log cannot be followed now") from error

    async def _start(self) -> None:
        async with self._starting:
            if self._running is None:
                end = (await stream_state(self._connection)).last
                view = View(self._connection, self._name, self._filters, self._fold, after=end)
                self._running = view, self._tasks.spawn(view.run(), f"{self._name} streams")
            await self._running[0].caught_up.wait()

    def rest(self) -> None:
        """Stop to follow after a while without streams."""
        asyncio.get_running_loop().call_later(_IDLE_S, self._stop)

    def _stop(self) -> None:
        if self._running is not None and not self.in_use() and not self._starting.locked():
            self._running[1].cancel()
            self._running = None

    def _fold(self, raw: Raw) -> None:
        self.take(raw)

    async def reached(self, sequence: int) -> None:
        """As the port says."""
        if self._running is not None:
            await self._running[0].reached(sequence)

    async def newest(self, pattern: str) -> int:
        """As the port says; from the leader, which knows all."""
        reply = await self._requests.ask(
            f"$JS.API.STREAM.MSG.GET.{LOG}", json.dumps({"last_by_subj": pattern}).encode()
        )
        return int(json.loads(reply.data).get("message", {}).get("seq", 0))

    async def after(self, pattern: str, sequence: int) -> list[Message]:
        """As the port says; from some replica, which may lag behind."""
        wanted = {"seq": sequence + 1, "next_by_subj": pattern, "batch": _BATCH}
        found = await self._requests.ask_all(f"$JS.API.DIRECT.GET.{LOG}", json.dumps(wanted).encode())
        return [message_of(it) for it in found]


def _ignore(_: Raw) -> None:
    """Take nothing: no hub is attached yet."""
