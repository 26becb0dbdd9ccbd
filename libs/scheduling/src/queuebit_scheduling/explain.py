"""Explains a placement: recomputes its decision, and lists what was compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from pydantic import JsonValue

from queuebit_kernel import Fault, Malformed, rfc3339
from queuebit_scheduling.classes import is_late
from queuebit_scheduling.codec import decode
from queuebit_scheduling.objectives import AWAITED_FOR, AWAITING, BALANCE_US, OBJECTIVES
from queuebit_scheduling.plan import Choice, FellBack, GaveWay, Moved, Policy, Step, Target, Turn
from queuebit_scheduling.preemption import GAIN_US
from queuebit_scheduling.reasons import in_words, seconds_ahead, unavailable
from queuebit_scheduling.registry import POLICIES
from queuebit_scheduling.shares import LINE
from queuebit_scheduling.snapshot import BackendCapacity, Job, Key, Snapshot
from queuebit_scheduling.usage import moment_of
from queuebit_scheduling.windows import Window, obstacle

__all__ = ["Considered", "Contender", "Explanation", "Unexplained", "explain", "explain_stored"]

_ONLY = "only"
_MINUTES = BALANCE_US * 10_000 // 60_000_000
"""What a percentage point of success probability is worth to a balanced job."""

_WHY_CHOSEN = {
    _ONLY: "it was the only candidate with a free place",
    "fallback": "it comes first in the fallback, among its candidates with a free place",
    "cost": "it was the cheapest candidate with a free place",
    "completion": "it was expected to complete the job first, among the cheapest candidates with a free place",
    "success": "it had the highest estimated success probability, among candidates with equal cost and completion",
    "name": "its name is first in alphabetical order, among candidates that are otherwise equal",
}
_ONLY_BETTER = "it was the only candidate with a free place where the job ends sooner by five seconds or more"
_MADE_ROOM = "it was full, and placed jobs that have not started gave way"
_WHY_CHOSEN_BY = {
    "time": {
        "completion": "it was expected to complete the job first, among its candidates with a free place",
        "cost": "it was the cheapest, among candidates with equal completion",
        "success": "it had the highest estimated success probability, among candidates with equal completion and cost",
    },
    "fidelity": {
        "success": "it had the highest estimated success probability, among its candidates with a free place",
        "cost": "it was the cheapest, among candidates with equal success probability",
        "completion": "it was expected to complete the job first, among candidates with equal success probability and "
        "cost",
    },
    "balanced": {
        "balance": f"its expected completion, plus {_MINUTES} minutes for each percentage point of success probability "
        "below 100, was the least, among its candidates with a free place",
        "cost": "it was the cheapest, among candidates with equal balance of completion and success probability",
        "completion": "it was expected to complete the job first, among candidates with equal balance and cost",
    },
}
"""The sentences that differ with the objective of the job."""
_WHY_NOT = {
    "balance": "its completion and success probability together are worse",
    "fallback": "it comes later in the fallback",
    "cost": "it costs more",
    "completion": "it is expected to complete the job later",
    "success": "its estimated success probability is lower",
    "name": "it is equal otherwise, and its name is later in alphabetical order",
    "gain": "the job would not end sooner there by five seconds than where it waited",
}


_WHY_NEXT = {
    _ONLY: "it was the only job of its tenant that could be placed",
    "interactive": "jobs of the class interactive are next in their tenant",
    "project_share": "its project had received the least for its weight",
    "project_name": "the name of its project is first in alphabetical order, among projects that received the same",
    "aging": "it had waited so long that classes and priorities did not count",
    "class": "its class is before the others of its project",
    "priority": "its priority was the highest in its project and class",
    "user_share": "its user had received the least in the project",
    "user_name": "the name of its user is first in alphabetical order, among users that received the same",
    "order": "it was the oldest job of its user",
}
"""Why a job was the next one of its tenant."""


class Unexplained(Fault):
    """The decision of a placement cannot be recomputed."""

    code = "unexplained"


@dataclass(frozen=True, slots=True)
class Contender:
    """A tenant with a job that could have been placed."""

    tenant: str
    share: int
    usage_us: int
    cost_us: int
    rank_us: int
    """(usage + cost) / share, rounded down. The lowest is next; ties are broken by name."""


@dataclass(frozen=True, slots=True)
class Considered:
    """A candidate of the job at the time of the placement."""

    backend: str
    cost_rank: int
    """0 for the cheapest."""
    expected_us: int
    """Expected run time of the job."""
    completion_us: int | None
    """Expected time until the job ends there; None if it is unknown."""
    esp_ppm: int
    free: int
    reason: str
    """Why this candidate was not chosen; empty for the chosen one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of one placement."""

    tenant: str
    job: str
    backend: str
    policy: str
    at_us: int
    waited_us: int
    position: int
    """The number of the placement in its cycle, from 1."""
    waiting: Mapping[str, int]
    """The number of jobs that could be placed, by tenant."""
    contenders: tuple[Contender, ...]
    """Tenants in order of rank."""
    considered: tuple[Considered, ...]
    """The chosen candidate first, then the others by name."""
    rule: str
    """The first rule that prefers the chosen backend to the second best; `only` if there was no other."""
    decided: str
    """The rule as a sentence."""
    session: str | None = None
    """The session that gives the job priority."""
    runs_first: bool = False
    """Whether the job was placed for the priority of its session, and not in the turn of its tenant."""
    fallback: FellBack | None = None
    """The backends that the job asked for and that are out of service, if it was placed on its fallback."""
    objective: str | None = None
    """What the job prefers, if it says so."""
    turn: str | None = None
    """The first value of `shares.LINE` that prefers the job to the second of its tenant; `only` if there was no other;
    None if the policy does not compare these."""
    moved: tuple[Key, ...] = ()
    """The placed jobs that gave way to it, and were placed again behind it: of its tenant, and spot jobs of any."""
    gained_us: int = 0
    """How much sooner it is expected to start because of this."""
    gave_way: GaveWay | None = None
    """Set if this is the new place of a job that gave way; it then took no turn, so that there are no contenders."""
    improved: Moved | None = None
    """Set if this is the new place of a job that was moved because the backend became better for it; it took no turn
    either."""

    def document(self, viewer: str | None = None) -> dict[str, JsonValue]:
        """Return the explanation as JSON.

        Args:
            viewer: the tenant that reads it and sees ranks, but not names, of other tenants; None for the operator.
        """
        waiting = {name: count for name, count in self.waiting.items() if viewer in (None, name)}
        session: dict[str, JsonValue] = {"session": self.session, "runs_first": self.runs_first}
        return {
            "job": self.job,
            "backend": self.backend,
            "policy": self.policy,
            "at": rfc3339(moment_of(self.at_us)),
            "waited_ms": self.waited_us // 1000,
            "position": self.position,
            "waiting": {**waiting},
            "tenants": [_tenant_row(it, number, viewer) for number, it in enumerate(self.contenders, start=1)],
            "backends": [_backend_row(it, self.backend) for it in self.considered],
            "rule": self.rule,
            "decided": self.decided,
            **(session if self.session is not None else {}),
            **({} if self.fallback is None else _fallback(self.fallback)),
            **({} if self.objective is None else {"objective": self.objective}),
            **({} if self.turn is None else {"turn": self.turn, "next": _WHY_NEXT[self.turn]}),
            **({"moved": self._moved(viewer), "gained_ms": self.gained_us // 1000} if self.moved else {}),
            **({} if self.gave_way is None else {"gave_way": _gave_way(self.gave_way, viewer)}),
            **({} if self.improved is None else {"improved": _improved(self.improved)}),
        }

    def _moved(self, viewer: str | None) -> list[JsonValue]:
        """The jobs that gave way, as far as the viewer may know them."""
        return [job if viewer in (None, tenant) else "a spot job" for tenant, job in self.moved]


def explain(policy: Policy, snapshot: Snapshot, key: Key) -> Explanation | None:
    """Recompute the decisions of a cycle until the placement of a job; None if the snapshot does not place it.

    Args:
        policy: the policy that the snapshot names.
        snapshot: the inputs of the decision.
        key: tenant and id of the job.
    """
    for position, step in enumerate(policy.steps(snapshot), start=1):
        if step.place.job == key:
            return _explanation(policy, snapshot, step, position)
    return None


def explain_stored(content: bytes, key: Key, backend: str) -> Explanation:
    """Explain a placement from its stored snapshot.

    Raises:
        Unexplained: the decision cannot be recomputed, or does not place the job on this backend.
    """
    try:
        snapshot = decode(content)
    except Malformed as error:
        raise Unexplained(f"the stored snapshot cannot be read: {error}") from error
    policy = POLICIES.get(snapshot.policy)
    if policy is None:
        raise Unexplained(f"this version does not have the policy {snapshot.policy}")
    found = explain(policy, snapshot, key)
    if found is None or found.backend != backend:
        raise Unexplained("the recomputed decision differs from this placement: run `qb verify`")
    return found


def _fallback(it: FellBack) -> dict[str, JsonValue]:
    return {"instead_of": [*it.instead_of], "out_since": rfc3339(moment_of(it.since_us))}


def _gave_way(it: GaveWay, viewer: str | None) -> JsonValue:
    to: dict[str, JsonValue] = {"to": it.to[1]} if viewer in (None, it.to[0]) else {}
    return {**to, "rule": it.rule, "gained_ms": it.gained_us // 1000}


def _improved(it: Moved) -> JsonValue:
    return {"left": it.left, "gained_ms": it.gained_us // 1000}


def _tenant_row(it: Contender, number: int, viewer: str | None) -> JsonValue:
    if viewer not in (None, it.tenant):
        return {"tenant": f"other-{number}", "rank_us": it.rank_us}
    return {
        "tenant": it.tenant,
        "share": it.share,
        "usage_us": it.usage_us,
        "cost_us": it.cost_us,
        "rank_us": it.rank_us,
    }


def _backend_row(it: Considered, chosen: str) -> JsonValue:
    return {
        "backend": it.backend,
        "chosen": it.backend == chosen,
        "cost_rank": it.cost_rank,
        "expected_us": it.expected_us,
        "completion_us": it.completion_us,
        "esp_ppm": it.esp_ppm,
        "free": it.free,
        "reason": it.reason,
    }


def _explanation(policy: Policy, snapshot: Snapshot, step: Step, position: int) -> Explanation:
    job = _job(snapshot, step.place.job)
    chosen = next(it for it in step.targets if it.candidate.backend == step.place.backend)
    others = [it for it in step.targets if it is not chosen]
    choice, latest_us, left = policy.choice(job.objective), _latest_us(step, snapshot), _left(step, snapshot)
    rules = [
        _rule(choice, chosen, it)
        for it in others
        if it.free and it.completion_us <= latest_us and it.candidate.backend not in left
    ]
    names = [name for name, _ in choice]
    rule = max(rules, key=names.index, default=_ONLY)
    gave_way = step.place.gave_way or next((it.place.gave_way for it in step.moved), None)

    def why_not(other: Target) -> str:
        if why := left.get(other.candidate.backend):
            return why
        if other.free and other.completion_us > latest_us:
            return _WHY_NOT["completion" if step.place.moved is None else "gain"]
        return _why_not(choice, chosen, other, _obstacle(job, other, snapshot.at_us), late=is_late(job))

    return Explanation(
        tenant=job.tenant,
        job=job.job,
        backend=step.place.backend,
        policy=snapshot.policy,
        at_us=snapshot.at_us,
        waited_us=max(0, snapshot.at_us - job.accepted_us),
        position=position,
        waiting=_waiting(snapshot),
        contenders=tuple(map(_contender, sorted(step.turns, key=lambda it: (it.rank, it.tenant.name)))),
        considered=(
            _considered(chosen, ""),
            *(_considered(it, why_not(it)) for it in others),
        ),
        rule=rule,
        decided=_why_chosen(rule, job, step) if chosen.free else _MADE_ROOM,
        session=job.session,
        runs_first=step.session is not None,
        fallback=step.place.fallback,
        objective=job.objective,
        turn=_turn(step, job),
        moved=tuple(it.place.job for it in step.moved),
        gained_us=0 if gave_way is None else gave_way.gained_us,
        gave_way=step.place.gave_way,
        improved=step.place.moved,
    )


def _latest_us(step: Step, snapshot: Snapshot) -> float:
    """Return when a job that has a place ends at the latest on another backend; any other job: infinity."""
    here = next((it.backend for it in snapshot.movable if it.job.key == step.place.job), None)
    gain_us = GAIN_US if step.place.moved is not None else 0
    return next((it.completion_us - gain_us for it in step.targets if it.candidate.backend == here), inf)


def _left(step: Step, snapshot: Snapshot) -> dict[str, str]:
    """Return the backends to which a job is not moved, because it waits there or left them, each with a sentence."""
    if step.place.moved is None:
        return {}
    row = next(it for it in snapshot.movable if it.job.key == step.place.job)
    return {**dict.fromkeys(row.left, "the job left it before"), row.backend: "the job waited there"}


def _why_chosen(rule: str, job: Job, step: Step) -> str:
    return _ONLY_BETTER if rule == _ONLY and step.place.moved is not None else _decided(rule, job.objective)


def _turn(step: Step, job: Job) -> str | None:
    """Return the first value that prefers a job to the second of its tenant."""
    lines = next((it.lines for it in step.turns if it.tenant.name == job.tenant), ())
    if step.session is None and lines and not lines[0].values:
        return _ONLY
    if step.session is not None or not lines or len(lines[0].values) != len(LINE):
        return None
    first, *others = sorted(lines, key=lambda it: it.values)
    pairs = zip(LINE, first.values, others[0].values, strict=True)
    return next(name for name, one, other in pairs if one != other)


def _decided(rule: str, objective: str | None) -> str:
    """Return a rule as a sentence."""
    sentences = {**_WHY_CHOSEN, **_WHY_CHOSEN_BY.get(objective or "", {})}
    return sentences.get(rule, f"the rule {rule!r} decided")


def _rule(choice: Choice, chosen: Target, other: Target) -> str:
    """Return the first rule that prefers one of two candidates."""
    return next(name for name, rule in choice if rule(chosen) != rule(other))


def _obstacle(job: Job, target: Target, at_us: int) -> Window | None:
    known = target.capacity
    return None if known is None else obstacle(job, known, target.expected_us, at_us)


def _why_not(choice: Choice, chosen: Target, other: Target, window: Window | None, *, late: bool) -> str:
    if other.capacity is None:
        return f"{other.candidate.backend} had not registered"
    if not other.capacity.takes_jobs:
        return unavailable(other.capacity)
    if window is not None:
        return in_words(other.candidate.backend, window)
    places = other.capacity.taken < other.capacity.queue_depth
    if not other.free and places and (late or other.capacity.sessions):
        why = "a session has it" if other.capacity.sessions else "by the class of the job"
        return f"jobs are placed on {other.candidate.backend} shortly before they run: {why}"
    if not other.free:
        taken = _enough(other.capacity) if places else f"all {other.capacity.queue_depth} places were taken"
        return f"{taken}, and the job did not wait for it any longer" if _was_better(choice, chosen, other) else taken
    rule = _rule(choice, chosen, other)
    return _WHY_NOT.get(rule, f"the rule {rule!r} prefers the other")


def _enough(backend: BackendCapacity) -> str:
    return f"jobs of {seconds_ahead(backend)} s were placed there already"


def _was_better(choice: Choice, chosen: Target, other: Target) -> bool:
    """Whether a job would have waited for a full backend, if it or others had not waited for as long as they may."""
    value = next((rule for name, rule in choice if name in AWAITED_FOR), None)
    awaiting = choice in [OBJECTIVES[name] for name in AWAITING]
    return awaiting and value is not None and value(other) < value(chosen)  # type: ignore[operator]  # integers


def _considered(target: Target, reason: str) -> Considered:
    known = target.capacity is not None and target.capacity.takes_jobs
    return Considered(
        backend=target.candidate.backend,
        cost_rank=target.candidate.cost_rank,
        expected_us=target.expected_us,
        completion_us=target.completion_us if known else None,
        esp_ppm=target.candidate.esp_ppm,
        free=target.free,
        reason=reason,
    )


def _contender(turn: Turn) -> Contender:
    return Contender(turn.tenant.name, turn.tenant.share, turn.usage_us, turn.cost_us, int(turn.rank))


def _job(snapshot: Snapshot, key: Key) -> Job:
    placed = (it.job for it in snapshot.movable)
    return next(it for it in (*(job for group in snapshot.groups for job in group.jobs), *placed) if it.key == key)


def _waiting(snapshot: Snapshot) -> dict[str, int]:
    counts = dict.fromkeys((it.name for it in snapshot.tenants), 0)
    for group in snapshot.groups:
        counts[group.jobs[0].tenant] += group.waiting
    return counts
