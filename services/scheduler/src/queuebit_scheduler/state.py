"""The scheduler's state, folded from the log.

It holds active jobs only. Of ended jobs two figures remain: the service of each tenant, and how long jobs of a size
take on a backend. A decision reserves its place here before the log confirms it; the fold of the same placement then
changes nothing. All rules are in `queuebit_scheduling.policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from queuebit_contracts.backend import BackendInterrupted, BackendRegistered, BackendRestored
from queuebit_contracts.catalog import Decoded
from queuebit_contracts.fleet import BackendIsolated, BackendReadmitted
from queuebit_contracts.job import Ended, JobAccepted, JobCompleted, JobPlaced, JobStarted, JobWithdrawn
from queuebit_contracts.reservation import (
    ReservationCancelled,
    ReservationEnded,
    ReservationReturned,
    ReservationStarted,
)
from queuebit_contracts.session import SessionClosed, SessionOpened
from queuebit_contracts.usage import QPU_TIME, quantities
from queuebit_scheduler.accounts import Accounts
from queuebit_scheduler.backends import Backends
from queuebit_scheduler.calendar import Calendar
from queuebit_scheduler.frozen import FrozenState
from queuebit_scheduler.jobs import AcceptedJob, Outstanding
from queuebit_scheduler.movable_jobs import MOST_ROWS, MovableJobs
from queuebit_scheduler.placed_lines import PlacedLines
from queuebit_scheduler.sessions import Sessions
from queuebit_scheduler.slot_jobs import SlotJobs
from queuebit_scheduler.tenants import Tenants
from queuebit_scheduling import (
    AGED_US,
    PERIOD_US,
    POLICY,
    PROBES,
    BackendCapacity,
    Candidate,
    CandidateGroup,
    Job,
    Key,
    Movable,
    Policy,
    Resource,
    RunTimes,
    Snapshot,
    Window,
    micros,
)

__all__ = ["Overdue", "State"]


@dataclass(frozen=True, slots=True)
class Overdue:
    """A job that has not started and can no longer be in time."""

    accepted: AcceptedJob
    deadline: datetime
    takes_us: int
    """How long its run is expected to take on the quickest of its candidates; 0 without one."""
    after: int
    """Sequence of the newest event about its place that the log has shown."""
    placed: str | None = None
    """The backend at which it waits, if it has one."""
    slot_is_over: bool = False
    """Whether the reservation in which it had to run is over, before its time too: it was given back or cancelled."""


class State:
    """Waiting jobs, placed jobs, and the service of every tenant."""

    def __init__(
        self, places_per_slot: int, policy: Policy = POLICY, period_us: int = PERIOD_US, aged_us: int = AGED_US
    ) -> None:
        self.policy = policy
        self.period_us = period_us
        """After which service received decays by a tenth."""
        self.aged_us = aged_us
        """After what time of waiting a job goes before the classes and priorities of its project."""
        self.calendar = Calendar()
        self._backends = Backends(places_per_slot)
        self._waiting = SlotJobs(policy, self.calendar, self._backends.out)
        self._outstanding: dict[Key, Outstanding] = {}
        self._movable = MovableJobs(policy)
        self._lines = PlacedLines()
        self._former: dict[Key, Outstanding] = {}
        """The places that jobs have until the log confirms others: behind jobs that go before them, or better ones."""
        self._tenants = Tenants(period_us)
        self._accounts = Accounts(period_us)
        self._sessions = Sessions(policy)
        self._run_times = RunTimes()
        self._with_deadline: set[Key] = set()

    @property
    def waiting(self) -> int:
        """Jobs without a place."""
        return len(self._waiting)

    @property
    def outstanding(self) -> int:
        """Jobs with a place that have not ended."""
        return len(self._outstanding)

    def evolve(self, event: Decoded, sequence: int, at: datetime) -> None:
        """Fold one event of the log, stored there `at`.

        Events of inactive jobs, and a repeated acceptance of an active job, change nothing.
        """
        self.calendar.take(event, sequence, at, self._author(event))
        match event:
            case JobAccepted() if not self._active((event.data.tenant, event.data.job)):
                self._tenants.weigh(event.data.tenant, event.data.share)
                self._accounts.weigh(event.data.tenant, event.data.project, event.data.project_weight or 1)
                self._waiting.add(self._sessions.prioritised(AcceptedJob.of(event, sequence), event.data.session))
                if event.data.reservation or (event.data.limits is not None and event.data.limits.deadline is not None):
                    self._with_deadline.add((event.data.tenant, event.data.job))
            case JobPlaced():
                self._placed(event, sequence)
            case JobStarted():
                if outstanding := self._shown((event.data.tenant, event.data.job), event.data.backend, sequence):
                    self._lines.start(outstanding, at)
            case JobWithdrawn(data=data):
                self._withdrawn((data.tenant, data.job), sequence)
            case BackendRegistered() | BackendInterrupted() | BackendRestored():
                self._backends.take(event)
                self.calendar.serves(self._backends[event.data.backend], at)
                self._waiting.serve()
            case BackendIsolated() | BackendReadmitted():
                self._backends.take_isolation(event, sequence)
                self.calendar.serves(self._backends[event.data.backend], at)
                self._waiting.serve()
                self._leave(at)
            case ReservationStarted() | ReservationReturned() | ReservationCancelled() | ReservationEnded():
                self._waiting.arrange(event.data.tenant, event.data.reservation)
            case SessionOpened():
                self._count_sessions(self._sessions.opened(event.data))
            case SessionClosed():
                self._close(event.data.tenant, event.data.session)
            case _ if isinstance(event, Ended):
                self._ended((event.data.tenant, event.data.job), at, event if isinstance(event, JobCompleted) else None)

    def _author(self, event: Decoded) -> str | None:
        """Who submitted the job of a placement, while it is active."""
        key = (event.data.tenant, event.data.job) if isinstance(event, JobPlaced) else None
        return self.job(key).job.user if key is not None and self._active(key) else None

    def job(self, key: Key) -> AcceptedJob:
        """An active job."""
        return self._waiting[key] if key in self._waiting else self._outstanding[key].left()

    def placed_in_class(self, job: Job) -> int:
        """How many placed jobs of its class the user of a job has; 0 for a class without a limit."""
        return self._accounts.placed_with(job)

    def slot_awaited(self, accepted: AcceptedJob) -> str | None:
        """The reservation for which a job waits, in words; None if its slot has begun, or it names none."""
        name = accepted.reservation
        if name is None or self.calendar.is_in_force(accepted.job.tenant, name):
            return None
        if (slot := self.calendar.slot(accepted.job.tenant, name)) is None or slot.returned is not None:
            return f"reservation {name} is over, so that it expires"
        return f"it runs in reservation {name}, which begins at {slot.reservation.starts_at:%Y-%m-%d %H:%M:%S} UTC"

    def waiting_of(self, tenant: str) -> list[AcceptedJob]:
        """A tenant's jobs without a place, the next first."""
        return self._waiting.of(tenant)

    def backends(self) -> dict[str, BackendCapacity]:
        """Every registered backend by name, with its windows."""
        known = sorted(self._backends.registered(), key=lambda it: it.name)
        return {it.name: self.calendar.with_windows(it) for it in known}

    def snapshot(self, at: datetime, limit: int, *, spot: bool = False) -> Snapshot | None:
        """The snapshot of a cycle; None while no job can be placed or moved.

        Args:
            at: the moment of the decision.
            limit: the most placements of the cycle.
            spot: whether it has the spot jobs, which are decided when no other job is placed.
        """
        if spot and not self._waiting.has_spot:
            return None
        free = any(self.policy.free(it, first=True, tenant=PROBES) for it in self._backends.registered())
        movable = () if spot else self._movable.rows(self._waiting.first_of, self._load_us)
        improvable = () if spot or not free else self._improvable(at, MOST_ROWS - len(movable))
        if not improvable and not (self._waiting and (free or movable)):
            return None  # so it is after most events while the platform is full
        movable = tuple({it.job.key: it for it in (*movable, *improvable)}.values())
        groups = self._waiting.groups(spot=spot)
        tenants, kinds = {first.tenant for first, _ in groups.values()}, self._backends.kinds()
        several = kinds if len(kinds) > 1 else {}
        world = Snapshot(
            policy=self.policy.name,
            at_us=micros(at),
            limit=limit,
            backends=tuple(
                it if not several else replace(it, kind=self._backends.kind(it.name)) for it in self._seen(at)
            ),
            tenants=tuple(self._tenants[name] for name in tenants),
            period_us=self.period_us,
            resources=tuple(Resource(*it) for it in several.items()),
            accounts=self._accounts.of_tenants(tenants, kinds),
            placed=self._accounts.placed(),
            movable=movable,
            aged_us=self.aged_us,
        )
        shown = self.policy.shown(world, groups, lambda jobs: self._accounts.within(jobs, kinds))
        if not shown and not improvable:
            return None
        excerpts = tuple(
            CandidateGroup(tuple(self._waiting.first(group, count)), waiting=groups[group][1])
            for group, count in shown.items()
        )
        owners = {it.jobs[0].tenant for it in excerpts}
        movable = tuple(it for it in movable if it.job.spot or it.ahead_us is not None or it.job.tenant in owners)
        jobs = (*(job for group in excerpts for job in group.jobs), *(it.job for it in movable))
        compared = (first for first, _ in groups.values() if first.tenant in owners)
        return world.showing(excerpts, self._run_times.about(jobs), self._accounts.within(compared, kinds), movable)

    def _improvable(self, at: datetime, most: int) -> tuple[Movable, ...]:
        """The placed jobs that would be moved if no job waited, so many at most."""
        at_us = micros(at)
        backends = {it.name: it for it in self._seen(at)}
        free = (it for it in backends.values() if self.policy.free(it))
        waits_us = {it.name: max(it.queue_us, it.backlog_us // it.slots) for it in free}
        rows = self._lines.rows(backends, waits_us, self._held_us, at)
        if not rows:
            return ()
        known = self._run_times.about(it.job for it in rows)
        world = Snapshot(self.policy.name, at_us, 1, tuple(backends.values()), run_times=known, movable=rows)
        moved = {it.job.key for it in self.policy.improvable(world)}
        return tuple(it for it in rows if it.job.key in moved)[:most]

    def _seen(self, at: datetime) -> list[BackendCapacity]:
        """The registered backends as a decision sees them: with windows, and the time that late runs still take."""
        late_us, at_us = self._lines.late_us(self.policy, self._held_us, at), micros(at)
        known = (self.calendar.with_windows(it, at_us) for it in self._backends.registered())
        return [it.with_jobs(0, late_us[it.name]) if it.name in late_us else it for it in known]

    def answering(self) -> list[str]:
        """The backends that promised to answer."""
        return sorted(self._backends.answering)

    @property
    def interrupted(self) -> Mapping[str, datetime]:
        """The backends that are out of service, and since when."""
        return self._backends.interrupted

    def silence(self, since: Mapping[str, datetime], at: datetime) -> bool:
        """Note which backends do not answer, and queue the jobs that the policy takes from them.

        A job that has started there stays: its executor may still run it, and no job runs twice. If the executor starts
        a queued job after all, the job returns to its place when the view shows it.

        Args:
            since: by backend, since when it does not answer.
            at: now, which decides whether a job may run on its fallback.

        Returns:
            Whether anything changed that a cycle may act on.
        """
        changed = self._backends.silence(since)
        return self._leave(at) or changed

    def queue(self, waits_us: Mapping[str, int]) -> bool:
        """Note how long a new job is expected to wait in the queue of each vendor; return whether anything changed."""
        return self._backends.queue(waits_us)

    @property
    def isolated(self) -> Mapping[str, tuple[datetime, int]]:
        """The backends that are isolated: since when, and the sequence of the fact."""
        return self._backends.isolated

    def isolate(self, backend: str, since: datetime, sequence: int) -> None:
        """Note that this process appended that a backend is isolated, and queue the jobs that the policy takes from it.

        The next decision must not place there, and the view may not have shown the fact yet.
        """
        self._backends.isolate(backend, since, sequence)
        self._waiting.serve()
        self._leave(since)

    def take_back(self, keys: Iterable[Key]) -> bool:
        """Queue placed jobs again that have not started and will not; return whether there was any."""
        known = [it for it in map(self._outstanding.get, keys) if it is not None]
        late = [it.accepted.key for it in known if it.confirmed and it.started_at is None]
        for key in late:
            self._waiting.add(self._free(key).left())
        return bool(late)

    def placed_of(self, tenant: str) -> list[tuple[Outstanding, int]]:
        """A tenant's jobs with a place, oldest placement first, and how many jobs were placed there before each."""
        ahead: dict[str, int] = {}
        found = []
        for it in sorted(self._outstanding.values(), key=lambda it: it.after):
            if it.accepted.job.tenant == tenant:
                found.append((it, ahead.get(it.backend, 0)))
            ahead[it.backend] = ahead.get(it.backend, 0) + 1
        return found

    def reserve(self, key: Key, backend: str, session: str | None = None) -> None:
        """Reserve a place for a waiting job, whose run counts for a session or for none."""
        accepted = self._waiting.pop(key)
        placed = Outstanding(accepted, backend, 0, accepted.after, session)
        self._hold(replace(placed, expected_us=self._held_us(placed)))

    def move(self, key: Key, backend: str) -> None:
        """Reserve another place for a placed job; its former place is kept until the log confirms it."""
        former = self._former[key] = self._free(key)
        accepted = former.accepted
        expected_us = self._holds_us(accepted.job, accepted.candidate(backend))
        self._hold(Outstanding(accepted, backend, expected_us, former.after))

    def release(self, key: Key) -> None:
        """Release a place that the log has not confirmed; the job waits again, in its old position or former place."""
        outstanding = self._outstanding.get(key)
        if outstanding is None or outstanding.confirmed:
            return
        self._free(key)
        if (former := self._former.pop(key, None)) is None:
            self._waiting.add(outstanding.left())
            return
        former.accepted = outstanding.accepted
        self._hold(former)
        if self._may_move(former):
            self._waiting.add(self._free(key).left())

    def rescore(self, key: Key, backend: str, esp_ppm: int) -> bool:
        """Note another success probability of an active job's candidate; say whether that changed anything."""
        accepted = self.job(key) if self._active(key) else None
        rescored = accepted.rescored(backend, esp_ppm) if accepted else None
        if rescored is not None and key in self._waiting:
            rescored = rescored.while_out(self._backends.out())
        if rescored is None or rescored == accepted:
            return False
        if (outstanding := self._outstanding.get(key)) is not None:
            outstanding.accepted = rescored
            if self._may_move(outstanding):
                self._waiting.add(self._free(key).left())
        else:
            self._waiting.pop(key)
            self._waiting.add(rescored)
        return True

    def stranded(self) -> list[Outstanding]:
        """Jobs that have not started, on a backend with less than they demand, and with no other candidate."""
        return [it for it in self._outstanding.values() if self._falls_short(it) and not it.accepted.job.candidates]

    def before_windows(self, at: datetime) -> list[tuple[Outstanding, Window]]:
        """Jobs that have not started, and cannot end before a window of others that was planned after their placement.

        A placement that says by when it must start is left to its executor, and a job that the next cycle moves to it.
        """
        backends = {it.name: self.calendar.with_windows(it, micros(at)) for it in self._backends.registered()}
        found = [
            (it, window)
            for it, window in self._lines.before_windows(backends, self._held_us, at)
            if not self.calendar.is_kept_from(it.accepted.key, window)
        ]
        moved = {it.job.key for it in self._improvable(at, MOST_ROWS)} if found and not self._waiting else set()
        return [(it, window) for it, window in found if it.accepted.key not in moved]

    def overdue(self, at: datetime) -> list[Overdue]:
        """Jobs that have not started, and whose runs would end after their deadlines or slots if they began `at`."""
        found = []
        for key in sorted(self._with_deadline):
            outstanding = self._outstanding.get(key)
            if outstanding is not None and (outstanding.started_at is not None or not outstanding.confirmed):
                continue
            accepted = self.job(key)
            takes_us = min((self._expected_us(accepted.job, it) for it in accepted.job.candidates), default=0)
            over = accepted.reservation is not None and self.calendar.is_over(key[0], accepted.reservation)
            over = over and outstanding is None  # what was placed in a slot that is given back may still start
            late = accepted.deadline is not None and micros(at) + takes_us > micros(accepted.deadline)
            if late or over:
                placed = outstanding.backend if outstanding else None
                deadline = accepted.deadline or at
                found.append(Overdue(accepted, deadline, takes_us, accepted.after, placed, slot_is_over=over))
        return found

    def forget(self, key: Key) -> None:
        """Drop a job that cannot be placed, and free its place."""
        self._former.pop(key, None)
        if key in self._outstanding:
            self._free(key)

    def freeze(self) -> FrozenState:
        """Copy what the log says: a job with a place that the log has not confirmed waits."""
        waiting, placed = [*self._waiting], []
        for key, it in self._outstanding.items():
            if it.confirmed:
                placed.append(replace(it))
            elif (former := self._former.get(key)) is not None:
                placed.append(replace(former, accepted=it.accepted))
            else:
                waiting.append(it.left())
        slots = {it.name: (it.slots, self._backends.kind(it.name)) for it in self._backends.registered()}
        sessions, owed = self._sessions.freeze()
        served, weights = self._accounts.freeze()
        return FrozenState(
            period_us=self.period_us,
            slots=slots,
            answering={*self._backends.answering},
            interrupted=self._backends.interrupted,
            isolated=self._backends.isolated,
            tenants=self._tenants.all(),
            run_times=self._run_times.all(),
            sessions=sessions,
            owed=owed,
            served=served,
            weights=weights,
            waiting=tuple(waiting),
            placed=tuple(placed),
        )

    def restore(self, frozen: FrozenState) -> None:
        """Become what was frozen; the state is empty before."""
        self._backends.restore(frozen.slots, frozen.answering, frozen.interrupted, frozen.isolated)
        self._tenants.restore(frozen.tenants)
        self._accounts.restore(frozen.served, frozen.weights)
        self._run_times.restore(frozen.run_times)
        self._sessions.restore(frozen.sessions, frozen.owed)
        for backend in {*frozen.owed, *(it[2] for it in frozen.sessions)}:
            self._count_sessions(backend)
        for accepted in frozen.waiting:
            self._waiting.add(accepted)
        for outstanding in frozen.placed:
            self._hold(outstanding)
        jobs = (*frozen.waiting, *(it.accepted for it in frozen.placed))
        self._with_deadline = {it.key for it in jobs if it.deadline is not None or it.reservation is not None}

    def _leave(self, at: datetime) -> bool:
        """Queue the jobs that the policy takes from their backends now; return whether there are any."""
        backends, at_us = self.backends(), micros(at)
        stranded = [key for key, it in self._outstanding.items() if self._may_leave(it, backends, at_us)]
        for key in stranded:
            self._waiting.add(self._free(key).left())
        return bool(stranded)

    def _active(self, key: Key) -> bool:
        return key in self._waiting or key in self._outstanding

    def _close(self, tenant: str, session: str) -> None:
        """A session closed: its jobs take their turns as all others."""
        backend = self._sessions.closed(tenant, session)
        if backend is None:
            return
        self._count_sessions(backend)
        for accepted in [it for it in self._waiting if it.is_of(tenant, session)]:
            self._waiting.pop(accepted.key)
            self._waiting.add(accepted.prioritised(None))
        for it in self._outstanding.values():
            if it.accepted.is_of(tenant, session):
                it.accepted = it.accepted.prioritised(None)

    def _count_sessions(self, backend: str | None) -> None:
        """Note how many sessions a backend has, and what it owes."""
        if backend is not None:
            owed_us, sessions = self._sessions.owed_us(backend), self._sessions.on(backend)
            self._backends[backend] = replace(self._backends[backend], owed_us=owed_us, sessions=sessions)

    def _placed(self, event: JobPlaced, sequence: int) -> None:
        """The log shows a placement; a place that is reserved with another session is replaced."""
        key, data = (event.data.tenant, event.data.job), event.data
        known = self._outstanding.get(key)
        if known is not None and (known.backend, known.session) != (data.backend, data.session):
            self._waiting.add(self._free(key).left())
        if key in self._waiting:
            self.reserve(key, data.backend, data.session)
        shown = self._shown(key, data.backend, sequence)
        if shown is not None and data.preempted is not None:
            shown.accepted = shown.accepted.moved()
        if shown is not None and data.moved is not None:
            shown.accepted = shown.accepted.leaving(data.moved.left, sequence)
        if shown is not None and self._may_move(shown):  # a calibration came while the placement was appended
            self._waiting.add(self._free(key).left())

    def _shown(self, key: Key, backend: str, sequence: int) -> Outstanding | None:
        """The log shows an active job on a backend; this overrides any reserved place."""
        outstanding = self._outstanding.get(key)
        if outstanding is not None and outstanding.backend != backend:
            self._waiting.add(self._free(key).left())
        if key in self._waiting:
            self.reserve(key, backend)
        if (shown := self._outstanding.get(key)) is not None:
            shown.confirmed, shown.after = True, sequence
            self._former.pop(key, None)
        return shown

    def _may_leave(self, it: Outstanding, backends: Mapping[str, BackendCapacity], at_us: int) -> bool:
        """Whether a job that has not started is decided again, as the policy says; no job runs twice."""
        if it.started_at is not None or not it.confirmed:
            return False
        return self.policy.leaves(it.accepted.job, it.backend, backends, at_us)

    def _falls_short(self, it: Outstanding) -> bool:
        """Whether a job that has not started waits on a backend with less than it demands."""
        waits = it.started_at is None and it.confirmed
        return waits and any(it.backend == low.backend for low in it.accepted.below)

    def _may_move(self, it: Outstanding) -> bool:
        """Whether it falls short there, and may go to another backend: the placement there ends the one here."""
        return self._falls_short(it) and bool(it.accepted.job.candidates)

    def _withdrawn(self, key: Key, sequence: int) -> None:
        """The log shows that a job has no place any more; its next placement expects this."""
        self._former.pop(key, None)
        if (outstanding := self._outstanding.get(key)) is not None:
            outstanding.after = sequence
            self._waiting.add(self._free(key).left())
        elif key in self._waiting:
            self._waiting.add(replace(self._waiting.pop(key), after=sequence))

    def _expected_us(self, job: Job, candidate: Candidate) -> int:
        """How long a run on a candidate takes, by what was promised and what was observed."""
        learned_us = self._run_times.known_us(candidate.backend, job.size)
        return self.policy.expected_us(candidate.qpu_us, learned_us)

    def _holds_us(self, job: Job, candidate: Candidate) -> int:
        """How long a job holds its slot: while it waits in the queue of the vendor, too."""
        return self._expected_us(job, candidate) + self._backends[candidate.backend].queue_us

    def _held_us(self, it: Outstanding) -> int:
        """How long a placed job holds its slot, by what is known now; also on a backend that is no candidate."""
        known = (candidate for candidate in it.accepted.everywhere if candidate.backend == it.backend)
        return self._holds_us(it.accepted.job, next(known, None) or Candidate(it.backend, 1, 0, 0))

    def _ended(self, key: Key, at: datetime, completed: JobCompleted | None) -> None:
        self._with_deadline.discard(key)
        self._former.pop(key, None)
        if key in self._waiting:
            self._waiting.pop(key)
        elif key in self._outstanding and (ended := self._free(key)).started_at is not None:
            together = completed.data.shared.circuits if completed is not None and completed.data.shared else 1
            job, ran_us = ended.accepted.job, max(1, (micros(at) - micros(ended.started_at)) // together)
            self._tenants.receive(job.tenant, ran_us, at)
            self._accounts.receive(job, self._backends.kind(ended.backend), ran_us, at)
            if self._sessions.ran(ended.backend, ran_us, ended.session):
                self._count_sessions(ended.backend)
            if completed is not None:  # only complete runs count for durations
                self._run_times.learn(ended.backend, job.size, self._run_us(completed, ran_us))

    def _run_us(self, completed: JobCompleted, ran_us: int) -> int:
        """How long a job ran; where its vendor reports its queue, without the time in it, if the usage says so."""
        if completed.data.backend not in self._backends.queueing:
            return ran_us
        return int(quantities(completed.data.usage).get(QPU_TIME) or ran_us)

    def _load_us(self, backend: str) -> int:
        """How long the placed jobs of a backend take."""
        return self._backends[backend].backlog_us // max(1, self._backends[backend].slots)

    def _hold(self, it: Outstanding) -> None:
        self._outstanding[it.accepted.key] = it
        self._movable.add(it, self._backends[it.backend].slots)
        self._lines.add(it)
        self._take(it, 1)

    def _free(self, key: Key) -> Outstanding:
        outstanding = self._outstanding.pop(key)
        self._movable.remove(key)
        self._lines.remove(outstanding)
        self._take(outstanding, -1)
        return outstanding

    def _take(self, it: Outstanding, places: int) -> None:
        backend, expected_us = it.backend, places * it.expected_us
        self._backends[backend] = self._backends[backend].with_jobs(places, expected_us)
        self._tenants.expect(it.accepted.job.tenant, expected_us)
        self._accounts.expect(it.accepted.job, self._backends.kind(backend), expected_us, places)
        if it.session is not None:
            self._sessions.expect(backend, expected_us)
            self._count_sessions(backend)
