"""The scheduler's state of a job between acceptance and end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from sys import intern

from queuebit_contracts.job import Acceptance, Fallback, GateShots, JobAccepted, Terms
from queuebit_contracts.sharing import ANYONE, TENANT
from queuebit_contracts.wire import Amount, Payload
from queuebit_scheduling import Candidate, Job, Key, cost_ranks, micros, size_of

__all__ = ["AcceptedJob", "Outstanding"]

_IDEAL_PPM = 1_000_000

_MOST_SHARED_QUBITS = 10
"""Of a circuit beside others: a larger one leaves no room for them on most devices, and takes long to compute."""


@dataclass(frozen=True, slots=True)
class AcceptedJob:
    """A job that has not ended."""

    job: Job
    """The job as decisions see it."""
    after: int
    """Sequence of the newest event about its place: acceptance or placement. The next placement expects it."""
    accepted_at: datetime
    submitted_at: datetime
    shots: int
    circuit: str
    seed: int
    program: Payload | None
    """What to run, where it is small or stored; the scheduler only hands it on."""
    prices: Mapping[str, str]
    """Of each candidate."""
    price_book: str
    hold: Amount
    paid_shots: int
    """All shots that the hold pays for."""
    qubits: int
    provenanceid: str | None
    traceparent: str | None
    gate_shots: Mapping[str, GateShots] | None = None
    """Of the candidates whose price depends on them; None if that is no candidate."""
    tasks: Mapping[str, int] | None = None
    """Of the candidates whose vendor bills several; None if that is no candidate."""
    fallback: Fallback | None = None
    """The backends that its candidates stand in for, if it fell back at its admission."""
    no_fallback: tuple[str, ...] = ()
    """Why further backends of its project's fallback cannot run it."""
    least_esp_ppm: int | None = None
    """The least success probability that it demands."""
    deadline: datetime | None = None
    """When its result must be there."""
    shared_device: str | None = None
    """With whose circuits it may be on a device at the same time, if it is small and plain; None: with none."""
    calibration: Payload | None = None
    """The earlier calibration under which it is to run."""
    below: tuple[Candidate, ...] = ()
    """Backends that it could run on, and that have less than this under the newest calibration."""
    unused_fallback: tuple[Candidate, ...] = ()
    """Backends of its fallback, while all that it asked for have less than it demands and are in service: they stand in
    for backends that are out of service, and not for these."""
    reservation: str | None = None
    """The reservation in whose slot it runs, and nowhere else."""
    moves: int = 0
    """How often it lost a place to a job that goes before it."""
    left: tuple[str, ...] = ()
    """The backends that it was moved away from, because others became better for it."""
    erasable: bool = False
    """Whether its result is kept outside of events."""

    @property
    def key(self) -> Key:
        return self.job.key

    @property
    def project(self) -> str:
        """Each accepted job has one."""
        return self.job.project or ""

    @property
    def workload_class(self) -> str | None:
        return self.job.workload_class

    def candidate(self, backend: str) -> Candidate:
        """What was promised for one of the candidates."""
        return next(it for it in self.everywhere if it.backend == backend)

    @property
    def everywhere(self) -> tuple[Candidate, ...]:
        """All that admission allowed, with their newest success probabilities."""
        return *self.job.candidates, *self.below, *self.unused_fallback

    def rescored(self, backend: str, esp_ppm: int) -> AcceptedJob:
        """The same job with another success probability on a backend, which is a candidate if that is enough for it."""
        return self._sorted([replace(it, esp_ppm=esp_ppm) if it.backend == backend else it for it in self.everywhere])

    def while_out(self, out: Collection[str]) -> AcceptedJob:
        """The same job, which waits while these backends are out of service or isolated.

        If none of its own backends has what it demands, its fallback stands in for those of them that are out.
        """
        if self.least_esp_ppm is None:
            return self
        it = self._sorted(self.everywhere)
        gone = tuple(one for one in it.below if not one.fallback and one.backend in out)
        if not (gone and it.unused_fallback):
            return it
        candidates, below = (*gone, *it.unused_fallback), tuple(one for one in it.below if one not in gone)
        return replace(it, job=replace(it.job, candidates=candidates), below=below, unused_fallback=())

    def _sorted(self, known: Sequence[Candidate]) -> AcceptedJob:
        """The same job with these backends, by whether each has what it demands."""
        least = self.least_esp_ppm or 0
        candidates = tuple(it for it in known if it.esp_ppm >= least)
        below = tuple(it for it in known if it.esp_ppm < least)
        unused: tuple[Candidate, ...] = ()
        if any(not it.fallback for it in known) and all(it.fallback for it in candidates):
            candidates, unused = (), candidates
        return replace(self, job=replace(self.job, candidates=candidates), below=below, unused_fallback=unused)

    def moved(self) -> AcceptedJob:
        """The same job, which lost a place to a job that goes before it."""
        return replace(self, moves=self.moves + 1)

    def leaving(self, backend: str, after: int) -> AcceptedJob:
        """The same job, which was moved away from a backend by the event with this sequence."""
        return replace(self, left=(*self.left, backend), after=after)

    def is_of(self, tenant: str, session: str) -> bool:
        """Whether it has the priority of this session."""
        return self.job.session == session and self.job.tenant == tenant

    def prioritised(self, session: str | None) -> AcceptedJob:
        """The same job with the priority of a session, or of none."""
        return replace(self, job=replace(self.job, session=session))

    def terms(self, backend: str) -> Terms:
        """What was accepted for one of the candidates."""
        return Terms(
            project=self.project,
            price=self.prices[backend],
            price_book=self.price_book,
            hold=self.hold,
            shots=self.paid_shots,
            qpu_us=self.candidate(backend).qpu_us,
            qubits=self.qubits,
            gate_shots=self.gate_shots.get(backend) if self.gate_shots else None,
            tasks=self.tasks.get(backend) if self.tasks else None,
            erasable=self.erasable or None,
        )

    @classmethod
    def of(cls, event: JobAccepted, sequence: int) -> AcceptedJob:
        """The state after an acceptance."""
        data, rule = event.data, event.data.fallback
        paid_shots = data.profile.shots or data.shots
        job = Job(
            tenant=intern(data.tenant),
            job=data.job,
            sequence=sequence,
            accepted_us=micros(event.time),
            size=intern(size_of(data.profile.qubits, data.profile.depth, paid_shots)),
            candidates=_candidates(data),
            fallback_after_us=0 if rule is None or rule.decided else rule.after_s * 1_000_000,
            objective=intern(data.objective) if data.objective else None,
            project=intern(data.project),
            user=intern(data.user),
            workload_class=intern(data.workload_class) if data.workload_class else None,
            priority=data.priority or 0,
            spot=data.spot is True,
        )
        return cls(
            job=job,
            after=sequence,
            accepted_at=event.time,
            submitted_at=data.submitted_at,
            shots=data.shots,
            circuit=data.circuit,
            seed=data.seed,
            program=data.program,
            prices={intern(it.backend): intern(it.price) for it in data.everywhere},
            price_book=intern(data.price_book),
            hold=data.hold,
            paid_shots=paid_shots,
            qubits=data.profile.qubits,
            provenanceid=event.provenanceid,
            traceparent=event.traceparent,
            gate_shots={it.backend: it.gate_shots for it in data.everywhere if it.gate_shots is not None} or None,
            tasks={it.backend: it.tasks for it in data.everywhere if it.tasks is not None} or None,
            fallback=rule.decided if rule else None,
            no_fallback=tuple(it.text for it in rule.excluded) if rule else (),
            least_esp_ppm=data.limits.min_esp_ppm if data.limits else None,
            deadline=data.limits.deadline if data.limits else None,
            reservation=data.reservation,
            shared_device=_shared_device(data),
            calibration=data.calibration,
            erasable=data.erasable is True,
        )


