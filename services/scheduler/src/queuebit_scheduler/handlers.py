"""Places jobs, and explains why others wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

from queuebit_contracts.job import Ended, Fallback, JobAccepted, JobPlaced, JobSubmitted, Placement, Score
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import Payload, UnknownEvent
from queuebit_kernel import Clock, Malformed, Stale, Superseded, Unavailable, event_id
from queuebit_planning.constraints import probability
from queuebit_runtime.log import EventLog
from queuebit_runtime.trace_context import current_traceparent
from queuebit_runtime.tracing import Tracing, whose
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduler.ports import DecisionStore
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduler.state import State
from queuebit_scheduling import (
    BackendCapacity,
    FellBack,
    Place,
    Snapshot,
    due_us,
    encode,
    micros,
    moment_of,
    plan,
    why_placed,
    why_waiting,
)

__all__ = ["CYCLE_LIMIT", "TICK_S", "AnswerWaiting", "PlaceJobs"]

_log = logging.getLogger(__name__)

CYCLE_LIMIT = 32
"""The most placements of one cycle, appended concurrently; limits the snapshot and the time of a cycle."""

TICK_S = 1.0
"""The longest time between two cycles: what the log refused is tried again."""

_TRIES = 5
"""How often one placement is tried again after another writer was first."""

_UNDECIDING = JobSubmitted | JobAccepted | UnknownEvent
"""Events that may follow an acceptance without a decision about the job."""

_MAX_ROWS = 1000
"""The most rows of one answer, which must stay far below the largest message the bus carries."""


class PlaceJobs:
    """One cycle after another: as soon as the view shows something that lets a job be placed, and at every tick."""

    def __init__(
        self,
        state: State,
        log: EventLog,
        decisions: DecisionStore,
        clock: Clock,
        tracing: Tracing,
        term: Callable[[], int | None],
        shadows: ShadowPolicies | None = None,
    ) -> None:
        """Prepare; `term` is that of this process, or None while another one leads."""
        self._shadows = shadows
        self._term = term
        self._state = state
        self._log = log
        self._decisions = decisions
        self._clock = clock
        self._tracing = tracing
        self._wake = asyncio.Event()
        self.turn = asyncio.Lock()
        """Held by each cycle until its placements are confirmed, and by what must be appended between two cycles."""

    def wake(self) -> None:
        """Ask for a cycle; asking again before it begins changes nothing."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self.turn:
                await self.cycle()

    async def tick(self) -> None:
        """Ask for cycles until cancelled, so that what the log refused is tried again."""
        while True:
            self.wake()
            await asyncio.sleep(TICK_S)

    async def cycle(self) -> None:
        """Decide once, store the snapshot, and append every placement.

        A place is reserved before the append, so that no later cycle assigns it again. If another writer changed the
        job meanwhile, the view shows the result. Placements without a confirmation wait again. A process that does not
        lead decides nothing, and one that leads no longer appends nothing of what it decided.
        """
        if (term := self._term()) is None:
            return
        snapshot = self._state.snapshot(self._clock.now(), CYCLE_LIMIT)
        if snapshot is None:
            return
        places = plan(self._state.policy, snapshot).places
        if not places:
            return
        jobs = [self._state.job(place.job) for place in places]
        for place in places:
            self._state.reserve(place.job, place.backend, place.session)
        settled = await self._append_all(jobs, places, snapshot, term)
        for place, known in zip(places, settled, strict=True):
            if not known:
                self._state.release(place.job)
        if all(settled) and self._state.waiting:
            self.wake()
        if self._shadows is not None:
            self._shadows.observe(snapshot, places)

    async def _append_all(
        self, jobs: Sequence[AcceptedJob], places: Sequence[Place], snapshot: Snapshot, term: int
    ) -> list[bool]:
        """Append the placements of one decision after storing its snapshot; return the result of `_append` for each."""
        try:
            private = len(snapshot.tenants) > 1
            decision = await self._decisions.keep(encode(snapshot), private=private, copies=len(places))
        except Unavailable as error:
            _log.warning("%d jobs wait on, because the decision about them cannot be kept: %s", len(places), error)
            return [False] * len(places)
        return await asyncio.gather(
            *(self._append(job, place, decision, term) for job, place in zip(jobs, places, strict=True))
        )

    async def _append(self, job: AcceptedJob, place: Place, decision: Payload, term: int) -> bool:
        """Append one placement; return whether the view will show the result."""
        tenant, name = job.key
        with self._tracing.span("scheduler place", job.traceparent, whose(tenant, name)):
            try:
                await self._place(job, _placed(job, place, self._state.policy.name, decision, term))
            except Superseded as moved:
                _log.info("%s", moved)
            except Malformed as error:
                _log.error("%s of %s waits for a person: its history cannot be followed: %s", name, tenant, error)
                self._state.forget(job.key)
            except (Stale, Unavailable) as error:
                _log.warning("%s of %s waits on: %s", name, tenant, error)
                return False
        return True

    async def _place(self, job: AcceptedJob, placed: JobPlaced) -> None:
        """Append a placement; repeated submissions before it do no harm.

        Raises:
            Superseded: the job has another place, has started, or ended.
            Unavailable: the log did not confirm, or this process no longer leads in the term of the placement.
            Malformed: its history holds what is no event, or an end before its acceptance: no later event will free
                its place.
        """
        tenant, name = job.key
        history, after = job_aggregate(tenant, name), job.after
        for _ in range(_TRIES):
            if self._term() != placed.data.term:
                raise Unavailable("another scheduler leads")
            try:
                await self._log.append(placed, after=after, guard=history.everything)
            except Stale:
                past = await self._log.history(history, reaching=after + 1)
                if any(isinstance(it.event, Ended) and it.sequence < job.after for it in past):
                    raise Malformed("it was accepted after it had ended") from None
                if any(it.sequence > job.after and not isinstance(it.event, _UNDECIDING) for it in past):
                    raise Superseded(f"{name} of {tenant} was moved by another writer") from None
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
        for accepted, position, reason in self._reasons(tenant, backends):
            name = accepted.job.job
            if question.job in (None, name) and question.project in (None, accepted.project):
                waiting_ms = max(0, now_us - accepted.job.accepted_us) // 1000
                about = {"job": name, "project": accepted.project, "waiting_ms": waiting_ms}
                rows.append({**about, "position": position, "reason": reason})
            if len(rows) == min(question.limit, _MAX_ROWS):
                break
        return Answer(rows=tuple(rows))

    def _reasons(self, tenant: str, backends: Mapping[str, BackendCapacity]) -> Iterator[tuple[AcceptedJob, int, str]]:
        at_us = micros(self._clock.now())
        for ahead, accepted in enumerate(self._state.waiting_of(tenant)):
            found = (
                why_waiting(accepted.job, backends, at_us, self._state.placed_in_class(accepted.job))
                if accepted.job.candidates
                else _below(accepted)
            )
            reason = _with_exclusions(found, accepted, backends)
            yield accepted, ahead + 1, f"{reason}; {_ahead(ahead)}" if ahead else reason
        for it, ahead in self._state.placed_of(tenant):
            if (backend := backends.get(it.backend)) is not None:
                started = it.started_at is not None
                why = why_placed(backend, ahead, confirmed=it.confirmed, started=started)
                if why is not None:
                    yield it.accepted, ahead + 1, why


