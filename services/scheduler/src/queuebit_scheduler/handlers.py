"""Places jobs, and explains why others wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from queuebit_contracts.job import Ended, JobPlaced
from queuebit_contracts.query import Answer, Question
from queuebit_contracts.subjects import job as job_aggregate
from queuebit_contracts.wire import Payload
from queuebit_kernel import Clock, Malformed, Stale, Superseded, Unavailable
from queuebit_planning.constraints import probability
from queuebit_runtime.log import EventLog, Guarded
from queuebit_runtime.tracing import OpenSpan, Tracing, whose
from queuebit_scheduler.cycle_gate import CycleGate
from queuebit_scheduler.jobs import AcceptedJob
from queuebit_scheduler.placements import placement
from queuebit_scheduler.ports import DecisionStore
from queuebit_scheduler.shadowing import ShadowPolicies
from queuebit_scheduler.state import State
from queuebit_scheduler.undecided import UNDECIDING
from queuebit_scheduling import (
    BackendCapacity,
    Place,
    Snapshot,
    due_us,
    encode,
    micros,
    plan,
    why_placed,
    why_waiting,
)

__all__ = ["AT_ONCE", "CYCLE_LIMIT", "TICK_S", "AnswerWaiting", "PlaceJobs"]

_log = logging.getLogger(__name__)

CYCLE_LIMIT = 32
"""The most placements of one cycle; limits the snapshot and the time of a cycle."""

AT_ONCE = 4
"""The most cycles whose placements wait for their confirmation at the same time."""

_ROUND = 24
"""From how many placements on a cycle appends them in one batch: a batch costs as much as so many single appends."""

TICK_S = 1.0
"""The longest time between two cycles: what the log refused is tried again."""

_TRIES = 5
"""How often one placement is tried again after another writer was first."""

_MAX_ROWS = 1000
"""The most rows of one answer, which must stay far below the largest message the bus carries."""


class _Cycle(NamedTuple):
    """A decision whose places are reserved."""

    snapshot: Snapshot
    places: Sequence[Place]
    jobs: Sequence[AcceptedJob]
    term: int


_Decided = tuple[AcceptedJob, Place]


def _together(decided: Iterable[_Decided]) -> Iterator[Sequence[_Decided]]:
    """Each placement of a waiting job, with those of the jobs that give way to it."""
    group: list[_Decided] = []
    for it in decided:
        if group and it[1].gave_way is None:
            yield group
            group = []
        group.append(it)
    if group:
        yield group


class PlaceJobs:
    """One cycle after another: as soon as the view shows something that lets a job be placed, and at every tick.

    While a cycle waits for the log, the next one begins only if enough jobs wait to fill it. So few jobs are placed at
    once, many are placed in full cycles, and the time of the log does not limit how many there are in a second.
    """

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
        self.turn = CycleGate()
        """Holds cycles back while something is appended between two of them."""

    def wake(self) -> None:
        """Ask for a cycle; asking again before it begins changes nothing."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._may_begin() and (cycle := self._decide()) is not None:
                    self.turn.begin()
                    group.create_task(self._confirm(cycle))
                    if self._may_begin():
                        self.wake()
                        await asyncio.sleep(0)  # the view and the confirmations have their turn

    def _may_begin(self) -> bool:
        is_free = not self.turn.open or (self.turn.open < AT_ONCE and self._state.waiting >= CYCLE_LIMIT)
        return is_free and not self.turn.is_closed

    async def _confirm(self, cycle: _Cycle) -> None:
        """Append what was decided; ask for the next cycle, unless the log refused something: then the tick asks."""
        try:
            settled = await self._append_all(cycle)
        finally:
            self.turn.end()
        if all(settled) and self._state.waiting:
            self.wake()

    async def tick(self) -> None:
        """Ask for cycles until cancelled, so that what the log refused is tried again."""
        while True:
            self.wake()
            await asyncio.sleep(TICK_S)

    async def cycle(self) -> None:
        """Decide once, store the snapshot, and append every placement."""
        if (cycle := self._decide()) is not None:
            await self._append_all(cycle)

    def _decide(self) -> _Cycle | None:
        """Decide once, and reserve the places, so that no later cycle assigns them again.

        A process that does not lead decides nothing.
        """
        if (term := self._term()) is None:
            return None
        snapshot, places = self._planned(spot=False)
        if snapshot is None or not places:
            snapshot, places = self._planned(spot=True)
        if snapshot is None or not places:
            return None
        jobs = [self._state.job(place.job) for place in places]
        for place in places:
            if place.again:
                self._state.move(place.job, place.backend)
            else:
                self._state.reserve(place.job, place.backend, place.session)
        return _Cycle(snapshot, places, jobs, term)

    def _planned(self, *, spot: bool) -> tuple[Snapshot | None, Sequence[Place]]:
        """Plan a cycle of spot jobs, or of all others."""
        snapshot = self._state.snapshot(self._clock.now(), CYCLE_LIMIT, spot=spot)
        return snapshot, () if snapshot is None else plan(self._state.policy, snapshot).places

    async def _append_all(self, cycle: _Cycle) -> list[bool]:
        """Store the snapshot, then append the placements; return the result of `_append` for each.

        If another writer changed a job meanwhile, the view shows the result. Placements without a confirmation wait
        again. A process that leads no longer appends nothing of what it decided.
        """
        settled = await self._appended(cycle)
        for place, known in zip(cycle.places, settled, strict=True):
            if not known:
                self._state.release(place.job)
        if self._shadows is not None:
            self._shadows.observe(cycle.snapshot, cycle.places)
        return settled

    async def _appended(self, cycle: _Cycle) -> list[bool]:
        snapshot, places = cycle.snapshot, cycle.places
        try:
            tenants = {it.name for it in snapshot.tenants} | {it.job.tenant for it in snapshot.movable}
            private = len(tenants) > 1
            decision = await self._decisions.keep(encode(snapshot), private=private, copies=len(places))
        except Unavailable as error:
            _log.warning("%d jobs wait on, because the decision about them cannot be kept: %s", len(places), error)
            return [False] * len(places)
        decided = [*zip(cycle.jobs, places, strict=True)]
        if len(places) >= _ROUND and await self._append_batch(decided, decision, cycle.term):
            return [True] * len(places)
        each = (self._append_together(it, decision, cycle.term) for it in _together(decided))
        return [it for settled in await asyncio.gather(*each) for it in settled]

    async def _append_together(self, decided: Sequence[_Decided], decision: Payload, term: int) -> list[bool]:
        """Append a placement and those of the jobs that give way to it; return whether the view will show each.

        A backend starts jobs in the order of their placements, so these are one batch. If one of the jobs that give way
        has started meanwhile, or ended, all of them keep their places.
        """
        (job, place), *others = decided
        if others and await self._append_batch(decided, decision, term):
            return [True] * len(decided)
        return [await self._append(job, place, decision, term), *(False for _ in others)]

    async def _append_batch(self, decided: Sequence[_Decided], decision: Payload, term: int) -> bool:
        """Append placements in one batch; return whether it was stored.

        If not, each is to be appended by itself: one job that another writer changed refuses the batch for all. If the
        batch was stored and its confirmation lost, the single appends find their own events.
        """
        facts = []
        with ExitStack() as spans:
            for job, place in decided:
                spans.enter_context(self._span(job))
                placed = placement(job, place, self._state.policy.name, decision, term)
                facts.append(Guarded(placed, job.after, job_aggregate(*job.key).everything))
            if self._term() != term:
                return False
            try:
                await self._log.append_all(facts)
            except (Stale, Unavailable, Malformed) as error:
                _log.info("%d placements are not appended in one batch: %s", len(facts), error)
                return False
        return True

    def _span(self, job: AcceptedJob) -> OpenSpan:
        return self._tracing.span("scheduler place", job.traceparent, whose(*job.key))

    async def _append(self, job: AcceptedJob, place: Place, decision: Payload, term: int) -> bool:
        """Append one placement; return whether the view will show the result."""
        tenant, name = job.key
        with self._span(job):
            try:
                await self._place(job, placement(job, place, self._state.policy.name, decision, term))
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
                if any(it.sequence > job.after and not isinstance(it.event, UNDECIDING) for it in past):
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
            found = self._state.slot_awaited(accepted) or (
                why_waiting(accepted.job, backends, at_us, self._state.placed_in_class(accepted.job))
                if accepted.job.candidates
                else _below(accepted)
            )
            reason = _with_exclusions(found, accepted, backends)
            yield accepted, ahead + 1, f"{reason}; {_ahead(ahead)}" if ahead else reason
        for it, ahead in self._state.placed_of(tenant):
            if (backend := backends.get(it.backend)) is not None:
                started = it.started_at is not None
                moves, left = it.accepted.moves, it.accepted.left
                why = why_placed(backend, ahead, confirmed=it.confirmed, started=started, moves=moves, left=left)
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
