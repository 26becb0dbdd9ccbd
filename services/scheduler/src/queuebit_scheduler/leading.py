"""Which of several schedulers places jobs: the holder of the lease, once its term is in the log (ADR 0098).

The term is a fact in the log and not a number in the bucket: a bucket may be lost, and a view shows the fact in order
with all that earlier leaders appended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from queuebit_contracts.leader import Leader, LeaderElected
from queuebit_contracts.subjects import leader
from queuebit_kernel import Stale, Unavailable, event_id
from queuebit_runtime.lease import Lease
from queuebit_runtime.log import EventLog, Unreadable

__all__ = ["SERVICE", "Leadership"]

SERVICE: Final = "scheduler"
"""Its name in the log, and that of a process that has no other."""

_AGAIN_S: Final = 0.2
"""Pause before an election that the log refused is tried again."""

_log = logging.getLogger(__name__)


class Leadership:
    """The term in which this process may place jobs, and append what only the leader may."""

    def __init__(self, lease: Lease, log: EventLog, process: str) -> None:
        self._lease = lease
        self._log = log
        self._process = process
        self._held = 0
        """The number of the time that this process leads, for which its term counts."""
        self._own = 0
        self._newest = 0
        """The newest term in the log, as far as the view shows."""

    @property
    def term(self) -> int | None:
        """The term of this process; None while it does not lead, or another one began a later term."""
        leads = self._lease.leads and self._lease.number == self._held and self._own >= self._newest
        return self._own if leads else None

    @property
    def leads(self) -> bool:
        """Whether this process may place jobs now."""
        return self.term is not None

    def evolve(self, event: object) -> None:
        """Fold one event of the log."""
        if isinstance(event, LeaderElected) and event.data.service == SERVICE:
            self._newest = max(self._newest, event.data.term)

    async def run(self, reached: Callable[[int], Awaitable[None]], begin: Callable[[], None]) -> NoReturn:
        """Begin a term whenever this process gains the lease, until cancelled.

        Args:
            reached: waits until the view has everything up to a sequence: what earlier leaders appended precedes the
                term.
            begin: called when the term has begun.
        """
        while True:
            number = await self._lease.gained(self._held)
            try:
                term, sequence = await self._elect()
            except Stale:
                continue
            except Unavailable as error:
                _log.warning("%s does not lead yet, because its term cannot be stored: %s", self._process, error)
                await asyncio.sleep(_AGAIN_S)
                continue
            await reached(sequence)
            self._held, self._own = number, term
            _log.info("%s leads in term %d", self._process, term)
            begin()

    async def leave(self) -> None:
        """Place no more, and let another process lead at once."""
        self._own = 0
        await self._lease.leave()

    async def _elect(self) -> tuple[int, int]:
        """Append the next term; return it and its sequence.

        Raises:
            Stale: another process was first.
            Unavailable: the log does not answer.
        """
        subject = leader(SERVICE).event("elected")
        term, after = 1, 0
        try:
            before = await self._log.last(subject)
        except Unreadable as error:
            after = error.sequence
        else:
            if before is not None and isinstance(before.event, LeaderElected):
                term, after = before.event.data.term + 1, before.sequence
        event = LeaderElected(
            id=event_id("elected", SERVICE, str(term), self._lease.owner),
            source="qb/scheduler",
            data=Leader(service=SERVICE, term=term, process=self._process, vacant_since=self._lease.vacant_since),
        )
        return term, await self._log.append(event, after=after)