def _with_exclusions(reason: str, accepted: AcceptedJob, backends: Mapping[str, BackendCapacity]) -> str:
    """The reason, and which backends of the fallback cannot help, if the job needs them."""
    needed = accepted.no_fallback and due_us(accepted.job, backends) is not None
    return f"{reason}; not on its fallback: {'; '.join(accepted.no_fallback)}" if needed else reason


def _below(accepted: AcceptedJob) -> str:
    """Why a job has no candidate: its backends have less than it demands under their newest calibrations."""
    found = ", ".join(f"{it.backend} has {probability(it.esp_ppm)}" for it in accepted.below)
    least = probability(accepted.least_esp_ppm or 0)
    return f"no backend has the fidelity that it demands, {least}: {found}; it waits for a better calibration"


def _ahead(count: int) -> str:
    return "1 job of yours is ahead" if count == 1 else f"{count} jobs of yours are ahead"


def _placed(accepted: AcceptedJob, place: Place, policy: str, decision: Payload, term: int) -> JobPlaced:
    tenant, job = accepted.key
    return JobPlaced(
        # the same decision after the same history is the same event, however often it is tried
        id=event_id("placed", tenant, job, place.backend, str(accepted.after)),
        source="qb/scheduler",
        traceparent=current_traceparent(),
        provenanceid=accepted.provenanceid,
        data=Placement(
            tenant=tenant,
            project=accepted.project,
            job=job,
            backend=place.backend,
            shots=accepted.shots,
            circuit=accepted.circuit,
            seed=accepted.seed,
            qpu_us=accepted.candidate(place.backend).qpu_us,
            policy=policy,
            snapshot=decision.digest,
            decision=decision,
            scores=tuple(Score(backend=backend, expected_ms=due // 1000) for backend, due in place.scores),
            session=place.session,
            submitted_at=accepted.submitted_at,
            accepted_at=accepted.accepted_at,
            program=accepted.program,
            terms=accepted.terms(place.backend),
            workload_class=accepted.workload_class,
            fallback=accepted.fallback if place.fallback is None else _fallback(place.fallback),
            term=term,
        ),
    )


def _fallback(fell_back: FellBack) -> Fallback:
    return Fallback(instead_of=fell_back.instead_of, since=moment_of(fell_back.since_us))
