"""Delivers records in order, each at least once, and keeps a cursor: the last sequence that a receiver has taken."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Never

from queuebit_audit_trail.receivers import NotDelivered, Receiver
from queuebit_audit_trail.records import Record

__all__ = ["BadCursor", "Cursor", "Forwarder"]

_AT_ONCE: Final = 500
_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Before a delivery is tried again; the last one from then on."""


class BadCursor(Exception):
    """A file is no cursor, or that of another log or receiver."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The file of the last sequence that was delivered, of one log to one receiver."""

    path: Path
    log: str
    """The name of the log of receipts, which tells one stack from another."""
    receiver: str

    def read(self) -> int:
        """The last sequence; 0 if there is no file yet.

        Raises:
            BadCursor: the file is none, or of another log or receiver.
        """
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            log, receiver, sequence = found["log"], found["receiver"], found["sequence"]
        except FileNotFoundError:
            return 0
        except (ValueError, KeyError, TypeError) as error:
            raise BadCursor(f"{self.path} is no cursor: remove it to send everything again") from error
        if (log, receiver) != (self.log, self.receiver):
            raise BadCursor(f"{self.path} is the cursor of {log} to {receiver}: give another --cursor")
        if not isinstance(sequence, int) or sequence < 0:
            raise BadCursor(f"{self.path} is no cursor: remove it to send everything again")
        return sequence

    def write(self, sequence: int) -> None:
        """Replace the file in one step."""
        document = json.dumps({"log": self.log, "receiver": self.receiver, "sequence": sequence})
        descriptor, draft = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(document + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(self.path)


@dataclass(slots=True)
class Forwarder:
    """Takes records as they are read, and delivers them in batches while `run` runs."""

    receiver: Receiver
    cursor: Cursor
    report: Callable[[str], object]
    """Receives why a delivery failed, each time."""
    most_tries: int | None = None
    """After which `run` fails; None for as long as it takes."""
    pauses_s: tuple[float, ...] = _PAUSES_S
    delivered: int = 0
    """Records that were taken."""
    _waiting: asyncio.Queue[Record] = field(init=False, default_factory=lambda: asyncio.Queue(2 * _AT_ONCE))

    def take(self, record: Record) -> Awaitable[None]:
        """Put a record in the queue; the reader awaits room for it."""
        return self._waiting.put(record)

    async def empty(self) -> None:
        """Wait until everything that was put in the queue is delivered."""
        await self._waiting.join()

    async def run(self) -> Never:
        """Deliver until cancelled. A failed delivery is repeated, with pauses.

        Raises:
            NotDelivered: it failed too often.
            OSError: the cursor cannot be written.
        """
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            await self._deliver(batch)
            for _ in batch:
                self._waiting.task_done()

    async def _deliver(self, batch: list[Record]) -> None:
        for tries in itertools.count(1):
            try:
                await asyncio.to_thread(self.receiver.deliver, batch)
                break
            except NotDelivered as error:
                if tries == self.most_tries:
                    raise
                self.report(str(error))
            await asyncio.sleep(self.pauses_s[min(tries, len(self.pauses_s)) - 1])
        await asyncio.to_thread(self.cursor.write, batch[-1].sequence)
        self.delivered += len(batch)
