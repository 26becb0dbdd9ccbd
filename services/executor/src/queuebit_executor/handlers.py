"""The work item: run what was placed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from queuebit_contracts import subjects
from queuebit_contracts.job import JobCompleted, JobFailed, JobPlaced, JobStarted, JobSubmitted
from queuebit_contracts.wire import Payload, Reason
from queuebit_executor import events
from queuebit_executor.answers import Ran, Refused
from queuebit_executor.instance import Instance
from queuebit_executor.policy import Begin, GiveUp, Leave, Resume, next_step
from queuebit_executor.ports import Circuits
from queuebit_executor.state import Mark, Past, recall
from queuebit_kernel import Clock, Malformed, Stale, Superseded, Unavailable
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["RunPlacement"]

_TRIES = 5
"""How often a decision is made anew when somebody else wrote first."""

_PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0, *[15.0] * 38)
"""Seconds between the tries of what needs the log or the payload store: ten minutes, while the lease is held."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Attempt:
    mark: Mark
    after: int
    """Sequence of the job's newest event."""
    circuit: Payload


class RunPlacement:
    """Start, run, and state the end of a job, exactly once however often the placement is delivered.

    `side_by_side` placements are begun at a time. The rest wait here, where their leases are kept alive.
    """

    def __init__(
        self,
        log: EventLog,
        payloads: PayloadStore,
        circuits: Circuits,
        clock: Clock,
        *,
        me: Instance,
        side_by_side: int,
        pauses: Sequence[float] = _PAUSES,
    ) -> None:
        self._log = log
        self._payloads = payloads
        self._circuits = circuits
        self._clock = clock
        self._me = me
        self._turn = asyncio.Semaphore(side_by_side)
        self._pauses = pauses

    async def __call__(self, placed: JobPlaced, sequence: int, *, redelivered: bool) -> None:
        async with self._turn:
            attempt = None if redelivered else await self._begin_first(placed, sequence)
            attempt = attempt or await self._begin_again(placed, sequence)
            await self._conclude(await self._run(placed, attempt), attempt.after)

    async def _begin_first(self, placed: JobPlaced, sequence: int) -> _Attempt | None:
        """Begin at once, presuming that nothing happened since the placement; None when something did."""
        job = subjects.job(placed.data.tenant, placed.data.job)
        start = self._started(placed, 1)
        try:
            after, history = await asyncio.gather(
                self._log.append(start, after=sequence, guard=job.everything),
                self._log.history(job, reaching=sequence),
            )
        except Stale:
            return None
        return _Attempt(Mark(1, start.time, self._me.name), after, await self._circuit(placed, recall(history)))

    async def _begin_again(self, placed: JobPlaced, sequence: int) -> _Attempt:
        job = subjects.job(placed.data.tenant, placed.data.job)
        for _ in range(_TRIES):
            past = recall(await self._log.history(job, reaching=sequence))
            match next_step(past, sequence, self._me.name):
                case Leave(why):
                    raise Superseded(why)
                case GiveUp(last, after):
                    reason = Reason(code="executor_lost", text=f"{last.number} attempts were lost: the job is given up")
                    await self._conclude(self._failed(placed, last, reason), after)
                    raise Superseded("the job was given up")
                case Resume(mark, after):
                    return _Attempt(mark, after, await self._circuit(placed, past))
                case Begin(attempt, after):
                    circuit = await self._circuit(placed, past)
                    start = self._started(placed, attempt)
                    try:
                        began = await self._log.append(start, after=after, guard=job.everything)
                    except Stale:
                        continue
                    return _Attempt(Mark(attempt, start.time, self._me.name), began, circuit)
        raise Stale(f"{job.prefix} keeps changing")

    async def _circuit(self, placed: JobPlaced, past: Past) -> Payload:
        """The circuit that was accepted: whatever is submitted under the job's name later changes nothing."""
        stored = past.submitted
        if past.accepted is not None and (stored is None or stored.sequence != past.accepted):
            stored = await self._log.at(past.accepted)
        if stored is None or not isinstance(stored.event, JobSubmitted):
            raise Malformed(f"{placed.data.job} was placed but never submitted")
        return stored.event.data.circuit

    async def _run(self, placed: JobPlaced, attempt: _Attempt) -> JobCompleted | JobFailed:
        job, mark = placed.data, attempt.mark
        if attempt.circuit.digest != job.circuit:  # only where the acceptance does not say which submission it was
            text = "the circuit was replaced after the job was accepted: submit it again under another key"
            return self._failed(placed, mark, Reason(code="circuit_replaced", text=text))
        try:
            source = await self._insist(lambda: self._payloads.get(job.tenant, attempt.circuit))
        except Missing as missing:
            return self._failed(placed, mark, Reason(code=missing.code, text=str(missing)))
        match await self._circuits.run(source, job.backend, job.shots, job.seed, job.qpu_us):
            case Refused(error=error):
                return self._failed(placed, mark, Reason(code=error.code, text=error.message))
            case Ran() as ran:
                keep = partial(self._payloads.put, job.tenant, ran.counts, "application/json")
                result = await self._insist(keep)
                now = self._clock.now()
                return events.completed(self._me, placed, mark, ran=ran, result=result, now=now)

    async def _conclude(self, end: JobCompleted | JobFailed, after: int) -> None:
        """Append the end of a job, unless it has one.

        An attempt that was overtaken by a later one still ends the job when it is done first: the same seeds give the
        same result, and the guard lets only one of them in.
        """
        job = subjects.job(end.data.tenant, end.data.job)
        for _ in range(_TRIES):
            try:  # the same event may be appended again: it is stored once
                await self._insist(partial(self._log.append, end, after=after, guard=job.everything))
            except Stale:
                past = recall(await self._insist(partial(self._log.history, job, reaching=after + 1)))
                if past.ended:
                    raise Superseded("the job ended while it ran") from None
                after = past.tail
            else:
                return
        raise Stale(f"{job.prefix} keeps changing")

    async def _insist(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Try until what is needed is there again: the lease is held meanwhile, and no attempt is lost."""
        for pause in self._pauses:
            try:
                return await step()
            except Unavailable as fault:
                _log.warning("tried again in %s s: %s: %s", pause, fault.code, fault)
                await asyncio.sleep(pause)
        return await step()

    def _started(self, placed: JobPlaced, attempt: int) -> JobStarted:
        return events.started(self._me, placed, attempt, self._clock.now())

    def _failed(self, placed: JobPlaced, mark: Mark, reason: Reason) -> JobFailed:
        return events.failed(self._me, placed, mark, reason, self._clock.now())
