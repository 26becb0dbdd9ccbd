"""Marks of the rows that the messages of the log make: what the warehouse must hold."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Awaitable, Sequence
from datetime import datetime

from queuebit_audit.helper import Helper
from queuebit_audit.state import History
from queuebit_runtime.rows import mark_of, row_of
from queuebit_runtime.view import Raw

__all__ = ["Marks", "marks_of"]

_BATCH = 2000
_AHEAD = 4
"""Batches that may wait for the helper, so that a slow one does not fill the memory."""

_Message = tuple[str, bytes, int, datetime]
"""Subject, body, sequence and time in the log."""


def marks_of(messages: Sequence[_Message]) -> array[int]:
    """The mark of the row that each message makes."""
    return array("Q", (mark_of(row_of(*it)) for it in messages))


class Marks:
    """Collects the messages of the log in order; a helper computes the marks of many at once."""

    def __init__(self, history: History, helper: Helper) -> None:
        self._history = history
        self._helper = helper
        self._next: list[_Message] = []
        self._computed: deque[asyncio.Task[array[int]]] = deque()

    def take(self, raw: Raw) -> Awaitable[object] | None:
        """Add the next message, of any content; return what the one after it must wait for."""
        self._history.sequences.append(raw.sequence)
        self._next.append((raw.subject, raw.body, raw.sequence, raw.stored_at))
        if len(self._next) < _BATCH:
            return None
        self._compute()
        return asyncio.wait({self._computed[-_AHEAD]}) if len(self._computed) > _AHEAD else None

    async def finish(self) -> None:
        """Put all marks into the history; raises `Unavailable` if the helper ended."""
        self._compute()
        try:
            while self._computed:
                self._history.marks.extend(await self._computed[0])
                self._computed.popleft()
        finally:
            for left in self._computed:
                left.cancel()

    def _compute(self) -> None:
        messages, self._next = self._next, []
        self._computed.append(asyncio.get_running_loop().create_task(self._helper.call(marks_of, messages)))
