"""Runs placements at a vendor, where work continues when this process ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from queuebit_contracts import subjects
from queuebit_contracts.job import Dispatch, JobPlaced, Measure, Usage
from queuebit_contracts.usage import QPU_TIME, QUBITS, SHOTS, UNITS, is_final, usage_of
from queuebit_contracts.wire import Reason
from queuebit_executor import events
from queuebit_executor.answers import Refused, Submitted
from queuebit_executor.errors import VENDOR_FAILED, PluginFailed, UsagePending, VendorAway, VendorSilent
from queuebit_executor.finished import Finished
from queuebit_executor.handlers import PAUSES, End, RunPlacement
from queuebit_executor.instance import Instance
from queuebit_executor.policy import needless
from queuebit_executor.ports import Circuits, Vendor
from queuebit_executor.state import Mark, Past, recall
from queuebit_executor.watch import JobWatch
from queuebit_kernel import Clock, Stale, Superseded, Unavailable
from queuebit_runtime.log import EventLog
from queuebit_runtime.payloads import PayloadStore

__all__ = ["RunRemotely", "RunWhereItIs"]

_TRIES = 5

_PLUGIN_TRIES = 5
"""How often a call is made whose plugin crashes, takes too long, or returns what cannot be. Seconds if it crashes."""

_UNKNOWN = Measure(metric=QPU_TIME, quantity="0", unit=UNITS[QPU_TIME], final=False)
"""The usage of a run whose backend cannot be asked for it: the job ends, and its hold stays until it can."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class RunRemotely(RunPlacement):
    """Submit a job to a vendor once, record its handle before anything waits for it, and follow it to its end.

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
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        super().__init__(log, payloads, circuits, clock, watch, me=me, pauses=pauses)
        self._vendor = vendor
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
        work = await self._work(placed, past)
        source: bytes | Reason = work if isinstance(work, bytes | Reason) else _one_circuit(placed)
        async with self._slots:
            mark, after, taken = past.attempt, past.tail, _recorded(past, placed)
            if taken is None and mark is not None and isinstance(source, bytes):
                found = await self._find(placed, source)
                if found.handle is not None:
                    taken, after = await self._record(placed, sequence, mark, found, after)
            if taken is None or mark is None:
                begun = await self._begin(placed, sequence, past)
                submitted = await self._submit(placed, source)
                if not isinstance(submitted, Submitted):
                    return await self._end(placed, begun.mark, submitted, past), begun.after
                mark = begun.mark
                taken, after = await self._record(placed, sequence, mark, submitted, begun.after)
            return await self._collected(placed, mark, taken), after

    async def _submit(self, placed: JobPlaced, source: bytes | Reason) -> Submitted | Refused | Reason:
        """Hand over the circuit. What may have reached the vendor before it failed is looked for, not given up."""
        if isinstance(source, Reason):
            return source
        job, token = placed.data, _token(placed)
        submit = partial(
            self._vendor.submit, job.backend, source, job.shots, job.seed, budget_us=job.qpu_us, token=token
        )
        unanswered = False

        async def attempt() -> Submitted | Refused:
            nonlocal unanswered
            try:
                return await submit()
            except VendorAway:
                unanswered = True
                raise

        refused: Refused | Reason
        try:
            answer = await self._asked(attempt)
            if isinstance(answer, Submitted) or not (unanswered or answer.error.code == VENDOR_FAILED):
                return answer
            refused = answer
        except PluginFailed as fault:
            refused = _plugin_failed(placed, fault)
        found = await self._find(placed, source)
        return found if found.handle is not None else refused

    async def _record(
        self, placed: JobPlaced, sequence: int, mark: Mark, taken: Submitted, after: int
    ) -> tuple[Dispatch, int]:
        """Append `dispatched`; raises `Superseded` if the job needs no run any more."""
        event = events.dispatched(self._me, placed, mark.number, taken, _token(placed))
        job = subjects.job(placed.data.tenant, placed.data.job)
        for _ in range(_TRIES):
            try:
                after = await self._insist(partial(self._log.append, event, after=after, guard=job.everything))
            except Stale:
                past = await self._known(placed, after + 1)
                if why := needless(past, sequence):
                    raise Superseded(why) from None
                if (recorded := _recorded(past, placed)) is not None:
                    return recorded, past.tail
                after = past.tail
            else:
                _log.info(
                    "job %s of %s is at %s as %s",
                    placed.data.job,
                    placed.data.tenant,
                    placed.data.backend,
                    taken.handle,
                )
                return event.data, after
        raise Stale(f"{job.prefix} keeps changing")

    async def _collected(self, placed: JobPlaced, mark: Mark, taken: Dispatch) -> End:
        """Wait for the vendor, and take what the run came to."""
        backend, handle = placed.data.backend, taken.handle
        try:
            while not await self._asked(partial(self._vendor.ended, backend, handle)):  # noqa: ASYNC110  # another machine
                await asyncio.sleep(self._poll_s)
            counts = await self._asked(partial(self._vendor.collect, backend, handle))
        except PluginFailed as fault:
            await self._cancel(placed, handle)
            return self._failed(placed, mark, _plugin_failed(placed, fault))
        usage = await self._usage(placed, handle, taken.qubits)
        if isinstance(counts, Refused):
            return self._failed(placed, mark, Reason(code=counts.error.code, text=counts.error.message), usage)
        done = Finished(counts, "application/json", usage, taken.compilation, taken.calibration)
        return await self._finished(placed, mark, done)

    async def _settle(self, placed: JobPlaced, sequence: int) -> None:
        """Cancel a run at the vendor that is not needed any more, and report the final usage of the job if it is owed.

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
        taken, backend, replaced = _recorded(past, placed), placed.data.backend, past.placed > sequence
        handle = taken.handle if taken else (await self._find(placed)).handle
        if handle is not None and (past.cancelled or replaced):
            await self._cancel(placed, handle)
        if replaced or past.usage_final:
            return
        usage = Usage() if handle is None else await self._usage(placed, handle, taken.qubits if taken else None)
        if not is_final(usage):
            raise UsagePending(f"{backend} has yet to state what {placed.data.job} used")
        report = events.usage_reported(
            self._me,
            placed,
            backend=backend,
            attempt=past.attempt.number,
            revision=past.reports + 1,
            usage=usage,
            reason="as the vendor states it",
        )
        job = subjects.job(placed.data.tenant, placed.data.job)
        await self._insist(partial(self._log.append, report, after=past.tail, guard=job.everything))

    async def _usage(self, placed: JobPlaced, handle: str, qubits: int | None) -> Usage:
        """What the vendor measured, and what it need not say: shots and qubits."""
        try:
            measures = await self._asked(partial(self._vendor.usage, placed.data.backend, handle))
        except PluginFailed as fault:
            _log.error("%s has used what %s cannot say: %s", placed.data.job, placed.data.backend, fault)
            measures = (_UNKNOWN,)
        known = {SHOTS: placed.data.shots, QUBITS: qubits or 0}
        said = {it.metric for it in measures}
        ours = [
            Measure(metric=name, quantity=str(value), unit=UNITS[name])
            for name, value in known.items()
            if name not in said
        ]
        return usage_of(*measures, *ours)

    async def _find(self, placed: JobPlaced, source: bytes = b"") -> Submitted:
        """Look for the run by its token; where the plugin fails, submitting again gives the same run."""
        try:
            return await self._asked(partial(self._vendor.find, placed.data.backend, source, _token(placed)))
        except PluginFailed as fault:
            _log.error("%s cannot be looked for at %s: %s", placed.data.job, placed.data.backend, fault)
            return Submitted()

    async def _cancel(self, placed: JobPlaced, handle: str) -> None:
        try:
            await self._asked(partial(self._vendor.cancel, placed.data.backend, handle))
        except PluginFailed as fault:
            _log.error("%s may go on at %s as %s: %s", placed.data.job, placed.data.backend, handle, fault)

    async def _asked(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat a call until the vendor answers; raises `PluginFailed` where its plugin failed a few times."""
        failures = 0

        async def call() -> _T | PluginFailed:
            nonlocal failures
            try:
                return await step()
            except PluginFailed as fault:
                failures += 1
                if failures < _PLUGIN_TRIES:
                    raise
                return fault

        found = await self._insist(call)
        if isinstance(found, PluginFailed):
            raise found
        return found

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


def _recorded(past: Past, placed: JobPlaced) -> Dispatch | None:
    """The dispatch that the log records for this placement; that of another placement has another token."""
    return past.handle.data if past.handle is not None and past.handle.data.token == _token(placed) else None


def _token(placed: JobPlaced) -> str:
    """The name of the run at the vendor. It is the placement's, so that every attempt means the same run."""
    return f"{placed.data.job}-{placed.id}"


def _plugin_failed(placed: JobPlaced, fault: PluginFailed) -> Reason:
    text = f"{placed.data.backend} was asked {_PLUGIN_TRIES} times: {fault}"
    return Reason(code=fault.refused.error.code, text=text)


def _one_circuit(placed: JobPlaced) -> Reason:
    text = f"{placed.data.backend} runs single circuits: submit each item of the program as a separate job"
    return Reason(code="one_circuit_only", text=text)
