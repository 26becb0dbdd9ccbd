"""The tree of one transparency log, kept in step with the seals in the event log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from queuebit_contracts.job import JobSealed
from queuebit_contracts.subjects import proof
from queuebit_contracts.transparency import Checkpoint, KeysRotated, LogCheckpointed, StatementLogged
from queuebit_contracts.wildcards import every
from queuebit_kernel import Clock, rfc3339
from queuebit_proof import Checkpoint as Head
from queuebit_proof import (
    CheckpointInvalid,
    KeyRing,
    LogCorrupt,
    ProofFault,
    SignerAway,
    TileLog,
    TrustRoot,
    sign_checkpoint,
    verify_checkpoint,
)
from queuebit_provenance.errors import LogRefused
from queuebit_provenance.ports import Seals
from queuebit_provenance.state import SOURCE, KeyChange, Leaf
from queuebit_runtime.log import EventLog, Guarded, Unreadable

__all__ = ["Ledger"]

_logger = logging.getLogger(__name__)
_EVERY_SEAL = every(JobSealed)
_CLOCK_STEP = timedelta(minutes=1)
"""How far the clock may be set back: time synchronisation does so by seconds."""
_PUBLISH_S = 1.0
"""Least time between two writes of the public files, each of which syncs several of them."""


class Ledger:
    """Appends leaves and their checkpoint in one atomic batch, guarded by the checkpoint before.

    After any failure the next batch starts from the event log. The first `size` leaves of the tree in memory are always
    stored ones, so that proofs for heads up to that size can be given while a batch is on its way.
    """

    def __init__(
        self,
        log: EventLog,
        seals: Seals,
        *,
        keys: KeyRing,
        trust: TrustRoot,
        folder: Path,
        name: str,
        clock: Clock,
        losses_known: bool = False,
    ) -> None:
        """Create a ledger that continues a log.

        Args:
            log: where seals and checkpoints are appended.
            seals: where leaves are read again.
            trust: verifies earlier checkpoints.
            folder: where tiles are published.
            name: name of the log in subjects.
            losses_known: whether a recovery recorded lost events: leaves that only the published tiles have are then
                kept, and the log continues after them.
        """
        self._log = log
        self._seals = seals
        self._keys = keys
        self._trust = trust
        self._folder = folder
        self._name = name
        self._clock = clock
        self._losses_known = losses_known
        self._subject = proof(name).event("checkpointed")
        self._tiles: TileLog | None = None
        self._stored = False
        """Whether all leaves of the tree in memory are known to be stored."""
        self._last = 0
        self._signed_at = datetime.fromtimestamp(0, UTC)
        """When the newest head that this process knows was signed."""
        self._refusal: str | None = None
        self._away: str | None = None
        """Why the device of a key did not sign the last head."""
        self._checkpoint: str | None = None
        """The newest one whose leaves are all in the tree in memory."""
        self._publish_at = 0.0
        self.behind = False
        """Whether the public files wait for `publish`."""
        self.size = 0
        """Leaves that are stored, as far as this process knows."""

    @property
    def trouble(self) -> str | None:
        """Why nothing can be sealed now, and the next step."""
        return self._refusal or self._wrong_time(self._clock.now()) or self._away

    async def load(self) -> None:
        """Read the log, check it against the last checkpoint, and publish missing tiles.

        Raises:
            LogRefused: they differ; nothing was changed.
            Unavailable: the event log did not answer in time.
        """
        tiles = await self._read()
        if tiles.published < tiles.size:
            await self.publish()

    async def append(self, batch: Sequence[Leaf]) -> None:
        """Give every statement a leaf, all or none.

        Raises:
            Stale: one of them has a leaf already, or another process moved the log.
            Unavailable: it is not known whether the batch was stored; `unsealed` finds out.
            LogRefused: the log cannot be continued, or the clock is wrong.
            SignerAway: the device of a key does not sign; nothing was stored.
        """

        def events(first: int, size: int, now: datetime) -> list[JobSealed | StatementLogged]:
            return [it.event(index, size, now) for index, it in enumerate(batch, start=first)]

        await self._commit([it.entry for it in batch], events)

    async def record(self, change: KeyChange) -> None:
        """Give a change of keys a leaf, unless it has one.

        Raises:
            Stale: another process moved the log.
            Unavailable: it is not known whether it was stored.
            LogRefused: the log cannot be continued, or the clock is wrong.
            SignerAway: the device of a key does not sign; nothing was stored.
        """

        def rotated(first: int, size: int, now: datetime) -> list[KeysRotated]:
            return [KeysRotated(source=SOURCE, time=now, data=change.rotation(self._name, first, size))]

        with suppress(Unreadable):
            if await self._log.last(proof(self._name).event("keys_rotated", str(change.version))) is not None:
                return
        await self._commit([change.entry], rotated)

    async def _commit(
        self,
        entries: Sequence[bytes],
        events_of: Callable[[int, int, datetime], Sequence[JobSealed | KeysRotated | StatementLogged]],
    ) -> None:
        """Store events that have new leaves, and the head that covers them."""
        now = self._time()
        tiles, self._stored = await self._newest(), False
        first = tiles.append(entries)
        checkpoint = await self._signed(tiles.head(self._keys.origin), now)
        events = events_of(first, tiles.size, now)
        head = LogCheckpointed(
            source=SOURCE, time=now, data=Checkpoint(log=self._name, tree_size=tiles.size, checkpoint=checkpoint)
        )
        self._last = await self._log.append_all(
            [*(Guarded(event, after=0) for event in events), Guarded(head, after=self._last)]
        )
        self._tiles, self._stored, self.size, self._refusal, self._signed_at = tiles, True, tiles.size, None, now
        self._checkpoint, self.behind = checkpoint, True
        if self._clock.monotonic() >= self._publish_at:
            await self.publish()

    async def _signed(self, head: Head, now: datetime) -> str:
        """Sign a head; a device or a service needs a while."""
        try:
            checkpoint = await asyncio.to_thread(sign_checkpoint, head, self._keys, now)
        except SignerAway as away:
            self._away = f"nothing can be signed: {away}"
            raise
        self._away = None
        return checkpoint

    async def publish(self) -> None:
        """Write the public files; they can be rebuilt, so a full disk costs no receipt."""
        if self._tiles is None or self._checkpoint is None:
            return
        self.behind, self._publish_at = False, self._clock.monotonic() + _PUBLISH_S
        try:
            await asyncio.to_thread(self._tiles.publish, self._checkpoint, self._trust)
        except OSError as error:
            _logger.error("the tiles lag behind the log until they can be written: %s", error)  # noqa: TRY400  # no trace

    async def tree(self, size: int) -> TileLog:
        """Return a tree whose first `size` leaves are stored.

        Raises:
            LogRefused: the log has fewer, or cannot be read.
            Unavailable: the event log did not answer in time.
        """
        tiles = self._tiles
        if tiles is None or self.size < size:
            tiles = await self._newest()
        if self.size < size:
            raise LogRefused(f"the log {self._name} has {self.size} leaves, not {size}: see `qb verify`")
        return tiles

    async def newest_head(self) -> tuple[str | None, int]:
        """Return the newest checkpoint, and the sequence that guards the next; nonsense before the first is no head."""
        try:
            newest = await self._log.last(self._subject)
        except Unreadable as nonsense:
            return None, nonsense.sequence
        if newest is None:
            return None, 0
        return newest.event.data.checkpoint if isinstance(newest.event, LogCheckpointed) else None, newest.sequence

    def _time(self) -> datetime:
        """The current time.

        Raises:
            LogRefused: the clock is wrong; receipts wait until it is right.
        """
        now = self._clock.now()
        if wrong := self._wrong_time(now):
            raise LogRefused(wrong)
        return now

    def _wrong_time(self, now: datetime) -> str | None:
        """Why the clock prevents signing: a signature must be later than the keys and than the last head."""
        begin = self._keys.begin
        if now < begin:
            return (
                f"nothing can be signed: the clock says {rfc3339(now)}, and the keys are valid from {rfc3339(begin)}: "
                "set the clock right; if it was wrong when the keys were made, receipts wait until then"
            )
        if now < self._signed_at - _CLOCK_STEP:
            return (
                f"nothing can be signed: the clock says {rfc3339(now)}, and the last receipts were signed at "
                f"{rfc3339(self._signed_at)}: set the clock right; if it was wrong then, receipts wait until then"
            )
        return None

    async def unsealed(self, batch: Sequence[Leaf]) -> list[Leaf]:
        """Those of a batch that have no leaf yet."""
        found = await asyncio.gather(*(self._log.last(it.subject) for it in batch))
        return [it for it, sealed in zip(batch, found, strict=True) if sealed is None]

    async def _newest(self) -> TileLog:
        """The current tree: a head that another process has overtaken is never signed."""
        _, sequence = await self.newest_head()
        if self._tiles is None or not self._stored or sequence != self._last:
            return await self._read()  # files are written after the batch, so that other processes need not wait
        return self._tiles

    async def _read(self) -> TileLog:
        """The tree in the event log; raises like `load`."""
        try:
            tiles, self._checkpoint, self._last = await self._proven()
        except ProofFault as error:
            self._refusal = f"the log {self._name} cannot be continued: {error}"
            _logger.critical("%s", self._refusal)
            raise LogRefused(self._refusal) from error
        self._refusal = None
        self._tiles, self._stored, self.size = tiles, True, tiles.size
        return tiles

    async def _proven(self) -> tuple[TileLog, str | None, int]:
        tiles = await self._open()  # before reading the checkpoint: the folder is never ahead of the event log
        checkpoint, until = await self.newest_head()
        head = self._head(checkpoint) if checkpoint else await self._begin()
        if tiles is None:
            tiles = TileLog.rebuild(self._folder, await self._entries(0, head.size, until), self._trust)
        elif tiles.size > head.size and self._losses_known and tiles.root(head.size) == head.root:
            _logger.warning("only the published tiles have leaves %d to %d", head.size, tiles.size - 1)
            return tiles, checkpoint, until
        elif tiles.size > head.size:
            raise LogCorrupt(
                f"{self._folder} is published up to size {tiles.size}, the event log has {head.size}: it lost "
                "events; restore them with `qb recover`, or start a log with another name and folder"
            )
        else:
            tiles.append(await self._entries(tiles.size, head.size, until))
        if tiles.root() != head.root:
            raise LogCorrupt(
                f"the leaves ({head.size}) do not have the root that the last checkpoint signs: events were altered or "
                f"lost, or {self._folder} is another log's; compare both with a copy that was published"
            )
        return tiles, checkpoint, until

    async def _open(self) -> TileLog | None:
        try:
            return await asyncio.to_thread(TileLog.open, self._folder, self._trust)
        except LogCorrupt as error:
            _logger.warning("the tiles are rebuilt: %s", error)
            return None

    def _head(self, checkpoint: str) -> Head:
        try:
            signed = verify_checkpoint(checkpoint, self._trust)
        except CheckpointInvalid as error:
            raise CheckpointInvalid(
                f"{error}; restore the keys of this log, or name a trust document that lists old and new"
            ) from error
        self._signed_at = signed.signed_at
        return signed.head

    async def _begin(self) -> Head:
        with suppress(Unreadable):
            if await self._log.last(_EVERY_SEAL) is not None:
                raise LogCorrupt(
                    f"the event log holds receipts, but no checkpoint of {self._name}: did the log have another name?"
                )
        return TileLog(self._folder).head(self._keys.origin)

    async def _entries(self, first: int, size: int, until: int) -> list[bytes]:
        entries: list[bytes] = []
        if first < size:
            async for seal in self._seals.read(first, until=until):
                if seal.leaf_index != first + len(entries):
                    break
                entries.append(bytes.fromhex(seal.statement.removeprefix("sha256:")))
        if first + len(entries) != size:
            raise LogCorrupt(
                f"leaf {first + len(entries)} of {size} is not in the event log: recover the event from its archive"
            )
        return entries
