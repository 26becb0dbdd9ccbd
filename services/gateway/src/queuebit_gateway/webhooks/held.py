"""An endpoint as a gateway has it: what is stored, and what was changed here since.

Changes are pure functions. When another gateway wrote in between, they are made again on what it wrote: a request for
a replay, which any gateway takes, and the progress of the one that delivers do not overwrite each other.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple, Protocol

from queuebit_gateway.webhooks.records import Webhook
from queuebit_gateway.webhooks.store import Entry
from queuebit_kernel import Stale, Superseded

__all__ = ["Change", "Held", "Slots"]

Change = Callable[[Webhook], Webhook]


class Slots(Protocol):
    """Where endpoints are kept; as `Store`."""

    async def entry(self, tenant: str, slot: int) -> Entry:
        """One slot."""
        ...

    async def put(self, webhook: Webhook, revision: int) -> int:
        """Write an endpoint; return its new revision."""
        ...


class _Attempt(NamedTuple):
    """A write, and how many of the changes it has."""

    webhook: Webhook
    number: int


class Held:
    """One endpoint."""

    def __init__(self, slots: Slots, webhook: Webhook, revision: int, owner: str | None = None) -> None:
        """Prepare.

        Args:
            slots: where it is kept.
            webhook: as it is stored.
            revision: of that.
            owner: the gateway that must own it; None if any may.
        """
        self.webhook = webhook
        """As it is now."""
        self.stored = webhook
        """As it was last known to be stored."""
        self.revision = revision
        self._slots = slots
        self._owner = owner
        self._changes: list[Change] = []
        self._attempt: _Attempt | None = None
        """The last write whose answer may be lost."""
        self._writing = asyncio.Lock()

    def change(self, change: Change) -> None:
        """Change it here; `save` stores that."""
        self._changes.append(change)
        self.webhook = change(self.webhook)

    async def save(self) -> None:
        """Store what was changed.

        Raises:
            Superseded: it was removed, or belongs to another gateway now.
            Unavailable: the bus does not answer.
        """
        async with self._writing:
            if self._changes:
                await self._write(())

    async def update(self, change: Change) -> Webhook:
        """Store what was changed, and one more change; return the result.

        Raises as `save`, and what `change` raises: then nothing is stored.
        """
        async with self._writing:
            await self._write((change,))
        return self.stored

    async def meet(self, entry: Entry) -> None:
        """Go on from what another gateway may have stored; raises `Superseded` as `save`."""
        async with self._writing:
            if entry.revision > self.revision:
                self._met(entry)

    async def _write(self, further: Sequence[Change]) -> None:
        while True:
            number, before = len(self._changes), self._attempt
            changed = reduce(_changed, [*self._changes, *further], self.stored)
            attempt = _Attempt(changed.model_copy(update={"write": secrets.token_hex(6)}), number)
            self._attempt = attempt
            try:
                revision = await self._slots.put(attempt.webhook, self.revision)
            except Stale:
                self._attempt = before
                self._met(await self._slots.entry(self.stored.tenant, self.stored.slot))
                continue
            self._settle(attempt, revision)
            return

    def _met(self, entry: Entry) -> None:
        webhook = entry.webhook
        if webhook is None or webhook.id != self.stored.id:
            raise Superseded(f"webhook {self.stored.id} was removed")
        if self._owner is not None and webhook.owner != self._owner:
            raise Superseded(f"another gateway delivers for webhook {webhook.id}")
        own = self._attempt if self._attempt and self._attempt.webhook.write == webhook.write else None
        self._settle(_Attempt(webhook, own.number if own else 0), entry.revision)

    def _settle(self, attempt: _Attempt, revision: int) -> None:
        self.stored, self.revision, self._attempt = attempt.webhook, revision, None
        del self._changes[: attempt.number]
        self.webhook = reduce(_changed, self._changes, self.stored)


def _changed(webhook: Webhook, change: Change) -> Webhook:
    return change(webhook)
