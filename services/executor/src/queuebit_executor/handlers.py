"""Runs placements on backends that work inside this executor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from queuebit_contracts import subjects
from queuebit_contracts.job import JobCompleted, JobFailed, JobPlaced, JobSubmitted, Usage
from queuebit_contracts.program import PROGRAM, BadProgram, read_program
from queuebit_contracts.topology import PLATFORM
from queuebit_contracts.usage import run_usage
from queuebit_contracts.wire import Payload, Reason
from queuebit_executor import events
from queuebit_executor.answers import Ran, Refused
from queuebit_executor.cancelled_usage import ReportCancelled, Stopwatch
from queuebit_executor.finished import Finished
from queuebit_executor.instance import Instance
from queuebit_executor.interrupt import Interrupt
from queuebit_executor.isolations import Isolations
from queuebit_executor.policy import Begin, GiveUp, Leave, Resume, next_step, too_late, uses_all_cores
from queuebit_executor.ports import Circuits, CircuitWork
from queuebit_executor.program_profiling import read_sources
from queuebit_executor.program_run import ProgramRun, ProgramWork
from queuebit_executor.state import Mark, Past, recall
from queuebit_executor.suspicion import recalibrated
from queuebit_executor.watch import JobWatch
from queuebit_kernel import Clock, Malformed, Stale, Superseded, Unavailable
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import Missing, PayloadStore

__all__ = ["PAUSES", "End", "RunPlacement", "Source"]

_TRIES = 5
"""How often a decision is repeated after another writer was first."""

PAUSES = (0.1, 0.3, 1.0, 3.0, 10.0, *[15.0] * 38)
"""Seconds between the tries of what needs the log or the payload store: ten minutes, while the lease is held."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """A circuit as it was submitted."""

    content: bytes
    calibration: str | None
    """The earlier calibration that was asked for and is still stored."""


_Work = Source | ProgramWork | Reason
"""A circuit, a program, or why there is neither."""
_Answer = Ran | Finished | Refused | Reason
_Run = Callable[[], Awaitable[_Answer]]
End = JobCompleted | JobFailed
"""The ends of a job that an executor appends."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    mark: Mark
    after: int
    """Sequence of the job's newest event."""


