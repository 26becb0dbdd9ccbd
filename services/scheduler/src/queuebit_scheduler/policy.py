"""Who is next, and where: weighted fair share over tenants, the cheapest backend and then the soonest.

Everything is decided from a frozen snapshot in integers and fractions, and every tie has a named rule.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from queuebit_scheduler.snapshot import Backend, Key, Option, Snapshot, Tenant, Waiting
from queuebit_scheduler.usage import period_of

__all__ = ["POLICY", "Hold", "Place", "Plan", "plan", "unanswered", "why_placed", "why_waiting"]

POLICY = "fair-share/2"
"""Name and version of these rules; it changes whenever a snapshot could be decided otherwise."""


@dataclass(frozen=True, slots=True)
class Place:
    """Give the job to the backend."""

    job: Key
    backend: str
    expected_us: int
    """How long it is expected to run there."""
    scores: tuple[tuple[str, int], ...]
    """Expected completion in microseconds on each registered candidate, soonest first."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Leave the job where it is, for a reason."""

    job: Key
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One cycle's decisions, in the order they were made."""

    decisions: tuple[Place | Hold, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(it for it in self.decisions if isinstance(it, Place))


def plan(snapshot: Snapshot) -> Plan:
    """Decide one scheduling cycle.

    1. A job can be placed while one of its candidates is registered, answers and has a free place. Others are held, and
       block nobody: places only fill up during a cycle, so a job that was held once stays held.
    2. Of the tenants with such a job, the lowest (usage + cost) / share is next; ties: tenant name. It offers its
       oldest such job. Usage is service received, partly forgotten, plus the expected run time of what is outstanding.
       Cost is the job's least expected run time less the time it has waited, so that no job is too large for ever.
    3. The job goes to the cheapest free candidate; ties: least expected completion, then higher estimated success
       probability, then backend name.
    4. It takes its place at once: the next decision sees it. Back to 2, up to the limit of the cycle, or until a job
       was placed behind which more were left out of the snapshot.
    5. What is left is held with its reason.
    """
    rooms = {backend.name: _Room(backend, backend.free, backend.backlog_us) for backend in snapshot.backends}
    queues: dict[str, deque[Waiting]] = {tenant.name: deque() for tenant in snapshot.tenants}
    for job in snapshot.waiting:
        queues[job.tenant].append(job)
    turns = [_Turn(tenant, queues[tenant.name], snapshot.at_us) for tenant in snapshot.tenants]

    places: list[Place] = []
    while len(places) < snapshot.limit and (ready := [turn for turn in turns if turn.advance(rooms)]):
        turn = min(ready, key=lambda it: (it.rank(), it.tenant.name))
        job = turn.queue.popleft()
        place = _choose(job, rooms)
        turn.usage_us += place.expected_us
        places.append(place)
        if job.more:
            break

    placed = {place.job for place in places}
    seats = {backend.name: backend for backend in snapshot.backends}
    holds = (Hold(it.key, why_waiting((o.backend for o in it.options), seats)) for it in snapshot.waiting)
    return Plan((*places, *(hold for hold in holds if hold.job not in placed)))


def why_waiting(candidates: Iterable[str], backends: Mapping[str, Backend]) -> str:
    """Say in words why a job with these candidates has no place yet."""
    names = sorted(candidates)
    registered = [backends[name] for name in names if name in backends]
    if not registered:
        absent = f"{names[0]} has not" if len(names) == 1 else f"none of {', '.join(names)} has"
        return f"{absent} registered yet: see whether its executor runs"
    if any(backend.free for backend in registered):
        return "its turn has not come yet"
    silent = [unanswered(backend) for backend in registered if backend.silent_since]
    full = [backend for backend in registered if not backend.silent_since]
    if not full:
        return f"{' and '.join(silent)}: see in `qb status` whether its executor is up"
    taken = [f"all {backend.places} places on {backend.name}" for backend in full]
    return "; ".join((f"{' and '.join(taken)} are taken", *silent))


def why_placed(backend: Backend, ahead: int, *, confirmed: bool, started: bool) -> str | None:
    """Say in words why a job that has a place does not run, or None if it does.

    Args:
        backend: where its place is.
        ahead: jobs that were placed there before it and have not ended.
        confirmed: whether the log has shown its placement.
        started: whether a worker took it.
    """
    if backend.silent_since:
        state = f"it was started on {backend.name}" if started else f"it is placed on {backend.name}"
        return f"{state}, and {unanswered(backend)}: it goes on when its executor is up, see `qb status`"
    if started:
        return None
    if not confirmed:
        return f"it is about to be placed on {backend.name}"
    slots = "its slot" if backend.slots == 1 else f"one of its {backend.slots} slots"
    behind = f"; {ahead} jobs were placed there before it" if ahead > 1 else "; 1 job was placed there before it"
    return f"it is placed on {backend.name} and waits for {slots}{behind if ahead else ''}"


def unanswered(backend: Backend) -> str:
    """Say since when a backend is silent."""
    return f"{backend.name} has not answered since {backend.silent_since:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(slots=True)
class _Room:
    """A backend as the cycle fills it."""

    backend: Backend
    free: int
    backlog_us: int

    def completion_us(self, option: Option) -> int:
        """Expected time until the job ends: the slots share the backlog, rounded up; then its own run."""
        return -(-self.backlog_us // self.backend.slots) + option.expected_us


@dataclass(slots=True)
class _Turn:
    """A tenant, its jobs by age, and its usage as the cycle adds to it."""

    tenant: Tenant
    queue: deque[Waiting]
    at_us: int
    usage_us: int = field(init=False)

    def __post_init__(self) -> None:
        self.usage_us = self.tenant.served.at(period_of(self.at_us)).us + self.tenant.outstanding_us

    def advance(self, rooms: Mapping[str, _Room]) -> bool:
        """Move on to the oldest job that can be placed; say whether there is one."""
        while self.queue and not any(_free(option, rooms) for option in self.queue[0].options):
            self.queue.popleft()
        return bool(self.queue)

    def rank(self) -> Fraction:
        job = self.queue[0]
        cost_us = min(option.expected_us for option in job.options) - max(0, self.at_us - job.accepted_us)
        return Fraction(self.usage_us + max(0, cost_us), self.tenant.share)


def _free(option: Option, rooms: Mapping[str, _Room]) -> bool:
    return option.backend in rooms and rooms[option.backend].free > 0


def _choose(job: Waiting, rooms: Mapping[str, _Room]) -> Place:
    known = [(rooms[option.backend].completion_us(option), option) for option in job.options if option.backend in rooms]
    known.sort(key=lambda it: (it[0], -it[1].esp_ppm, it[1].backend))
    chosen = min((option for _, option in known if _free(option, rooms)), key=lambda it: it.cost_rank)
    rooms[chosen.backend].free -= 1
    rooms[chosen.backend].backlog_us += chosen.expected_us
    return Place(job.key, chosen.backend, chosen.expected_us, tuple((option.backend, due) for due, option in known))