@dataclass(slots=True)
class Outstanding:
    """A job that took a place and has not ended."""

    accepted: AcceptedJob
    backend: str
    expected_us: int
    after: int
    """Sequence of the newest event about its place that the log has shown."""
    session: str | None = None
    """The session with priority that its run counts for."""
    confirmed: bool = False
    """Whether the log has shown the placement."""
    started_at: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether it has a place that the log has shown, and has not started."""
        return self.confirmed and self.started_at is None

    def left(self) -> AcceptedJob:
        """The job without its place; its next placement expects what the log has shown."""
        return self.accepted if self.after == self.accepted.after else replace(self.accepted, after=self.after)


def _shared_device(data: Acceptance) -> str | None:
    """The consent of a small circuit without conditions, loops or resets; None for any other job."""
    plain = data.profile.items is None and not data.profile.features and data.profile.qubits <= _MOST_SHARED_QUBITS
    return data.shared_device if plain and data.shared_device in (TENANT, ANYONE) else None


def _candidates(data: Acceptance) -> tuple[Candidate, ...]:
    """All candidates with their places in the fallback. An ideal simulator counts as certain of success."""
    ranks = cost_ranks({it.backend: Decimal(it.hold) for it in data.everywhere})
    places = data.fallback_places
    return tuple(
        Candidate(
            backend=intern(it.backend),
            qpu_us=it.qpu_us,
            esp_ppm=_IDEAL_PPM if it.esp_ppm is None else it.esp_ppm,
            cost_rank=ranks[it.backend],
            fallback=places.get(it.backend, 0),
        )
        for it in data.everywhere
    )
