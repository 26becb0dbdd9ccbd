"""Looks at every backend, appends what follows, and does what the operator orders."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import orjson

from queuebit_contracts.fleet import (
    BackendDegraded,
    FleetAnswer,
    FleetRequest,
    Isolation,
    IsolationAnswer,
    IsolationRequest,
    ManualOrder,
    Readmission,
)
from queuebit_contracts.subjects import backend as backend_history
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.wire import Reason
from queuebit_fleet.policy import change, degradation, row
from queuebit_fleet.ports import Scheduler
from queuebit_fleet.state import Fleet, KnownBackend
from queuebit_isolation import judge, read_figures
from queuebit_kernel import Clock, Malformed, Stale, Unavailable
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["ObeyOperator", "WatchFleet"]

_log = logging.getLogger(__name__)

_AGAIN_S = 0.5
"""Pause before what came to no end is tried again."""


class WatchFleet:
    """One look after another: when a fact about a backend comes, and in between, since time alone changes states."""

    def __init__(
        self,
        fleet: Fleet,
        log: EventLog,
        payloads: PayloadStore,
        scheduler: Scheduler,
        plan: Callable[[KnownBackend], Awaitable[None]],
        clock: Clock,
        every_s: float,
    ) -> None:
        self._fleet = fleet
        self._log = log
        self._payloads = payloads
        self._scheduler = scheduler
        self._plan = plan
        self._clock = clock
        self._every_s = every_s
        self._wake = asyncio.Event()
        self.trouble = ""
        """Why the newest look at a backend came to no end; empty if all did."""

    def wake(self) -> None:
        """Look at all backends soon."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._wake.clear()
            await self.look()
            try:
                await asyncio.wait_for(
                    self._wake.wait(), min(_AGAIN_S, self._every_s) if self.trouble else self._every_s
                )
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Look at each backend once; one that cannot be read now is looked at again, and delays no other."""
        troubles = await asyncio.gather(*(self._look(it) for it in [*self._fleet.backends.values()]))
        self.trouble = next(filter(None, troubles), "")

    async def _look(self, known: KnownBackend) -> str:
        try:
            await self._judge(known)
            if (due := change(known, self._clock.now())) is not None:
                await self._ask(known, due)
            if (fact := degradation(known, self._clock.now())) is not None:
                await self._degrade(fact)
            await self._plan(known)
        except (Unavailable, Stale) as fault:
            _log.warning("%s is looked at again: %s: %s", known.backend, fault.code, fault)
            return f"{known.backend}: {fault}"
        return ""

    async def _judge(self, known: KnownBackend) -> None:
        """Judge the calibrations that came since the last look, in their order."""
        events = [it.event for it in known.calibrated]
        done = events.index(known.judged) + 1 if known.judged in events else 0
        for it in [*known.calibrated][done:]:
            try:
                content = await self._payloads.get(PLATFORM, it.snapshot)
                figures = read_figures(orjson.loads(content))
            except (Missing, Malformed, ValueError, KeyError) as error:
                _log.error("the calibration %s of %s cannot be judged: %s", it.digest, known.backend, error)
                continue
            limits = known.breaker.limits
            known.elements = judge(figures, known.figures, known.elements, limits)
            known.figures.append(figures)
            known.judged = it.event

    async def _ask(self, known: KnownBackend, request: IsolationRequest) -> None:
        answer = await self._scheduler.ask(request)
        if answer.errors:
            raise Unavailable("; ".join(it.text for it in answer.errors))
        wanted = request.isolate or request.readmit
        state = "isolated" if request.isolate else "in service again"
        _log.warning("%s is %s: %s", known.backend, state, wanted.reason.text if wanted else "")

    async def _degrade(self, fact: BackendDegraded) -> None:
        newest = await self._log.last(backend_history(fact.data.backend).event("degraded"))
        await self._log.append(fact, after=newest.sequence if newest else 0)
        _log.warning("%s", fact.data.reason.text)


class ObeyOperator:
    """Isolates and readmits backends by order, and lists them."""

    def __init__(self, fleet: Fleet, scheduler: Scheduler, clock: Clock) -> None:
        self._fleet = fleet
        self._scheduler = scheduler
        self._clock = clock

    async def __call__(self, request: FleetRequest) -> FleetAnswer:
        """Do one order; without any, list all backends.

        Raises:
            Unavailable: the scheduler does not answer; the same order again is safe.
        """
        order = request.isolate or request.readmit
        if order is None:
            return FleetAnswer(rows=tuple(row(it) for _, it in sorted(self._fleet.backends.items())))
        if request.isolate is not None and request.readmit is not None:
            return _no("bad_request", "give one order at a time")
        known = self._fleet.backends.get(order.backend)
        if known is None:
            return _no("unknown_backend", f"there is no backend {order.backend}: `qb backends` lists them")
        answer = await self._ordered(known, order, isolate=request.isolate is not None)
        return FleetAnswer(sequence=answer.sequence, errors=answer.errors, rows=(row(known),))

    async def _ordered(self, known: KnownBackend, order: ManualOrder, *, isolate: bool) -> IsolationAnswer:
        now, by = self._clock.now(), f"operator: {order.by}"[:200]
        reason = Reason(code="operator", text=order.reason)
        if isolate:
            isolation = Isolation(backend=order.backend, since=now, reason=reason, by=by)
            return await self._scheduler.ask(IsolationRequest(isolate=isolation))
        if known.isolation is None:
            return IsolationAnswer(errors=(Reason(code="not_isolated", text=f"{order.backend} is in service"),))
        since = known.isolation.since
        readmission = Readmission(backend=order.backend, isolated_since=since, at=now, reason=reason, by=by)
        return await self._scheduler.ask(IsolationRequest(readmit=readmission))


def _no(code: str, text: str) -> FleetAnswer:
    return FleetAnswer(errors=(Reason(code=code, text=text),))
