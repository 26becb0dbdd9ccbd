"""Which gateways run, so that one of them delivers for an endpoint at a time.

Each gateway writes heartbeats. When others have seen no new one for as long as its lease, they take its endpoints.
Times are measured by the own clock alone, from when a heartbeat was seen: clocks of machines need not agree. A gateway
that cannot write stops earlier than others take its endpoints.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final, NamedTuple, Protocol

from queuebit_gateway.webhooks.records import Heartbeat
from queuebit_gateway.webhooks.store import Entry
from queuebit_kernel import Clock, Stale

__all__ = ["Heartbeats", "Leases"]

_SAFE: Final = 0.8
"""The part of its lease for which a gateway relies on its last heartbeat."""


class Heartbeats(Protocol):
    """Where they are kept; as `Store`."""

    async def beat(self, name: str, heartbeat: Heartbeat | None, revision: int) -> int:
        """Write that a gateway lives, or has ended; return the new revision."""
        ...


class _Seen(NamedTuple):
    owner: str
    revision: int
    until: float
    """On the own clock."""


class Leases:
    """The own lease, and what is known of those of others."""

    def __init__(self, heartbeats: Heartbeats, name: str, lease_s: float, clock: Clock) -> None:
        """Prepare.

        Args:
            heartbeats: where they are kept.
            name: of this gateway; no other process that runs may have it.
            lease_s: how long after its last heartbeat others take its endpoints.
            clock: the monotonic one counts.
        """
        self.owner: Final = secrets.token_hex(8)
        """Names this process in the endpoints that it owns."""
        self.every_s = lease_s / 5
        """How often a heartbeat is due."""
        self._heartbeats = heartbeats
        self._key = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._heartbeat = Heartbeat(owner=self.owner, name=name, lease_s=lease_s)
        self._clock = clock
        self._revision = 0
        self._valid_until = float("-inf")
        self._next_until = float("-inf")
        self._seen: dict[str, _Seen] = {}

    @property
    def valid(self) -> bool:
        """Whether this gateway may deliver now."""
        return self._clock.monotonic() < self._valid_until

    def lives(self, owner: str) -> bool:
        """Whether another process may deliver for the endpoints that name it."""
        now = self._clock.monotonic()
        return any(it.owner == owner and it.until > now for it in self._seen.values())

    def saw(self, entry: Entry, *, at_start: bool = False) -> None:
        """Note a heartbeat. At the start, one under the own name is that of a process that has ended."""
        (key,), heartbeat = entry.key, entry.heartbeat
        if key in self._seen and self._seen[key].revision == entry.revision:
            return
        if key == self._key:
            self._revision = max(self._revision, entry.revision)
        if heartbeat is None or heartbeat.owner == self.owner or (at_start and key == self._key):
            self._seen.pop(key, None)
            return
        if key == self._key:  # another process runs under this name
            self._next_until = float("-inf")
        self._seen[key] = _Seen(heartbeat.owner, entry.revision, self._clock.monotonic() + heartbeat.lease_s)

    async def beat(self) -> None:
        """Write a heartbeat, unless another process lives under this name; `confirm` lets it count.

        Raises `Unavailable`.
        """
        begun = self._clock.monotonic()
        if (other := self._seen.get(self._key)) is not None and other.until > begun:
            return
        try:
            self._revision = await self._heartbeats.beat(self._key, self._heartbeat, self._revision)
        except Stale:  # the next look shows whose heartbeat is there
            self._next_until = float("-inf")
            return
        self._next_until = begun + _SAFE * self._heartbeat.lease_s

    def confirm(self) -> None:
        """Rely on the last heartbeat: what others wrote before it was read."""
        self._valid_until = self._next_until

    async def end(self) -> None:
        """Write that this gateway has ended. Raises `Unavailable`, and `Stale` if another has its name."""
        self._valid_until = self._next_until = float("-inf")
        await self._heartbeats.beat(self._key, None, self._revision)
