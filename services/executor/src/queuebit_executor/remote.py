"""Runs placements at a vendor, where work continues when this process ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from queuebit_contracts import subjects
from queuebit_contracts.job import JobPlaced, Usage
from queuebit_contracts.usage import SHOTS, is_final, shots_of
from queuebit_contracts.wire import Reason
from queuebit_executor import events
from queuebit_executor.answers import Submitted
from queuebit_executor.errors import PluginFailed, UsagePending, VendorAway, VendorSilent
from queuebit_executor.handlers import PAUSES, End, RunPlacement, Source
from queuebit_executor.instance import Instance
from queuebit_executor.isolations import Isolations
from queuebit_executor.policy import needless
from queuebit_executor.ports import Circuits, Vendor
from queuebit_executor.remote_parts import Part
from queuebit_executor.remote_run import RemoteRun, Taken, with_known
from queuebit_executor.remote_work import RemoteWork, recorded_in
from queuebit_executor.state import Mark, Past, recall
from queuebit_executor.vendor_calls import VendorCalls
from queuebit_executor.watch import JobWatch
from queuebit_kernel import Clock, Malformed, Stale, Superseded, Unavailable
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import PayloadStore

__all__ = ["RunRemotely", "RunWhereItIs"]

_TRIES = 5
"""How often an append is repeated after another writer was first."""

_log = logging.getLogger(__name__)


class RunRemotely(RunPlacement):
    """Submit a job to a vendor once, record its handle before anything waits for it, and follow it to its end.

    A program is submitted in as few parts as the backend allows, each with its own handle. A part is recorded before
    the next one is submitted, and all of them before anything waits.

    The executor that receives the placement continues where the previous one stopped. A run that was submitted, but not
    recorded, is found by its token, which is the placement's: a later attempt does not start a second one.

    A vendor that is away, or does not state final usage, is asked for `Settings.vendor_seconds`. A plugin that fails at
    a call fails the job after a few tries.
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
        vendor: Vendor,
        poll_s: float,
        give_up_s: float,
        doubt: Callable[[str], Reason | None] = lambda _: None,
        isolations: Isolations | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        super().__init__(
            log, payloads, circuits, clock, watch, me=me, doubt=doubt, isolations=isolations, pauses=pauses
        )
        self._vendor = vendor
        self._remote_work = RemoteWork(payloads, circuits, vendor, self._insist)
        self._poll_s = poll_s
        self._give_up_s = give_up_s
        self._slots = asyncio.Semaphore(me.slots or 1)

    async def __call__(self, placed: JobPlaced, sequence: int, *, redelivered: bool = False) -> None:
        try:
            await self._run_or_settle(placed, sequence)
        except (VendorAway, UsagePending) as fault:
            past = await self._known(placed, sequence)
            waited = self._clock.now() - (past.newest_at or placed.time)
            if waited.total_seconds() < self._give_up_s:
                raise
            raise VendorSilent(
                f"{fault}; nothing has changed for {waited.days} days, so it is not asked any more. Replay this once "
                f"it answers, or state the usage of {placed.data.job}: see docs/operating.md"
            ) from fault

    async def _run_or_settle(self, placed: JobPlaced, sequence: int) -> None:
        job = subjects.job(placed.data.tenant, placed.data.job)
        try:
            end, after = await self._watch.while_needed(job, sequence, self._follow(placed, sequence))
            await self._conclude(end, after)
        except Superseded:
            await self._settle(placed, sequence)
            raise
        if not is_final(end.data.usage):
            raise UsagePending(f"{placed.data.backend} has yet to state what {placed.data.job} used")

    async def _follow(self, placed: JobPlaced, sequence: int) -> tuple[End, int]:
        """Go on from what the log and the vendor know; return the end, and the sequence of the job's newest event."""
        past = await self._known(placed, sequence)
        if why := needless(past, sequence):
            raise Superseded(why)
        run = await self._run_of(placed, past)
        async with self._slot(placed, begun=past.attempt is not None):
            if isinstance(run, Reason):
                begun = await self._begin(placed, sequence, past)
                return self._failed(placed, begun.mark, run), begun.after
            calls = self._calls(placed)
            mark, after = await self._submitted_all(placed, sequence, past, run, calls)
            results = await run.results(calls)
            measures = await calls.usage(run.handles)
            now = await calls.calibration() if run.taken else None
            return await self._finished(placed, mark, run.finished(results, measures, now)), after

    @asynccontextmanager
    async def _slot(self, placed: JobPlaced, *, begun: bool) -> AsyncIterator[None]:
        """Wait until the backend is not isolated, and then for a slot; an attempt that has begun goes on."""
        while True:
            if not begun:
                await self._isolations.opened(placed)
            async with self._slots:
                if begun or not self._isolations.holds(placed):
                    yield
                    return

    async def _run_of(self, placed: JobPlaced, past: Past) -> RemoteRun | Reason:
        """What is to be submitted, with the parts that the log records."""
        work = await self._work(placed, past)
        if isinstance(work, Reason):
            return work
        return await self._remote_work.run(placed, work.content if isinstance(work, Source) else work, past)

    async def _submitted_all(
        self, placed: JobPlaced, sequence: int, past: Past, run: RemoteRun, calls: VendorCalls
    ) -> tuple[Mark, int]:
        """Submit each part that is not at the vendor, and record it before the next one.

        A part that a lost executor submitted is found by its token. An attempt with a part at the vendor goes on.

        Returns:
            The attempt, and the sequence of the job's newest event.
        """
        mark, after = past.attempt, past.tail
        again = mark is not None
        if mark is not None:
            for part in run.missing():
                found = await calls.find(run.works_of(part), part.token)
                if found.handle is not None:
                    after = await self._record(placed, sequence, mark, (run, part), found, after)
        if mark is None or not run.taken:
            begun = await self._begin(placed, sequence, past)
            mark, after = begun.mark, begun.after
        for part in run.missing():
            answer = await calls.submit(run.works_of(part), run.left_us(), part.token, again=again)
            if isinstance(answer, Submitted) and answer.handle is not None:
                after = await self._record(placed, sequence, mark, (run, part), answer, after)
            else:
                run.refused[part.number] = answer.manifest if isinstance(answer, Submitted) else answer
        return mark, after

    async def _record(
        self, placed: JobPlaced, sequence: int, mark: Mark, what: tuple[RemoteRun, Part], answer: Submitted, after: int
    ) -> int:
        """Append `dispatched`; raises `Superseded` if the job needs no run any more."""
        run, part = what
        about = await self._remote_work.part(placed, part, answer.manifest) if run.program else None
        event = events.dispatched(self._me, placed, mark.number, answer, part.token, part=about, number=part.number)
        job, it = subjects.job(placed.data.tenant, placed.data.job), placed.data
        for _ in range(_TRIES):
            try:
                after = await self._insist(partial(self._log.append, event, after=after, guard=job.everything))
            except Stale:
                past = await self._known(placed, after + 1)
                if why := needless(past, sequence):
                    raise Superseded(why) from None
                after = past.tail
                if (recorded := recorded_in(past, placed).get(part.number)) is not None:
                    run.taken[part.number] = await self._remote_work.taken(placed, recorded)
                    return after
            else:
                run.taken[part.number] = Taken(event.data, answer.manifest)
                _log.info("job %s of %s is at %s as %s", it.job, it.tenant, it.backend, answer.handle)
                return after
        raise Stale(f"{job.prefix} keeps changing")

    async def _settle(self, placed: JobPlaced, sequence: int) -> None:
        """Cancel runs at the vendor that are not needed any more, and report the final usage of the job if it is owed.

        A placement that a newer one replaced reports nothing: the usage of the job is the newer one's.

        Raises:
            Unavailable: the log does not show yet why the placement is needless.
            UsagePending: the vendor does not know the final usage yet.
        """
        past = await self._known(placed, sequence)
        if needless(past, sequence) is None:
            raise Unavailable(f"the log does not show yet how {placed.data.job} ended: tried again")
        if past.attempt is None:
            return
        replaced, calls = past.placed > sequence, self._calls(placed)
        run = await self._at_vendor(placed, past, past.attempt, calls)
        for handle in run.handles if past.cancelled or replaced else ():
            await calls.cancel(handle)
        if replaced or past.usage_final:
            return
        usage = await self._usage(past, run, calls)
        if not is_final(usage):
            raise UsagePending(f"{placed.data.backend} has yet to state what {placed.data.job} used")
        report = events.usage_reported(
            self._me,
            placed,
            backend=placed.data.backend,
            attempt=past.attempt.number,
            revision=past.reports + 1,
            usage=usage,
            reason="as the vendor states it",
        )
        job = subjects.job(placed.data.tenant, placed.data.job)
        await self._insist(partial(self._log.append, report, after=past.tail, guard=job.everything))

    async def _at_vendor(self, placed: JobPlaced, past: Past, mark: Mark, calls: VendorCalls) -> RemoteRun:
        """The parts of the placement that the vendor has, recorded or not; a newer placement hides its records."""
        try:
            run = await self._run_of(placed, past)
        except Malformed:
            run = Reason(code="circuit_lost", text="the log has no submission of the job")
        if isinstance(run, Reason):  # what was submitted cannot be read any more
            run = await self._remote_work.recorded(placed, past)
        for part in run.missing():
            found = await calls.find(run.works_of(part), part.token, incomplete=True)
            if found.handle is not None:
                event = events.dispatched(self._me, placed, mark.number, found, part.token)
                run.taken[part.number] = Taken(event.data, found.manifest)
        return run

    async def _usage(self, past: Past, run: RemoteRun, calls: VendorCalls) -> Usage:
        """What the vendor measured, with the shots that were taken."""
        measures = await calls.usage(run.handles)
        shots = shots_of(past.usage) if past.usage is not None else 0
        if past.cancelled and run.taken and not any(it.metric == SHOTS for it in measures):
            shots = await self._shots(run, calls)
        return with_known(measures, shots, run.qubits)

    async def _shots(self, run: RemoteRun, calls: VendorCalls) -> int:
        """The shots of a cancelled run that has ended at the vendor; those that were submitted if it cannot say.

        Raises:
            UsagePending: it has not ended.
        """
        submitted = sum(it.shots for at in run.taken.values() for it in at.manifest.items)
        if not run.works:
            return submitted
        try:
            ended = [await calls.ended(handle) for handle in run.handles]
        except PluginFailed:
            return submitted
        if not all(ended):
            raise UsagePending(f"{run.placed.data.backend} has yet to end {run.placed.data.job}, which was cancelled")
        return sum(shots_of(it.usage) for it in await run.results(calls))

    def _calls(self, placed: JobPlaced) -> VendorCalls:
        return VendorCalls(self._vendor, placed.data, self._insist, self._poll_s)

    async def _known(self, placed: JobPlaced, reaching: int) -> Past:
        job = subjects.job(placed.data.tenant, placed.data.job)
        return recall(await self._insist(partial(self._log.history, job, reaching=reaching)))


class RunWhereItIs:
    """Run a placement here or at a vendor; which of the two, a backend says once it is open."""

    def __init__(self, here: RunPlacement, there: RunRemotely, remote: Callable[[], bool]) -> None:
        self._here = here
        self._there = there
        self._remote = remote

    async def __call__(self, placed: JobPlaced, sequence: int, *, redelivered: bool = False) -> None:
        run = self._there if self._remote() else self._here
        await run(placed, sequence, redelivered=redelivered)
