"""I6: every scheduling decision, made again from its stored inputs, gives the placements that the log has."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from queuebit_audit.charges import label
from queuebit_audit.helper import Helper
from queuebit_audit.job_state import Job as Recorded
from queuebit_audit.records import Decision, Placed
from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_contracts.job import Fallback
from queuebit_contracts.topology import DECISIONS
from queuebit_kernel import Malformed
from queuebit_runtime.payloads import Missing, PayloadStore
from queuebit_scheduling import POLICIES, Job, Key, Place, Policy, decode, encode, moment_of, plan

__all__ = ["Sample", "decisions_recompute"]

_AT_ONCE = 16
"""Contents that are read from the payload store at once."""
_BATCH = 500
_AHEAD = 2
"""Batches at once: while the helper makes one again, the next is read. This process judges the rest meanwhile."""
_LIMIT = 16 << 20
"""The largest snapshot that is read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Some of the decisions instead of all; the same seed chooses the same ones of the same log."""

    count: int
    seed: str = "0"

    def of(self, decisions: list[Decision]) -> list[Decision]:
        """Choose by a hash of seed and digest, which no writer of the log can foresee without the seed."""
        chosen = sorted(decisions, key=lambda it: sha256(f"{self.seed} {it.content.digest}".encode()).digest())
        return chosen[: self.count]


@dataclass(frozen=True, slots=True)
class _Remade:
    """One decision, made again."""

    policy: str = ""
    places: dict[Key, Place] = field(default_factory=dict)
    jobs: dict[Key, Job] = field(default_factory=dict)
    """What it was decided from, of the jobs that have a place."""
    trouble: str = ""
    """Why it cannot be made again."""
    unknown: bool = False
    """Whether this version does not have the policy."""


@dataclass(slots=True)
class _Judged:
    """What one decision came to."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    """Job and text."""
    recomputed: int = 0
    """Placements."""
    unknown_policy: str | None = None


async def decisions_recompute(
    history: History,
    store: PayloadStore,
    sample: Sample | None = None,
    policies: Mapping[str, Policy] = POLICIES,
    helper: Helper | None = None,
) -> Verdict:
    """Make all decisions again, or a sample of them.

    Args:
        history: the placements that the log has.
        store: has what larger decisions were made from.
        sample: which decisions; all by default.
        policies: by name, as the decisions name them.
        helper: makes the decisions; by default this process does.

    Raises:
        Unavailable: the payload store does not answer.
    """
    recorded = [*history.decisions.values()]
    chosen = recorded if sample is None else sample.of(recorded)
    turn, reading = asyncio.Semaphore(_AHEAD), asyncio.Semaphore(_AT_ONCE)

    async def content(decision: Decision) -> bytes | str:
        async with reading:
            try:
                return await store.get(DECISIONS, decision.content.payload, limit=_LIMIT)
            except Missing as missing:
                return f"what it was decided from is lost: {str(missing).removesuffix(': submit it again')}"

    async def judged(decisions: Sequence[Decision]) -> list[_Judged]:
        async with turn:
            contents = await asyncio.gather(*map(content, decisions))
            remade = await (helper or Helper()).share(_remake, (contents, dict(policies)))
            return [_judged(history, *it) for it in zip(decisions, remade, strict=True)]

    batches = [chosen[at : at + _BATCH] for at in range(0, len(chosen), _BATCH)]
    results = [it for batch in await asyncio.gather(*map(judged, batches)) for it in batch]
    verdict = _verdict(results, of=len(recorded), undocumented=history.undocumented)
    for subject, text in history.misdated:
        verdict.add(subject, text)
    return verdict


def _verdict(results: Sequence[_Judged], *, of: int, undocumented: int) -> Verdict:
    verdict = Verdict("I6", sum(it.recomputed for it in results), "placements")
    for result in results:
        for subject, text in result.faults:
            verdict.add(subject, text)
    if len(results) < of:
        verdict.notes.append(f"of {of} decisions {len(results)} were made again, chosen by the sample's seed")
    if undocumented:
        verdict.notes.append(f"{undocumented} placements are of a version that did not keep its decisions")
    unknown = Counter(it.unknown_policy for it in results if it.unknown_policy)
    verdict.notes += [f"{n} decisions are by {name}, which this version does not have" for name, n in unknown.items()]
    return verdict


def _remake(given: tuple[Sequence[bytes | str], Mapping[str, Policy]]) -> list[_Remade]:
    """Make decisions again from their stored inputs; a text instead of these says why they are missing."""
    contents, policies = given
    return [_Remade(trouble=it) if isinstance(it, str) else _made_again(it, policies) for it in contents]


def _made_again(content: bytes, policies: Mapping[str, Policy]) -> _Remade:
    try:
        snapshot = decode(content)
    except Malformed as error:
        return _Remade(trouble=f"what it was decided from is {error}")
    if encode(snapshot) != content:
        return _Remade(trouble="what it was decided from is not in its canonical form")
    if (policy := policies.get(snapshot.policy)) is None:
        return _Remade(snapshot.policy, unknown=True)
    places = {it.job: it for it in plan(policy, snapshot).places}
    known = (*(it for group in snapshot.groups for it in group.jobs), *(it.job for it in snapshot.movable))
    jobs = {it.key: it for it in known if it.key in places}
    return _Remade(snapshot.policy, places, jobs)


def _judged(history: History, decision: Decision, remade: _Remade) -> _Judged:
    if remade.trouble:
        return _Judged([(decision.placed[0][0].subject, remade.trouble)])
    if remade.unknown:
        return _Judged(unknown_policy=remade.policy)
    faults = [
        (job.subject, text)
        for job, placed in decision.placed
        for text in _faults(history, decision.content.digest, job, placed, remade)
    ]
    return _Judged(faults, recomputed=len(decision.placed))


def _faults(history: History, digest: str, job: Recorded, placed: Placed, remade: _Remade) -> Iterator[str]:
    """What one placement does not share with its decision."""
    place = remade.places.get((job.tenant, job.job))
    if placed.snapshot != digest:
        yield f"it cites {placed.snapshot}, and brings the decision {digest}"
    if placed.policy != remade.policy:
        yield f"it names the policy {placed.policy}, and was decided by {remade.policy}"
    if place is None:
        yield "it has a place that its decision does not give it"
        return
    if placed.backend != place.backend:
        yield f"it was placed on {placed.backend}, and its decision gives it {place.backend}"
    if placed.scores != tuple((backend, due // 1000) for backend, due in place.scores):
        yield "its scores are not those of its decision"
    if placed.session != place.session:
        yield f"it counts for {_session(placed.session)}, and its decision counts it for {_session(place.session)}"
    if (placed.reservation, placed.start_by_us) != (place.reservation, place.start_by_us):
        yield "its reservation or its last moment to start is not that of its decision"
    if placed.preempted != _gave_way(place):
        yield "that it gave way to another job, or why, is not as its decision says"
    if placed.moved != (None if place.moved is None else (place.moved.left, place.moved.gained_us // 1000)):
        yield "that it was moved to a better backend, or what it gained, is not as its decision says"
    if placed.fallback != _fallback(history, place):
        yield "its label of a fallback is not that of its decision"
    yield from _differs_from_acceptance(history, remade.jobs[place.job], place)
    authorised = history.jobs[place.job].authorised
    if authorised is not None and authorised.reservation not in (None, placed.reservation):
        yield f"it was accepted for reservation {authorised.reservation}, and was not placed in its slot"


def _gave_way(place: Place) -> tuple[str | None, str, int] | None:
    """Which job a placed job gave way to, the rule, and what that one gained, as a placement has it."""
    if (it := place.gave_way) is None:
        return None
    return it.to[1] if it.to[0] == place.job[0] else None, it.rule, it.gained_us // 1000


def _fallback(history: History, place: Place) -> str | None:
    """The label that a placement must have: of its decision, or else of its acceptance."""
    if place.fallback is not None:
        return label(Fallback(instead_of=place.fallback.instead_of, since=moment_of(place.fallback.since_us)))
    authorised = history.jobs[place.job].authorised
    return authorised.fell_back if authorised else None


def _differs_from_acceptance(history: History, job: Job, place: Place) -> Iterator[str]:
    """Whether the decision was made from what was accepted.

    Of what a fallback stands in for, the decision says that it was out: it may have any fidelity.
    """
    authorised = history.jobs[job.key].authorised
    if authorised is None:
        return
    promised = {it.backend: (it.qpu_us, it.cost_rank, it.fallback) for it in authorised.bounds}
    decided = {it.backend: (it.qpu_us, it.cost_rank, it.fallback) for it in job.candidates}
    stated = authorised.sequence, authorised.accepted_us, authorised.fallback_after_us
    if (least := authorised.least_esp_ppm) is not None:
        out = () if place.fallback is None else place.fallback.instead_of
        if any(it.esp_ppm < least for it in job.candidates if it.backend not in out):
            yield "it was decided with a candidate that has less than the fidelity that it demands"
        promised = {name: it for name, it in promised.items() if name in decided}  # a calibration may take some away
    if (job.sequence, job.accepted_us, job.fallback_after_us, decided) != (*stated, promised):
        yield "it was decided from something else than its acceptance"
    if job.session not in (None, authorised.session):
        yield f"it was decided with the priority of {_session(job.session)}, and was accepted for another"
    if job.objective not in (None, authorised.objective):  # a scheduler before objectives decided without
        yield f"it was decided for the objective {job.objective}, and was accepted for {authorised.objective or 'none'}"
    if job.spot != authorised.spot:
        yield "it was decided as a spot job, and was not accepted as one, or the reverse"
    owner = job.project, job.user, job.workload_class, job.priority
    if owner not in ((None, None, None, 0), authorised.owner):  # a scheduler before shares inside a tenant had none
        yield "it was decided for another project, user, class or priority than its acceptance has"


def _session(name: str | None) -> str:
    return "no session" if name is None else f"session {name}"
