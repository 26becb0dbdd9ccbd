"""Runs each accepted hybrid job once, and appends exactly one end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from queuebit_contracts import subjects
from queuebit_contracts.hybrid import HybridAcceptance, HybridAccepted, HybridStarted
from queuebit_contracts.wire import Payload, Reason
from queuebit_hybrid import events
from queuebit_hybrid.errors import Refusal
from queuebit_hybrid.fair_places import Places
from queuebit_hybrid.policy import Begin, Cancel, Fail, Finish, Over, next_step, outcome
from queuebit_hybrid.ports import EventLog, PayloadStore, Running, Runs
from queuebit_hybrid.state import HybridJob, job_of
from queuebit_hybrid.usage_file import Progress, UsageFiles
from queuebit_kernel import Fault, Stale, Superseded, Unavailable
from queuebit_runtime.payloads import Missing
from queuebit_runtime.stored import Stored, known_events

__all__ = ["RunHybridJobs"]

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""Between two reads of a job's history while it runs, and between two writes of what it has used."""

_JSON = "application/json"


@dataclass(slots=True)
class _Seen:
    """A job's history."""

    job: HybridJob
    last: int
    """Sequence of its newest event."""
    begun: HybridStarted | None
    """The newest attempt."""


class RunHybridJobs:
    """Runs what is delivered.

    A message is acknowledged after its job has ended. If this process is lost, another one gets the message, and finds
    in the history that the job was started: it reports the job as lost, or runs it again if its user asked for that. If
    only the connection is lost, this process gets the message again, and waits for what it runs.
    """

    def __init__(
        self, log: EventLog, payloads: PayloadStore, runs: Runs, files: UsageFiles, service: str, places: int
    ) -> None:
        self._log = log
        self._payloads = payloads
        self._runs = runs
        self._files = files
        self._service = service
        self._running: dict[tuple[str, str], asyncio.Future[None]] = {}
        self._attempts: set[Running] = set()
        self._stops: dict[tuple[str, str], asyncio.Event] = {}
        self._places = Places(places)
        self._closing = False

    @property
    def number(self) -> int:
        """How many run."""
        return len(self._attempts)

    def close(self) -> None:
        """End all children: this process is about to end, and their jobs are lost with it."""
        self._closing = True
        for stop in self._stops.values():
            stop.set()

    def stop(self, tenant: str, hybrid: str) -> None:
        """A user asked to stop a hybrid job, which may wait or run here."""
        if (stop := self._stops.get((tenant, hybrid))) is not None:
            stop.set()

    async def __call__(self, event: HybridAccepted, sequence: int) -> None:
        """Run a hybrid job to its end.

        Raises:
            Superseded: it has ended.
            Unavailable: the log does not answer, or this process ends.
        """
        name = event.data.tenant, event.data.hybrid
        while (earlier := self._running.get(name)) is not None:  # whose end may not be stored
            await asyncio.shield(earlier)
        mine = self._running[name] = asyncio.get_running_loop().create_future()
        stop = self._stops[name] = asyncio.Event()
        try:
            async with self._place(event.data.tenant, stop):
                await self._run(event, sequence, stop)
        finally:
            del self._running[name], self._stops[name]
            mine.set_result(None)

    @asynccontextmanager
    async def _place(self, tenant: str, stop: asyncio.Event) -> AsyncIterator[None]:
        """Wait for a place to run; a job that is to be stopped needs none."""
        waiting = asyncio.ensure_future(self._places.take(tenant))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            yield
        finally:
            stopping.cancel()
            if waiting.done():
                self._places.give_back()
            else:
                waiting.cancel()

    async def _run(self, event: HybridAccepted, sequence: int, stop: asyncio.Event) -> None:
        it = event.data
        seen = await self._history(event, sequence)
        before = self._files.read(it.tenant, it.hybrid)
        match next_step(seen.job, before.usage):
            case Over():
                self._files.forget(it.tenant, it.hybrid)
                raise Superseded(f"hybrid job {it.hybrid} has ended")
            case Begin(number, left_s):
                attempt = self._runs.attempt(it, before)
                await self._attempt(event, attempt, number, left_s, seen, stop)
            case Fail() | Cancel() as how:
                await self._end(event, how, seen, before)

    async def _attempt(
        self,
        event: HybridAccepted,
        attempt: Running,
        number: int,
        left_s: float,
        seen: _Seen,
        stop: asyncio.Event,
    ) -> None:
        """Run one attempt, and append its end."""
        it = event.data
        if self._closing:
            raise Unavailable("this process is about to end")
        source = await self._source(it)
        if isinstance(source, Fail):
            await self._end(event, source, seen, attempt.progress())
            return
        begun = events.started(event, number, self._service)
        last = await self._log.append(begun, after=seen.last, guard=subjects.hybrid(it.tenant, it.hybrid).everything)
        seen = _Seen(job_of([event, begun]), last, begun)
        self._attempts.add(attempt)
        following = asyncio.ensure_future(self._follow(event, attempt, seen, stop))
        how: Fail | Cancel | Finish
        try:
            measured = await attempt.run(source, left_s)
        except Refusal as refusal:
            how = Fail(Reason(code=refusal.reason, text=str(refusal)))
        else:
            how = outcome(measured, seen.job.stop, it.terms)
        finally:
            following.cancel()
            self._attempts.discard(attempt)
            self._note(it, attempt)
        if self._closing:
            raise Unavailable(f"hybrid job {it.hybrid} was lost: its process ends")
        result = attempt.result if isinstance(how, Finish) else None
        put = self._payloads.store if it.erasable else self._payloads.put
        stored = None if result is None else await put(it.tenant, result, _JSON)
        await self._end(event, how, seen, attempt.progress(), stored)

    async def _source(self, job: HybridAcceptance) -> str | Fail:
        """The file of a job, or why it cannot run."""
        try:
            return (await self._payloads.get(job.tenant, job.file)).decode()
        except (Missing, UnicodeDecodeError):
            text = "its file is not stored, or is no UTF-8 text: submit it again"
            return Fail(Reason(code="file_missing", text=text))

    def _note(self, job: HybridAcceptance, attempt: Running) -> None:
        """Write what a job has used, for the case that this process is lost."""
        try:
            self._files.write(job.tenant, job.hybrid, attempt.progress())
        except OSError as error:
            _log.warning("what hybrid job %s has used could not be written: %s", job.hybrid, error)

    async def _follow(self, event: HybridAccepted, attempt: Running, seen: _Seen, stop: asyncio.Event) -> None:
        """While it runs: note what it has used, and stop it if its user asks, or if its end is in the log."""
        it, noticed = event.data, False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await (asyncio.Event() if noticed else stop).wait()
            noticed = stop.is_set()
            self._note(it, attempt)
            with suppress(Fault):  # the bus does not answer; the child may not need it now
                now = await self._history(event, seen.last)
                seen.job, seen.last = now.job, now.last
            if self._closing or seen.job.stop is not None or seen.job.ended:
                attempt.stop()

    async def _end(
        self,
        event: HybridAccepted,
        how: Fail | Cancel | Finish,
        seen: _Seen,
        progress: Progress,
        result: Payload | None = None,
    ) -> None:
        """Append the end, unless there is one; a request to stop that comes meanwhile does not change it."""
        it, begun = event.data, seen.begun
        ended = events.ended(
            event,
            how,
            attempt=begun.data.attempt if begun else 0,
            started_at=begun.time if begun else None,
            progress=progress,
            result=result,
        )
        aggregate = subjects.hybrid(it.tenant, it.hybrid)
        while not seen.job.ended:
            try:
                await self._log.append(ended, after=seen.last, guard=aggregate.everything)
            except Stale:
                seen = await self._history(event, seen.last + 1)
            else:
                break
        self._files.forget(it.tenant, it.hybrid)
        try:
            await self._runs.finish(it)
        except Fault as fault:  # both end by themselves
            _log.warning("key and session of hybrid job %s were not ended: %s", it.hybrid, fault)

    async def _history(self, event: HybridAccepted, reaching: int) -> _Seen:
        it = event.data
        found: list[Stored] = await self._log.history(subjects.hybrid(it.tenant, it.hybrid), reaching=reaching)
        begun = next((one.event for one in found if isinstance(one.event, HybridStarted)), None)
        return _Seen(job_of(known_events(found)), found[-1].sequence, begun)
