"""Isolates backends and readmits them, between two cycles: so the log has no placement on an isolated backend.

This process appends placements, and these facts as well. Before an isolation, the placements of the cycle before are
confirmed, or their messages were sent earlier on the same connection; after it, no cycle begins that does not know it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from queuebit_contracts import subjects
from queuebit_contracts.fleet import (
    BackendIsolated,
    BackendReadmitted,
    Isolation,
    IsolationAnswer,
    IsolationRequest,
    Readmission,
)
from queuebit_contracts.wire import Reason
from queuebit_kernel import Stale, Unavailable, event_id, rfc3339
from queuebit_runtime.log import EventLog, Stored
from queuebit_scheduler.cycle_gate import CycleGate
from queuebit_scheduler.state import State

__all__ = ["IsolateBackends"]

_log = logging.getLogger(__name__)

_SOURCE = "qb/scheduler"
_AGAIN_S = 0.5
"""Pause before the log is asked again whether it took an isolation."""

_RULE = "fleet"
"""Who isolates by rule; anyone else is a person."""


class IsolateBackends:
    """Does what the fleet service asks for; the same request again changes nothing."""

    def __init__(
        self, state: State, log: EventLog, gate: CycleGate, leads: Callable[[], bool], wake: Callable[[], None]
    ) -> None:
        """Prepare; `leads` says whether this process places jobs: another one leaves the answer to the leader."""
        self._state = state
        self._log = log
        self._gate = gate
        self._leads = leads
        self._wake = wake

    async def __call__(self, request: IsolationRequest) -> IsolationAnswer:
        """Append the fact, unless the log has it; placements wait meanwhile.

        Raises:
            Unavailable: another process leads; nothing was changed.
        """
        match request:
            case IsolationRequest(isolate=Isolation() as isolation, readmit=None):
                async with self._gate:
                    answer = await self._isolate_until_known(isolation)
            case IsolationRequest(isolate=None, readmit=Readmission() as readmission):
                async with self._gate:
                    answer = await self._readmit(readmission)
            case _:
                return _no("bad_request", "give either isolate or readmit")
        self._wake()
        return answer

    async def _isolate_until_known(self, it: Isolation) -> IsolationAnswer:
        """Isolate. While it is not known whether the log took the fact, no placement may follow it."""
        while True:
            try:
                return await self._isolate(it)
            except (Stale, Unavailable) as fault:
                if not self._leads():
                    raise
                _log.warning("no job is placed until it is known whether %s is isolated: %s", it.backend, fault)
                await asyncio.sleep(_AGAIN_S)

    async def _isolate(self, it: Isolation) -> IsolationAnswer:
        self._require_lead()
        isolated, readmitted = await self._newest(it.backend)
        known = isolated.event.data if isolated and isinstance(isolated.event, BackendIsolated) else None
        is_open = isolated is not None and (readmitted is None or readmitted.sequence < isolated.sequence)
        if isolated is not None and known is not None and is_open and it.by in (_RULE, known.by):
            self._state.isolate(it.backend, known.since, isolated.sequence)
            return IsolationAnswer(sequence=isolated.sequence)
        event = BackendIsolated(id=event_id("isolated", it.backend, rfc3339(it.since)), source=_SOURCE, data=it)
        sequence = await self._log.append(event, after=isolated.sequence if isolated else 0)
        self._state.isolate(it.backend, it.since, sequence)
        _log.warning("%s is isolated: %s", it.backend, it.reason.text)
        return IsolationAnswer(sequence=sequence)

    async def _readmit(self, it: Readmission) -> IsolationAnswer:
        self._require_lead()
        isolated, readmitted = await self._newest(it.backend)
        if isolated is None or not isinstance(isolated.event, BackendIsolated):
            return _no("not_isolated", f"{it.backend} is in service")
        if isolated.event.data.since != it.isolated_since:
            return _no("isolated_again", f"{it.backend} was isolated again since then: look at it again")
        if readmitted is not None and readmitted.sequence > isolated.sequence:
            return IsolationAnswer(sequence=readmitted.sequence)
        name = event_id("readmitted", it.backend, rfc3339(it.isolated_since))
        event = BackendReadmitted(id=name, source=_SOURCE, data=it)
        sequence = await self._log.append(event, after=readmitted.sequence if readmitted else 0)
        _log.warning("%s is in service again: %s", it.backend, it.reason.text)
        return IsolationAnswer(sequence=sequence)

    async def _newest(self, backend: str) -> tuple[Stored | None, Stored | None]:
        """The newest isolation and readmission that the log has."""
        history = subjects.backend(backend)
        return await self._log.last(history.event("isolated")), await self._log.last(history.event("readmitted"))

    def _require_lead(self) -> None:
        if not self._leads():
            raise Unavailable("another scheduler leads")


def _no(code: str, text: str) -> IsolationAnswer:
    return IsolationAnswer(errors=(Reason(code=code, text=text),))
