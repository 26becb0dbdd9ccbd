"""Starts and ends reserved slots when they are due, and decides again on placements that cannot start in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from queuebit_contracts import subjects
from queuebit_contracts.reservation import ReservationEnd, ReservationEnded, ReservationStart, ReservationStarted
from queuebit_kernel import Clock, Stale, Unavailable, event_id
from queuebit_runtime.log import EventLog
from queuebit_scheduler.slots import Slot, due
from queuebit_scheduler.state import State
from queuebit_scheduling import micros

__all__ = ["KeepSlots"]

_log = logging.getLogger(__name__)

_SOURCE: Final = "qb/scheduler"

_EVERY_S: Final = 1.0

_GRACE_US: Final = 2_000_000
"""How long after its last moment a placement is taken back: its executor may have begun it just in time."""


class KeepSlots:
    """Appends each start and end once: the log refuses the second, and one of a slot that moved meanwhile."""

    def __init__(
        self, state: State, log: EventLog, clock: Clock, leads: Callable[[], bool], wake: Callable[[], None]
    ) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._leads = leads
        self._wake = wake

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.round()

    async def round(self) -> None:
        """Append what is due; what the log refuses is tried again with the next round. Only the leader does."""
        now_us = micros(self._clock.now())
        if self._state.take_back(self._state.calendar.overdue(now_us - _GRACE_US)):
            self._wake()
        if not self._leads():
            return
        calendar = self._state.calendar
        for slot, busy in calendar.slots():
            fact = due(calendar.accounted(slot, now_us), now_us, busy=busy)
            if fact is not None:
                await self._append(slot, fact)

    async def _append(self, slot: Slot, fact: ReservationStart | ReservationEnd) -> None:
        event = _event(fact)
        history = subjects.reservation(fact.tenant, fact.reservation)
        try:
            await self._log.append(event, after=slot.last, guard=history.everything)
        except (Stale, Unavailable) as fault:
            _log.warning("%s is said later: %s: %s", event.type, fault.code, fault)


def _event(fact: ReservationStart | ReservationEnd) -> ReservationStarted | ReservationEnded:
    if isinstance(fact, ReservationStart):
        name = event_id("reservation-started", fact.tenant, fact.reservation)
        return ReservationStarted(id=name, source=_SOURCE, data=fact)
    name = event_id("reservation-ended", fact.tenant, fact.reservation)
    return ReservationEnded(id=name, source=_SOURCE, data=fact)
