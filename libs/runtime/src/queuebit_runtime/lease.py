"""Which of several processes of a service leads: a heartbeat in a bucket, which counts for a limited time (ADR 0098).

A lease alone fences nothing: a process may be paused between its last look at the clock and its next message. So what a
leader appends is guarded in the log as well.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import suppress
from datetime import datetime
from typing import Final, NoReturn

from pydantic import ValidationError

from queuebit_contracts.wire import Wire
from queuebit_kernel import Clock, Stale, Unavailable
from queuebit_runtime.bucket import Bucket
from queuebit_runtime.received import Received

__all__ = ["Lease"]

_KEY: Final = "leader"
_SAFE: Final = 0.8
"""The part of the lease for which a process relies on its last heartbeat; others wait for all of it."""

_logger = logging.getLogger(__name__)


class _Heartbeat(Wire):
    owner: str = ""
    """The process; empty if it ended in order."""
    name: str = ""
    beats: int = 0


class Lease:
    """Whether this process leads. Times are measured by the own clock alone, from when a heartbeat was seen.

    So a jump of a clock neither ends nor lengthens a lease (ADR 0054 has the same for webhooks), and the time in which
    a process is stopped counts.
    """

    def __init__(self, bucket: Bucket, name: str, lease_s: float, clock: Clock) -> None:
        """Prepare.

        Args:
            bucket: where the heartbeat is.
            name: of this process; one that starts under the name of an earlier process takes its lease over at once.
            lease_s: how long after the last heartbeat another process takes over.
            clock: the monotonic one counts.
        """
        self._bucket = bucket
        self._name = name
        self._lease_s = lease_s
        self._clock = clock
        self.owner: Final = secrets.token_hex(8)
        """Names this process, and no other."""
        self._beats = 0
        self._valid_until = float("-inf")
        self._seen: tuple[int, float] = (-1, 0.0)
        """The revision of another's heartbeat, and until when it counts."""
        self._is_first = True
        self._has_left = False
        self._gained = asyncio.Event()
        self._changed = asyncio.Event()
        self.every_s = lease_s / 5
        """How often `renew` is due."""
        self.number = 0
        """How often this process began to lead."""
        self.vacant_since: datetime | None = None
        """When the newest heartbeat before that was stored, or the leader before left; None if there was none."""

    @property
    def leads(self) -> bool:
        """Whether this process leads now."""
        return self._clock.monotonic() < self._valid_until

    async def hold(self) -> NoReturn:
        """Renew until cancelled. Looks at once when another process writes, and when the lease of another one ends."""
        watched = False
        while True:
            if not watched:
                with suppress(Unavailable):
                    await self._bucket.watch(_KEY, self._on_heartbeat)
                    watched = True
            self._changed.clear()
            await self.renew()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._changed.wait()

    async def gained(self, number: int) -> int:
        """Wait until this process leads for another time than that number; return the number of this time."""
        while self.number == number or not self.leads:
            self._gained.clear()
            await self._gained.wait()
        return self.number

    async def renew(self) -> None:
        """Write a heartbeat if this process leads, or if no other does; without the bucket the lease ends in time."""
        try:
            await self._renew()
        except Unavailable as error:
            _logger.warning("the lease in %s cannot be renewed: %s", self._bucket.name, error)
        except Stale:  # another process was first; the next look shows its heartbeat
            self._valid_until = float("-inf")

    async def leave(self) -> None:
        """End the lease for good, so that another process leads at once."""
        led, self._has_left, self._valid_until = self.leads, True, float("-inf")
        with suppress(Unavailable):  # then it ends by itself
            while led:
                entry = await self._bucket.newest(_KEY)
                led = _read(entry.body).owner == self.owner
                if led:
                    with suppress(Stale):  # the last heartbeat was on its way
                        await self._bucket.write(_KEY, b"", entry.revision)
                        return

    async def _renew(self) -> None:
        entry = await self._bucket.newest(_KEY)
        other = _read(entry.body)
        is_former, self._is_first = self._is_first and other.name == self._name, False
        if other.owner not in ("", self.owner) and not is_former:
            self._valid_until = float("-inf")
            now = self._clock.monotonic()
            if self._seen[0] != entry.revision:
                self._seen = (entry.revision, now + self._lease_s)
            if now < self._seen[1]:
                return
        if self._has_left:
            return
        begun = self._clock.monotonic()
        self._beats += 1
        mine = _Heartbeat(owner=self.owner, name=self._name, beats=self._beats)
        await self._bucket.write(_KEY, mine.model_dump_json().encode(), entry.revision)
        if self._has_left:  # meanwhile
            return
        if not self.leads:
            self.number += 1
            self.vacant_since = entry.written_at
        self._valid_until = begun + _SAFE * self._lease_s
        self._gained.set()

    def _pause_s(self) -> float:
        """Until the next renewal, or the end of another's lease."""
        left_s = self._seen[1] - self._clock.monotonic()
        return min(self.every_s, left_s) if not self.leads and left_s > 0 else self.every_s

    def _on_heartbeat(self, message: Received) -> None:
        if _read(message.data).owner != self.owner:
            self._changed.set()


def _read(body: bytes) -> _Heartbeat:
    try:
        return _Heartbeat.model_validate_json(body) if body else _Heartbeat()
    except ValidationError:
        return _Heartbeat()
