"""Copies the whole log to the warehouse: every event once, in order, even if processes are killed.

The position is stored only in the warehouse. A batch is inserted under a token that names the sequence it follows, so
an insert is a compare-and-set: of several writers, or several attempts, exactly one takes effect. Then the warehouse's
position decides what comes next: the same batch again, the next one, or everything from the start because the tables
were rebuilt. No state is kept between processes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress

from queuebit_kernel import Clock, Unavailable
from queuebit_runtime.rows import row_of
from queuebit_runtime.view import Raw
from queuebit_telemetry.errors import NoTables, OtherGeneration, Unsound, WrongSchema
from queuebit_telemetry.pace import Pace
from queuebit_telemetry.ports import Events, Follow, Follower
from queuebit_telemetry.settings import Settings
from queuebit_telemetry.state import Buffer, Position

__all__ = ["LOOK_S", "PAUSES_S", "Sink"]

_log = logging.getLogger(__name__)

_MAX_BYTES = 4 << 20
"""Most bytes of `data` in one insert."""

LOOK_S = 2.0
"""How often an idle sink checks whether the warehouse was rebuilt."""

_EVERYTHING = 2**64

PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Sink:
    """The only writer of `events` in a process. `run` it until the process ends."""

    def __init__(self, events: Events, follow: Follow, settings: Settings, clock: Clock) -> None:
        self._events = events
        self._follow = follow
        self._pace = Pace(settings.flush_ms / 1000, apart_s=settings.flush_ms / 2000)
        self._clock = clock
        self._buffer = Buffer(settings.max_batch, _MAX_BYTES)
        self._room = asyncio.Event()
        self._filled = asyncio.Event()
        self._moved = asyncio.Event()
        self._awaited = 0
        self._failures = 0
        self._refusals = 0
        self._has_set_aside = True
        """Whether a table set aside may exist, possibly left by an earlier process."""
        self.position = Position("", 0)
        """The last known position of the warehouse."""
        self.caught_up = asyncio.Event()
        """Set after the warehouse has everything that was in the log at the start."""
        self.trouble: str | None = None
        """Why events do not reach the warehouse; they stay in the log meanwhile."""

    @property
    def lag_ms(self) -> int:
        """Age of the oldest event that was read and is not in the warehouse."""
        oldest = self._buffer.oldest
        return 0 if oldest is None else max(0, int(self._clock.now().timestamp() * 1000) - oldest // 1000)

    async def reached(self, sequence: int, within_s: float) -> None:
        """Return after the warehouse holds the log up to `sequence`, or at the timeout.

        Meanwhile inserts do not wait for more events.
        """
        self._awaited = max(self._awaited, sequence)
        if self._buffer:
            self._pace.complete.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.position.seq < sequence:
                    self._moved.clear()
                    await self._moved.wait()

    async def run(self) -> None:
        """Follow the log until cancelled; survives outages of both sides."""
        await self._find_position()
        await self._create()  # views too, which another version may have left
        while True:
            self.position = await self._find_position()
            self._refusals = 0
            self._drop_through(_EVERYTHING)
            follower = self._follow(self._take, self.position.seq)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(follower.run())
                    group.create_task(self._drain(follower))
            except* OtherGeneration as found:
                _log.warning("%s: reading the log again from there", found.exceptions[0])

    def _take(self, raw: Raw) -> Awaitable[object] | None:
        if raw.sequence <= self.position.seq:
            return None
        self._buffer.add(row_of(raw.subject, raw.body, raw.sequence, raw.stored_at))
        self._pace.arrived()
        self._filled.set()
        if self._buffer.has_batch or raw.sequence == self._awaited:
            self._pace.complete.set()
        if not self._buffer.full:
            return None
        self._room.clear()
        return self._room.wait()

    async def _drain(self, follower: Follower) -> None:
        while True:
            if await _within(LOOK_S, self._filled):
                await self._pace.collect()
                await self._deliver()
            else:
                self._moved_to(await self._find_position())
                self._all_is_well()
            if follower.caught_up.is_set() and not self._buffer:
                await self._has_caught_up()

    async def _has_caught_up(self) -> None:
        self.caught_up.set()
        if self._has_set_aside:
            try:
                await self._events.forget_set_aside()
            except Unavailable as error:
                _log.info("the table set aside stays for now: %s", error)
            else:
                self._has_set_aside = False

    async def _deliver(self) -> None:
        """Insert the next batch, then continue from the warehouse's position."""
        before = self.position
        token = f"LOG>{before.seq}" + (f"#{self._refusals}" if self._refusals else "")
        try:
            await self._events.append(self._buffer.batch(), before.generation, token)
        except (Unavailable, NoTables) as error:
            await self._pause(error)
            self._moved_to(await self._find_position())
            return
        self._moved_to(await self._find_position())
        if self.position == before:
            # A crash can leave a token behind without its rows. Another writer's insert would show after a pause.
            await asyncio.sleep(PAUSES_S[-1])
            self._moved_to(await self._find_position())
            self._refusals += self.position == before
            return
        self._refusals = 0
        self._all_is_well()

    async def _find_position(self) -> Position:
        """Query until the warehouse answers."""
        made = False
        while True:
            try:
                return await self._events.position()
            except NoTables as missing:
                if made:  # they were dropped again, or this is not a warehouse
                    await self._pause(missing)
                _log.info("the warehouse is empty: creating its tables")
                await self._create()
                made = True
            except Unsound as found:
                _log.warning("%s: the table is set aside, and a new one is filled from the log", found)
                await self._set_aside(found)
            except (Unavailable, WrongSchema) as error:
                await self._pause(error)

    async def _set_aside(self, found: Unsound) -> None:
        self._has_set_aside = True
        self.trouble = f"{found}: the warehouse is filled again from the log"
        try:
            await self._events.set_aside()
        except (Unavailable, NoTables) as error:  # another process was faster
            await self._pause(error)

    async def _create(self) -> None:
        """Create tables and views; repeat until it succeeds."""
        while True:
            try:
                return await self._events.create()
            except (Unavailable, NoTables) as error:  # dropped again meanwhile
                await self._pause(error)

    def _moved_to(self, found: Position) -> None:
        """Continue after the warehouse's position.

        Raises:
            OtherGeneration: it holds less than it did.
        """
        if found.generation != self.position.generation or found.seq < self.position.seq:
            raise OtherGeneration(f"the warehouse was rebuilt and holds the log up to {found.seq}")
        self.position = found
        self._drop_through(found.seq)
        self._moved.set()

    def _drop_through(self, seq: int) -> None:
        self._buffer.drop_through(seq)
        if not self._buffer:
            self._filled.clear()
        if not self._buffer.has_batch and self.position.seq >= self._awaited:
            self._pace.complete.clear()
        if not self._buffer.full:
            self._room.set()

    def _all_is_well(self) -> None:
        self._failures = 0
        self.trouble = None

    async def _pause(self, error: Exception) -> None:
        self.trouble = f"events stay in the log: {error}"
        if not self._failures:
            _log.warning("%s", self.trouble)
        await asyncio.sleep(PAUSES_S[min(self._failures, len(PAUSES_S) - 1)])
        self._failures += 1


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event with a timeout; return whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
