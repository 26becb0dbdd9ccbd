"""Placing what can be placed, and saying why the rest waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping

from queuebit_contracts.job import Ended, JobAccepted, JobPlaced, JobSubmitted, Placement, Score
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import UnknownEvent
from queuebit_kernel import Clock, Malformed, Stale, Superseded, Unavailable, event_id
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent
from queuebit_runtime.tracing import Tracing, whose
from queuebit_scheduler.jobs import Job
from queuebit_scheduler.policy import POLICY, Place, plan, why_placed, why_waiting
from queuebit_scheduler.snapshot import Backend
from queuebit_scheduler.state import State
from queuebit_scheduler.usage import micros

__all__ = ["CYCLE_LIMIT", "TICK_S", "AnswerWaiting", "PlaceJobs"]

_log = logging.getLogger(__name__)

CYCLE_LIMIT = 32
"""The most placements of one cycle, appended side by side; it bounds the snapshot and the time a cycle takes."""

TICK_S = 1.0
"""The longest time between two cycles: what the log refused is tried again."""

_TRIES = 5
"""How often one placement is tried behind what somebody else wrote first."""

_UNDECIDING = JobSubmitted | JobAccepted | UnknownEvent
"""What may follow an acceptance without deciding about the job: a placement goes behind it."""

_MAX_ROWS = 1000
"""The most rows of one answer, which must stay far below the largest message the bus carries."""


class PlaceJobs:
    """One cycle after another: as soon as the view moved, and at every tick."""

    def __init__(self, state: State, log: EventLog, clock: Clock, tracing: Tracing) -> None:
        self._state = state
        self._log = log
        self._clock = clock
        self._tracing = tracing
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Ask for a cycle; asking again before it begins changes nothing."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self.cycle()

    async def cycle(self) -> None:
        """Decide once and append every placement.

        A place is taken before the log is asked, so that no later cycle gives it away again. Whoever moved the job
        meanwhile decides what becomes of it: the view will tell. What the log did not confirm waits again.
        """
        snapshot = self._state.snapshot(self._clock.now(), CYCLE_LIMIT)
        if snapshot is None:
            return
        digest, places = snapshot.digest, plan(snapshot).places
        jobs = [self._state.job(place.job) for place in places]
        for place in places:
            self._state.reserve(place.job, place.backend)
        settled = await asyncio.gather(
            *(self._append(job, place, digest) for job, place in zip(jobs, places, strict=True))
        )
        for place, known in zip(reversed(places), reversed(settled), strict=True):
            if not known:
                self._state.release(place.job)
        if all(settled):
            self.wake()

    async def _append(self, job: Job, place: Place, digest: str) -> bool:
        """Append one placement; say whether the view will show what became of the job."""
        with self._tracing.span("scheduler place", job.traceparent, whose(job.tenant, job.job)):
            try:
                await self._place(job, _placed(job, place, digest))
            except Superseded as moved:
                _log.info("%s", moved)
            except Malformed as error:
                _log.error(
                    "%s of %s waits for a person: its history cannot be followed: %s", job.job, job.tenant, error
                )
                self._state.forget(place.job)
            except (Stale, Unavailable) as error:
                _log.warning("%s of %s waits on: %s", job.job, job.tenant, error)
                return False
        return True

    async def _place(self, job: Job, placed: JobPlaced) -> None:
        """Append a placement, behind whatever does not decide about the job: any member may submit it once more.

        Raises:
            Superseded: the job has another place, has started, or ended.
            Malformed: its history holds what is no event, or an end before its acceptance: no later event will free
                its place.
        """
        history, after = job_aggregate(job.tenant, job.job), job.after
        for _ in range(_TRIES):
            try:
                await self._log.append(placed, after=after, guard=history.everything)
            except Stale:
                past = await self._log.history(history, reaching=after + 1)
                if any(isinstance(it.event, Ended) and it.sequence < job.after for it in past):
                    raise Malformed("it was accepted after it had ended") from None
                if any(it.sequence > job.after and not isinstance(it.event, _UNDECIDING) for it in past):
                    raise Superseded(f"{job.job} of {job.tenant} was moved by somebody else") from None
                after = past[-1].sequence
            else:
                return
        raise Stale(f"{history.prefix} moved {_TRIES} times")


class AnswerWaiting:
    """Which of a tenant's jobs do not run yet, and why: those without a place, then those that wait at their place."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def __call__(self, tenant: str, question: Question) -> Answer:
        now_us, backends = micros(self._clock.now()), self._state.backends()
        rows = []
        for job, position, reason in self._reasons(tenant, backends):
            if question.job in (None, job.job) and question.project in (None, job.project):
                waiting_ms = max(0, now_us - micros(job.accepted_at)) // 1000
                about = {"job": job.job, "project": job.project, "waiting_ms": waiting_ms}
                rows.append({**about, "position": position, "reason": reason})
            if len(rows) == min(question.limit, _MAX_ROWS):
                break
        return Answer(rows=tuple(rows))

    def _reasons(self, tenant: str, backends: Mapping[str, Backend]) -> Iterator[tuple[Job, int, str]]:
        for ahead, job in enumerate(self._state.waiting_of(tenant)):
            reason = why_waiting(job.bids, backends)
            yield job, ahead + 1, f"{reason}; {_ahead(ahead)}" if ahead else reason
        for it, ahead in self._state.placed_of(tenant):
            if (backend := backends.get(it.backend)) is not None:
                started = it.started_at is not None
                why = why_placed(backend, ahead, confirmed=it.confirmed, started=started)
                if why is not None:
                    yield it.job, ahead + 1, why


def _ahead(count: int) -> str:
    return "1 job of yours is ahead" if count == 1 else f"{count} jobs of yours are ahead"


def _placed(job: Job, place: Place, digest: str) -> JobPlaced:
    return JobPlaced(
        # the same decision after the same history is the same event, however often it is tried
        id=event_id("placed", job.tenant, job.job, place.backend, str(job.after)),
        source="qb/scheduler",
        traceparent=current_traceparent(),
        provenanceid=job.provenanceid,
        data=Placement(
            tenant=job.tenant,
            project=job.project,
            job=job.job,
            backend=place.backend,
            shots=job.shots,
            circuit=job.circuit,
            seed=job.seed,
            qpu_us=job.bids[place.backend].qpu_us,
            policy=POLICY,
            snapshot=digest,
            scores=tuple(Score(backend=backend, expected_ms=due // 1000) for backend, due in place.scores),
            submitted_at=job.submitted_at,
            accepted_at=job.accepted_at,
            program=job.program,
            terms=job.terms(place.backend),
        ),
    )
