"""Appends when a backend goes out of service, and when it is in service again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from queuebit_contracts import subjects
from queuebit_contracts.backend import BackendInterrupted, BackendRestored, Interruption, Restoration
from queuebit_contracts.wire import Reason
from queuebit_kernel import Malformed, Stale, Unavailable, event_id, rfc3339
from queuebit_runtime.log import EventLog
from queuebit_scheduler.state import State
from queuebit_scheduling import Contact, ContactLimits, change

__all__ = ["ReportOutages"]

_log = logging.getLogger(__name__)

_SOURCE = "qb/scheduler"


class ReportOutages:
    """Appends each change once, also if the view is behind or another scheduler was first: the log is asked before."""

    def __init__(self, state: State, log: EventLog, limits: ContactLimits, leads: Callable[[], bool]) -> None:
        self._state = state
        self._log = log
        self._limits = limits
        self._leads = leads

    async def __call__(self, contacts: Mapping[str, Contact]) -> None:
        """Append what follows from the newest requests to each backend; what the log refuses is tried with the next.

        Only the leader does.
        """
        if not self._leads():
            return
        for backend, contact in contacts.items():
            match change(contact, self._limits, interrupted=backend in self._state.interrupted):
                case "interrupted":
                    await self._append(backend, contact.since, interrupted=True)
                case "restored":
                    await self._append(backend, contact.since, interrupted=False)

    async def _append(self, backend: str, since: datetime, *, interrupted: bool) -> None:
        try:
            past = {type(it.event): it for it in await self._log.history(subjects.backend(backend))}
            begun, ended = past.get(BackendInterrupted), past.get(BackendRestored)
            begun_at, ended_at = begun.sequence if begun else 0, ended.sequence if ended else 0
            if (begun_at > ended_at) is interrupted:  # the view is behind, or another scheduler was first
                return
            if interrupted:
                await self._log.append(_interrupted(backend, since), after=begun_at)
            elif begun is not None and isinstance(begun.event, BackendInterrupted):
                await self._log.append(_restored(backend, begun.event.data.since, since), after=ended_at)
        except (Stale, Unavailable, Malformed) as fault:
            _log.warning("whether %s is in service is said later: %s: %s", backend, fault.code, fault)
        else:
            _log.warning("%s is %s", backend, "out of service" if interrupted else "in service again")


def _interrupted(backend: str, since: datetime) -> BackendInterrupted:
    text = f"{backend} has not answered since {since:%Y-%m-%d %H:%M:%S} UTC"
    data = Interruption(backend=backend, since=since, reason=Reason(code="no_answer", text=text))
    return BackendInterrupted(id=event_id("interrupted", backend, rfc3339(since)), source=_SOURCE, data=data)


def _restored(backend: str, interrupted_since: datetime, answers_since: datetime) -> BackendRestored:
    data = Restoration(backend=backend, interrupted_since=interrupted_since, answers_since=answers_since)
    return BackendRestored(id=event_id("restored", backend, rfc3339(interrupted_since)), source=_SOURCE, data=data)
