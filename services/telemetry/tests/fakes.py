"""The log and the warehouse in memory, as telemetry reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from queuebit_runtime.view import Fold, Raw
from queuebit_telemetry.state import Head

_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryMessages:
    """Messages of the log; obeys `LogLaws`, and its followers `FollowerLaws`."""

    def __init__(self, subjects: Iterable[str] = ()) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.grown = asyncio.Condition()
        for subject in subjects:
            self.messages.append((subject, b"{}"))

    async def publish(self, subject: str, body: bytes = b"{}") -> int:
        async with self.grown:
            self.messages.append((subject, body))
            self.grown.notify_all()
        return len(self.messages)

    async def head(self) -> Head:
        return Head(1, len(self.messages), len(self.messages))

    def follow(self, fold: Fold, after: int) -> MemoryFollower:
        return MemoryFollower(self, fold, after)


class MemoryFollower:
    """Folds the messages after a sequence, and those that come later."""

    def __init__(self, log: MemoryMessages, fold: Fold, after: int) -> None:
        self.caught_up = asyncio.Event()
        self._log = log
        self._fold = fold
        self._position = after

    async def run(self) -> None:
        while True:
            for subject, body in self._log.messages[self._position :]:
                self._position += 1
                raw = Raw(subject, body, self._position, _MOMENT, cast("Any", SimpleNamespace()))
                if (waiting := self._fold(raw)) is not None:
                    await waiting
            self.caught_up.set()
            async with self._log.grown:
                await self._log.grown.wait_for(lambda: len(self._log.messages) > self._position)
