"""The events of one job: those that are known, those that arrive, and those that the log has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress

from queuebit.errors import JobFailed, NotFound, QueuebitError, Reason, Refused, StillRunning, Unreachable
from queuebit.log_client import Entry, LogClient, entry_of
from queuebit.records import ENDS, Status
from queuebit.status import status_of, waiting_for
from queuebit.wait_budget import WaitBudget
from queuebit.watch import QUALIFIED, Watch
from queuebit_contracts import subjects
from queuebit_contracts.catalog import AnyEvent
from queuebit_contracts.job import JobSubmitted
from queuebit_contracts.lifecycle import STATES
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Malformed
from queuebit_runtime.lag import LAG_S, read_past_lag

__all__ = ["FIRST_LOOK_S", "JobEvents"]

_logger = logging.getLogger("queuebit")

FIRST_LOOK_S = 3.0
"""How long to wait for a live event before reading the log the first time."""
_LAST_LOOK_S = 5.0
"""The pauses between later reads grow to this."""
_LOOKS_S = LAG_S[:4]
"""Pauses between searches for a job: a replica may not have it yet. Short, because there may be no such job."""


class JobEvents:
    """What is known of a job; an event that was seen once is not read again."""

    def __init__(self, job: str, tenant: str, log_client: LogClient, watch: Watch) -> None:
        self.id = job
        self._tenant = tenant
        self._log_client = log_client
        self._watch = watch
        self._subjects = subjects.job(tenant, job)
        self._signal = watch.signal(job)
        self._live: set[str] = set()
        """The names of events that this object cannot have missed since there were `_gaps` gaps."""
        self._gaps = self._signal.gaps
        self._known: dict[str, Entry] = {}

    @property
    def known(self) -> tuple[str, ...]:
        """The names of the events seen so far."""
        return (*self._known,)

    def was_submitted(self, submission: Entry, *, new: bool) -> None:
        """As `AsyncJob.was_submitted`."""
        self._known["submitted"] = submission
        if new:
            self._live = {*self._watch.names}

    async def status(self) -> Status:
        """As `AsyncJob.status`."""

        async def known() -> Status | None:
            entries = (*self._known.values(), *await self._log_client.history(self.id))
            found = {it.event.id: it for it in entries if not isinstance(it.event, UnknownEvent)}
            history = sorted(found.values(), key=lambda it: it.sequence)
            submitted = next((it.event for it in history if isinstance(it.event, JobSubmitted)), None)
            return None if submitted is None else status_of(submitted.data, history)

        if (status := await read_past_lag(known, _LOOKS_S)) is not None:
            return status
        raise NotFound(f"{self._tenant} has no job {self.id}: `qb jobs` lists jobs")

    async def until(self, events: Collection[str], timeout: float | None = None) -> AnyEvent:
        """As `AsyncJob.until`."""
        budget = WaitBudget(asyncio.get_running_loop().time, timeout)
        ends = ENDS if _before_end(events) else ()
        await self._watch.start({*events, *ends})
        look, pause = self._missed({*events, *ends}), FIRST_LOOK_S
        while True:
            changes = self._signal.changes
            try:
                if (event := self._received(events) or await self._first(look & {*events})) is not None:
                    return event
                if ends and (self._received(ends) or await self._first(look & {*ends}) or pause > FIRST_LOOK_S):
                    await self._require_possible(events)
                budget.answered()
            except Unreachable as error:
                if budget.lost():
                    raise Unreachable(f"job {self.id} continues when the stack is up again: {error}") from error
            if budget.explain_now():
                _logger.warning("job %s: still waiting after %.0f s: %s", self.id, budget.waited, await self._now())
            if (left := budget.next(pause)) <= 0:
                return await self._at_the_end(events, timeout)
            try:
                async with asyncio.timeout(left):
                    await self._signal.wait(changes)
                look = self._missed({*events, *ends})
            except TimeoutError:
                look, pause = set(events), min(pause * 2, _LAST_LOOK_S)

    async def no_result(self) -> QueuebitError:
        """The error of a job that ended without a result."""
        status = await self.status()
        if status.state == "rejected":
            return Refused(status.reasons, job=self.id)
        return JobFailed(self.id, next(iter(status.reasons), Reason(status.state, f"the job is {status.state}")))

    async def _at_the_end(self, events: Collection[str], timeout: float | None) -> AnyEvent:
        """The event, if it is there when the time is up; raises `StillRunning`."""
        why = await self._now()
        with suppress(Unreachable):
            if (event := await self._first(events)) is not None:  # otherwise `why` would contradict the error
                return event
        missing = "ended" if set(events) == set(ENDS) else f"been {' or '.join(events)}"
        after = f" after {timeout:g} s" if timeout else ""
        raise StillRunning(f"job {self.id} has not {missing}{after}: {why}; it continues")

    async def _now(self) -> str:
        """What the job waits for; raise `NotFound` for a missing job."""
        try:
            return waiting_for(await self.status())
        except Unreachable as error:
            return str(error)

    def _missed(self, events: Collection[str]) -> set[str]:
        """Those of the events that may have happened unnoticed; from now on the others include them."""
        if self._gaps != self._signal.gaps:
            self._live, self._gaps = set(), self._signal.gaps
        missed = {*events} - self._live
        self._live |= missed
        return missed

    def _received(self, events: Collection[str]) -> AnyEvent | None:
        """The first of the events that is known already, or that a live message brought."""
        for name in events:
            if name not in self._known and (message := self._signal.messages.get(name)) is not None:
                try:
                    self._known[name] = entry_of(message)
                except Malformed as error:
                    _logger.warning("job %s: a live message is ignored: %s", self.id, error)
                    del self._signal.messages[name]
            if name in self._known:
                return self._event(name)
        return None

    async def _first(self, events: Collection[str]) -> AnyEvent | None:
        """The first of the events that the log has."""

        async def read(name: str) -> None:
            if (entry := await self._log_client.newest(self.id, name, qualified=name in QUALIFIED)) is not None:
                self._known[name] = entry
                self._signal.notify()  # others may wait on this handle

        await asyncio.gather(*map(read, events))
        return next((self._event(name) for name in events if name in self._known), None)

    async def _require_possible(self, events: Collection[str]) -> None:
        """Raise if the job has ended without any of these events, which come before the end."""
        if (status := await self.status()).ended and await self._first(events) is None:
            if status.state == "completed":
                raise NotFound(f"job {self.id} is completed, and was never {' or '.join(events)}")
            raise await self.no_result()

    def _event(self, name: str) -> AnyEvent:
        event = self._known[name].event
        if isinstance(event, UnknownEvent):
            raise NotFound(f"{event.subject} holds a {event.type}: upgrade queuebit to read it")
        return event


def _before_end(events: Collection[str]) -> bool:
    """Whether all of these events come before the end of a job, if they come."""
    return {*ENDS}.isdisjoint(events) and {*STATES}.issuperset(events)
