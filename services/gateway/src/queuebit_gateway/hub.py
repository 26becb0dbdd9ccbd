"""Live events of all tenants in the order of the log: read once, encoded once, shared by all streams that want them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from queuebit_contracts.subjects import Address, parse
from queuebit_runtime.view import Raw

__all__ = ["Channel", "Filter", "Frame", "Hub", "Source", "encoded"]

_APART_S: Final = 0.1
"""Under load, streams are written this often: a thousand streams then cost a thousand writes, whatever is in them."""
_KEPT: Final = 256
"""Frames that a stream may lag behind before it is cut: half a minute under load."""
_NOUNS: Final = frozenset({"job", "hybrid", "account", "budget", "tenant"})
_OF_ONE: Final = frozenset({"job", "hybrid"})
"""Nouns whose events a stream may have of one thing only: their ids differ in the first letter."""


class Frame(NamedTuple):
    """Encoded events, and the sequence of the last one."""

    number: int
    sequence: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """What a stream wants: events of a tenant, of one job or hybrid job or of all, of some types or all."""

    tenant: str
    job: str | None = None
    """The id of a job or of a hybrid job."""
    types: frozenset[str] = frozenset()
    """Short types, such as `job.completed`; empty means all."""
    admin: bool = False
    """Whether also changes of the tenant, with its users and their public keys: those are shown to admins only."""

    def wants(self, address: Address) -> bool:
        """Whether an event is for the stream."""
        if address.noun not in _NOUNS or address.tenant != self.tenant:
            return False
        if address.noun == "tenant" and not self.admin:
            return False
        if self.job is not None and (address.id != self.job or address.noun not in _OF_ONE):
            return False
        return not self.types or f"{address.noun}.{address.event}" in self.types


def encoded(sequence: int, address: Address, body: bytes) -> bytes:
    """An event of the log as a server-sent event. JSON has line breaks only between its parts."""
    data = body.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"id: %d\nevent: %b.%b\ndata: %b\n\n" % (sequence, address.noun.encode(), address.event.encode(), data)


class Channel:
    """The live events of one filter, for all streams that have it."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.readers = 0
        self.number = 0
        """Of the newest frame."""
        self.frames: deque[Frame] = deque(maxlen=_KEPT)
        self._pending: list[bytes] = []
        self._sequence = 0
        self._changed = asyncio.Event()

    def put(self, sequence: int, content: bytes) -> None:
        """Add an event to the next frame."""
        self._pending.append(content)
        self._sequence = sequence

    def flush(self) -> None:
        """Show the streams what was added."""
        if self._pending:
            self.number += 1
            self.frames.append(Frame(self.number, self._sequence, b"".join(self._pending)))
            self._pending.clear()
            self.wake()

    def wake(self) -> None:
        """End the waits of all streams."""
        self._changed.set()
        self._changed = asyncio.Event()

    def after(self, number: int) -> list[Frame] | None:
        """The frames after one; None if some of them are dropped already."""
        missing = self.number - number
        if missing > len(self.frames):
            return None
        return [self.frames[at] for at in range(len(self.frames) - missing, len(self.frames))]

    async def changed(self, seconds: float) -> None:
        """Wait for a frame, or for a time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return


class Source(Protocol):
    """Where the events come from: calls `Hub.take`."""

    @property
    def position(self) -> int:
        """The sequence up to which events were taken."""
        ...

    async def start(self) -> None:
        """Called when a stream opens: from now on the events are taken, from the end of the log on."""
        ...

    def rest(self) -> None:
        """Called when the last stream has ended."""
        ...


class Hub:
    """Distributes what the view of the log folds. The log is read only while there are streams."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._channels: dict[Filter, Channel] = {}
        self._of: dict[tuple[str, str | None], list[Channel]] = {}
        """Channels by tenant and job."""
        self._dirty: set[Channel] = set()
        self._flushed_at = 0.0
        self.closed = False

    @property
    def streams(self) -> int:
        """How many are open."""
        return sum(it.readers for it in self._channels.values())

    def take(self, raw: Raw) -> None:
        """Fold one message of the log."""
        if not self._of:
            return
        address, content = parse(raw.subject), b""
        for key in ((address.tenant, None), (address.tenant, address.id)):
            for channel in self._of.get(key, ()):
                if channel.wanted.wants(address):
                    content = content or encoded(raw.sequence, address, raw.body)
                    channel.put(raw.sequence, content)
                    self._mark(channel)

    async def join(self, wanted: Filter) -> tuple[Channel, int, int]:
        """A channel, the number of its newest frame, and the sequence up to which that and the frames before reach."""
        await self._source.start()
        if (channel := self._channels.get(wanted)) is None:
            channel = self._channels[wanted] = Channel(wanted)
            self._of.setdefault((wanted.tenant, wanted.job), []).append(channel)
        channel.readers += 1
        channel.flush()
        return channel, channel.number, self._source.position

    def leave(self, channel: Channel) -> None:
        """A stream has ended."""
        channel.readers -= 1
        if channel.readers == 0:
            del self._channels[channel.wanted]
            key = channel.wanted.tenant, channel.wanted.job
            self._of[key].remove(channel)
            if not self._of[key]:
                del self._of[key]
            if not self._channels:
                self._source.rest()

    def close(self) -> None:
        """End all streams."""
        self.closed = True
        for channel in self._channels.values():
            channel.wake()

    def _mark(self, channel: Channel) -> None:
        """Have a channel flushed: at once after a pause, else together with others."""
        if not self._dirty:
            loop = asyncio.get_running_loop()
            loop.call_at(max(loop.time(), self._flushed_at + _APART_S), self._flush)
        self._dirty.add(channel)

    def _flush(self) -> None:
        self._flushed_at = asyncio.get_running_loop().time()
        for channel in self._dirty:
            channel.flush()
        self._dirty.clear()