class RunPlacement:
    """Run a job when a worker is free, and append its end, exactly once however often the placement is delivered.

    Placements wait here for a worker, where their leases are kept alive. `started` is appended for the one that a
    worker took. It is stored while the run is under way; no end is appended before it is stored. Of a run whose job is
    cancelled, the usage is reported.
    """

    def __init__(
        self,
        log: EventLog,
        payloads: PayloadStore,
        circuits: Circuits,
        clock: Clock,
        watch: JobWatch,
        *,
        me: Instance,
        doubt: Callable[[str], Reason | None] = lambda _: None,
        isolations: Isolations | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._doubt = doubt
        self._isolations = isolations or Isolations()
        self._log = log
        self._payloads = payloads
        self._circuits = circuits
        self._clock = clock
        self._watch = watch
        self._me = me
        self._pauses = pauses
        self._report_cancelled = ReportCancelled(log, me=me)

    async def __call__(self, placed: JobPlaced, sequence: int, *, redelivered: bool = False) -> None:
        job, busy, end = subjects.job(placed.data.tenant, placed.data.job), Stopwatch(self._clock), None
        try:
            attempt = self._attempt(placed, sequence, redelivered, busy)
            end, after = await self._watch.while_needed(job, sequence, attempt)
            await self._conclude(end, after)
        except Superseded:
            await self._report_cancelled(placed, sequence, busy.usage() if end is None else end.data.usage)
            raise

    async def _attempt(self, placed: JobPlaced, sequence: int, redelivered: bool, busy: Stopwatch) -> tuple[End, int]:
        """Make one attempt; return the job's end, and the sequence of its newest event.

        All inputs are read first, so that no worker waits for them.
        """
        past = await self._past(placed, sequence, redelivered)
        await self._next(placed, sequence, past)
        work = await self._work(placed, past)
        async with self._permitted(placed, work, busy, begun=past.attempt is not None) as run:
            beginning = asyncio.ensure_future(self._begin(placed, sequence, past))
            answer = await self._run(run, beginning)
        attempt = await beginning
        return await self._end(placed, attempt.mark, answer, past), attempt.after

    @asynccontextmanager
    async def _permitted(self, placed: JobPlaced, work: _Work, busy: Stopwatch, *, begun: bool) -> AsyncIterator[_Run]:
        """Wait until the backend is not isolated, and then for a worker; an attempt that has begun goes on."""
        while True:
            if not begun:
                await self._isolations.opened(placed)
            async with self._worker(placed, work, busy, alone=begun) as run:
                if begun or not self._isolations.holds(placed):
                    yield run
                    return

    @asynccontextmanager
    async def _worker(self, placed: JobPlaced, work: _Work, busy: Stopwatch, *, alone: bool) -> AsyncIterator[_Run]:
        """Wait for a worker; yields how it runs the work. An attempt after the first shares no device."""
        job, token, all_cores = placed.data, f"{placed.data.job}-{placed.id}", uses_all_cores(placed.data)
        circuit = None
        if isinstance(work, Source):
            circuit = CircuitWork(work.content, job.shots, job.seed, job.qpu_us, token, calibration=work.calibration)
        if circuit is not None and circuit.calibration is None and job.terms is not None and not alone:
            circuit = replace(circuit, shared_device=job.shared_device, qubits=job.terms.qubits)
        if circuit is not None and not all_cores:
            async with self._circuits.turn(job.backend, job.tenant, circuit, busy) as turn:
                yield turn.answer
            return
        async with self._circuits.worker(job.backend, job.tenant, all_cores=all_cores) as worker:
            busy.start()
            if circuit is not None:
                yield partial(worker.run, circuit)
            elif isinstance(work, ProgramWork):
                yield ProgramRun(worker, self._clock, job, work, token).run
            elif isinstance(work, Reason):
                yield partial(_nothing_to_run, work)

    async def _run(self, run: _Run, beginning: asyncio.Future[_Attempt]) -> _Answer:
        """Run while the attempt begins: the worker is free for the next job as soon as the run has ended.

        A job that cannot begin is not run to its end.
        """
        with Interrupt() as running:
            beginning.add_done_callback(partial(_end_if_failed, running))
            try:
                await asyncio.sleep(0)  # `started` is sent first: to store it takes longer than most runs
                return await run()
            except BaseException:
                beginning.cancel()
                raise

    async def _begin(self, placed: JobPlaced, sequence: int, past: Past) -> _Attempt:
        """Append `started`, unless the attempt is one of this executor's own; raises as `_next`."""
        it = placed.data
        job = subjects.job(it.tenant, it.job)
        for _ in range(_TRIES):
            match await self._next(placed, sequence, past):
                case Resume(mark, after):
                    return _Attempt(mark, after)
                case Begin(number, after):
                    if why := too_late(placed.data, number, self._clock.now()):
                        raise Superseded(why)
                    start = events.started(self._me, placed, number, self._clock.now())
                    try:  # the same event may be appended again: it is stored once
                        began = await self._insist(partial(self._log.append, start, after=after, guard=job.everything))
                    except Stale:
                        past = recall(await self._insist(partial(self._log.history, job, reaching=after + 1)))
                    else:
                        _log.info("job %s of %s started on %s, attempt %d", it.job, it.tenant, it.backend, number)
                        return _Attempt(Mark(number, start.time, self._me.name), began)
        raise Stale(f"{job.prefix} keeps changing")

    async def _past(self, placed: JobPlaced, sequence: int, redelivered: bool) -> Past:
        """The state of the job before it starts.

        A placement that carries the program counts as the newest event of its job, without a read of the log:
        `started` is guarded by its sequence, and the history is read where that guard does not hold. A delivery that
        is not the first may follow a start, or an end.
        """
        job = placed.data
        if job.program is not None and job.terms is not None and not redelivered:
            return Past(tail=sequence, placed=sequence)
        return recall(await self._log.history(subjects.job(job.tenant, job.job), reaching=sequence))

    async def _next(self, placed: JobPlaced, sequence: int, past: Past) -> Begin | Resume:
        """The next step towards a run.

        Raises:
            Superseded: there is none; a job that lost all its attempts has its end now.
        """
        match next_step(past, sequence, self._me.name):
            case Leave(why):
                raise Superseded(why)
            case GiveUp(last, after):
                reason = Reason(code="executor_lost", text=f"{last.number} attempts were lost: the job is given up")
                await self._conclude(self._failed(placed, last, reason), after)
                raise Superseded("the job was given up")
            case step:
                return step

    async def _work(self, placed: JobPlaced, past: Past) -> _Work:
        """The program that was accepted; a later submission under the same name changes nothing."""
        program = placed.data.program or await self._submitted(placed, past)
        if program.digest != placed.data.circuit:  # only where the acceptance does not say which submission it was
            text = "the circuit was replaced after the job was accepted: submit it again under another key"
            return Reason(code="circuit_replaced", text=text)
        tenant = placed.data.tenant
        try:
            content = await self._insist(lambda: self._payloads.get(tenant, program))
            if program.media_type != PROGRAM:
                return Source(content, await self._calibration(placed))
            read = read_program(content)
            sources = await self._insist(lambda: read_sources(self._payloads, tenant, read))
        except Missing as missing:
            return Reason(code=missing.code, text=str(missing))
        except BadProgram as error:
            return Reason(code="bad_program", text=str(error))
        return ProgramWork(read, sources)

    async def _calibration(self, placed: JobPlaced) -> str | None:
        """The earlier calibration that was asked for; None: there is none, or it is not stored any more."""
        if (asked := placed.data.calibration) is None:
            return None
        try:
            return (await self._insist(lambda: self._payloads.get(PLATFORM, asked))).decode()
        except (Missing, UnicodeDecodeError) as gone:
            _log.warning("job %s runs under the present calibration: %s", placed.data.job, gone)
            return None

    async def _submitted(self, placed: JobPlaced, past: Past) -> Payload:
        """The program, where the placement does not carry it."""
        stored = past.submitted
        if past.accepted is not None and (stored is None or stored.sequence != past.accepted):
            stored = await self._log.at(past.accepted)
        if stored is None or not isinstance(stored.event, JobSubmitted):
            raise Malformed(f"{placed.data.job} was placed but never submitted")
        return stored.event.data.circuit

    async def _end(self, placed: JobPlaced, mark: Mark, answer: _Answer, past: Past) -> End:
        match answer:
            case Reason():
                return self._failed(placed, mark, answer)
            case Refused(error=error, used_us=used_us):
                qubits = placed.data.terms.qubits if placed.data.terms else past.qubits
                usage = run_usage(qpu_us=used_us, qubits=qubits, at_limit=True) if used_us else None
                return self._failed(placed, mark, Reason(code=error.code, text=error.message), usage)
            case Ran() as ran:
                usage = run_usage(shots=placed.data.shots, qpu_us=ran.qpu_us, qubits=ran.qubits)
                done = Finished(
                    ran.counts, "application/json", usage, ran.compilation, ran.calibration, shared=ran.shared
                )
                return await self._finished(placed, mark, self._doubted(placed, done))
            case Finished() as done:
                return await self._finished(placed, mark, self._doubted(placed, done))

    def _doubted(self, placed: JobPlaced, done: Finished) -> Finished:
        """The result, marked if the device has another calibration now than the one that ran, unless asked for."""
        if placed.data.calibration is not None:
            return done
        backend = placed.data.backend
        changed = recalibrated(backend, done.calibration, self._circuits.calibrated(backend))
        return replace(done, suspect=done.suspect or changed)

    async def _finished(self, placed: JobPlaced, mark: Mark, done: Finished) -> End:
        done = replace(done, suspect=done.suspect or self._doubt(placed.data.backend))
        put = self._payloads.store if placed.data.erasable else self._payloads.put
        keep = partial(put, placed.data.tenant, done.content, done.media_type)
        result = await self._insist(keep)
        return events.finished(self._me, placed, mark, done=done, result=result, now=self._clock.now())

    async def _conclude(self, end: End, after: int) -> None:
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
                _log.info("job %s of %s %s on %s", end.data.job, end.data.tenant, _how(end), end.data.backend)
                return
        raise Stale(f"{job.prefix} keeps changing")

    async def _insist(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat a step until the log or the payload store answers; the lease is kept, so no attempt is lost."""
        for pause in self._pauses:
            try:
                return await step()
            except Unavailable as fault:
                _log.warning("tried again in %s s: %s: %s", pause, fault.code, fault)
                await asyncio.sleep(pause)
        return await step()

    def _failed(self, placed: JobPlaced, mark: Mark, reason: Reason, usage: Usage | None = None) -> JobFailed:
        return events.failed(self._me, placed, mark, reason, self._clock.now(), usage)


async def _nothing_to_run(reason: Reason) -> Reason:
    return reason


def _end_if_failed(running: Interrupt, beginning: asyncio.Future[_Attempt]) -> None:
    if not beginning.cancelled() and (error := beginning.exception()) is not None:
        running.end(error)


def _how(end: End) -> str:
    return "completed" if isinstance(end, JobCompleted) else f"failed with {end.data.reason.code}"
