"""Reads the messages of the log in batches, by two processes, and folds the facts in order."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import Awaitable

from queuebit_audit.helper import Helper
from queuebit_audit.messages import Fact, Message, read
from queuebit_audit.records import CheckProofs
from queuebit_audit.state import History
from queuebit_runtime.view import Raw

__all__ = ["Readings"]

_BATCH = 500
_AHEAD = 16
"""Batches that may be read before those that they follow, so that a slow process does not fill the memory."""


class Readings:
    """Collects the messages of the log in order, and folds them into a history."""

    def __init__(self, history: History, proofs: CheckProofs, helper: Helper) -> None:
        self._history = history
        self._proofs = proofs
        self._helper = helper
        self._next: list[Message] = []
        self._read: deque[asyncio.Future[tuple[list[Fact], array[int]]]] = deque()

    def take(self, raw: Raw) -> Awaitable[object] | None:
        """Add the next message, of any content; return what the one after it must wait for."""
        self._next.append((raw.subject, raw.body, raw.sequence, raw.stored_at))
        if len(self._next) < _BATCH:
            return None
        self._begin()
        self._fold_read()
        return asyncio.wait({self._read[0]}) if len(self._read) > _AHEAD else None

    async def finish(self) -> None:
        """Fold all messages so far; raises `Unavailable` if the helper ended."""
        self._begin()
        while self._read:
            await asyncio.wait({first := self._read[0]})
            self._fold_read()
            if self._read and self._read[0] is first:
                first.result()  # raises

    def _begin(self) -> None:
        messages, self._next = self._next, []
        if messages:
            self._read.append(self._helper.share(read, (self._proofs, messages)))

    def _fold_read(self) -> None:
        """Fold what was read, up to the first batch that is not, or failed."""
        history = self._history
        while self._read and self._read[0].done() and self._read[0].exception() is None:
            facts, marks = self._read.popleft().result()
            history.marks.extend(marks)
            for fact in facts:
                history.sequences.append(fact.sequence)
                history.evolve(fact)
