"""I6: every scheduling decision, made again from its stored inputs, gives the placements that the log has."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from queuebit_audit.records import Decision, Placed
from queuebit_audit.report import Verdict
from queuebit_audit.state import History
from queuebit_contracts.topology import DECISIONS
from queuebit_kernel import Malformed
from queuebit_runtime.payloads import Missing, PayloadStore
from queuebit_scheduling import POLICIES, Place, Policy, Snapshot, decode, encode, plan

__all__ = ["Sample", "decisions_recompute"]

_AT_ONCE = 16
_LIMIT = 16 << 20
"""The largest snapshot that is read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Some of the decisions instead of all; the same seed chooses the same ones of the same log."""

    count: int
    seed: str = "0"

    def of(self, decisions: list[Decision]) -> list[Decision]:
        """Choose by a hash of seed and digest, which no writer of the log can foresee without the seed."""
        chosen = sorted(decisions, key=lambda it: sha256(f"{self.seed} {it.payload.digest}".encode()).digest())
        return chosen[: self.count]


@dataclass(slots=True)
class _Judged:
    """What one decision came to."""

    faults: list[tuple[str, str]] = field(default_factory=list)
    """Job and text."""
    recomputed: int = 0
    """Placements."""
    unknown_policy: str | None = None


async def decisions_recompute(
    history: History, store: PayloadStore, sample: Sample | None = None, policies: Mapping[str, Policy] = POLICIES
) -> Verdict:
    """Make all decisions again, or a sample of them.

    Raises:
        Unavailable: the payload store does not answer.
    """
    recorded = [*history.decisions.values()]
    chosen = recorded if sample is None else sample.of(recorded)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def judged(decision: Decision) -> _Judged:
        async with turn:
            return await _judged(history, decision, store, policies)

    results = await asyncio.gather(*map(judged, chosen))
    verdict = Verdict("I6", sum(it.recomputed for it in results), "placements")
    for result in results:
        for subject, text in result.faults:
            verdict.add(subject, text)
    if len(chosen) < len(recorded):
        verdict.notes.append(f"of {len(recorded)} decisions {len(chosen)} were made again, chosen by the sample's seed")
    if history.undocumented:
        verdict.notes.append(f"{history.undocumented} placements are of a version that did not keep its decisions")
    unknown = Counter(it.unknown_policy for it in results if it.unknown_policy)
    verdict.notes += [f"{n} decisions are by {name}, which this version does not have" for name, n in unknown.items()]
    return verdict


async def _judged(history: History, decision: Decision, store: PayloadStore, policies: Mapping[str, Policy]) -> _Judged:
    subject = decision.placed[0].subject
    try:
        content = await store.get(DECISIONS, decision.payload, limit=_LIMIT)
        snapshot = decode(content)
    except Missing as missing:
        why = str(missing).removesuffix(": submit it again")
        return _Judged([(subject, f"what it was decided from is lost: {why}")])
    except Malformed as error:
        return _Judged([(subject, f"what it was decided from is {error}")])
    if encode(snapshot) != content:
        return _Judged([(subject, "what it was decided from is not in its canonical form")])
    if (policy := policies.get(snapshot.policy)) is None:
        return _Judged(unknown_policy=snapshot.policy)
    places = {it.job: it for it in plan(policy, snapshot).places}
    faults = [
        (placed.subject, text)
        for placed in decision.placed
        for text in _faults(history, decision, placed, snapshot, places.get((placed.tenant, placed.job)))
    ]
    return _Judged(faults, recomputed=len(decision.placed))


def _faults(
    history: History, decision: Decision, placed: Placed, snapshot: Snapshot, place: Place | None
) -> Iterator[str]:
    """What one placement does not share with its decision."""
    if placed.snapshot != decision.payload.digest:
        yield f"it cites {placed.snapshot}, and brings the decision {decision.payload.digest}"
    if placed.policy != snapshot.policy:
        yield f"it names the policy {placed.policy}, and was decided by {snapshot.policy}"
    if place is None:
        yield "it has a place that its decision does not give it"
        return
    if placed.backend != place.backend:
        yield f"it was placed on {placed.backend}, and its decision gives it {place.backend}"
    if placed.scores != tuple((backend, due // 1000) for backend, due in place.scores):
        yield "its scores are not those of its decision"
    yield from _differs_from_acceptance(history, placed, snapshot)


def _differs_from_acceptance(history: History, placed: Placed, snapshot: Snapshot) -> Iterator[str]:
    """Whether the decision was made from what was accepted."""
    key = placed.tenant, placed.job
    authorised = history.jobs[key].authorised
    if authorised is None:
        return
    job = next(it for group in snapshot.groups for it in group.jobs if it.key == key)
    bounds, ranks = authorised.bounds, authorised.cost_ranks
    promised = {backend: (qpu_us, ranks[backend]) for backend, (_, qpu_us) in bounds.items()}
    decided = {it.backend: (it.qpu_us, it.cost_rank) for it in job.candidates}
    if (job.sequence, job.accepted_us, decided) != (authorised.sequence, authorised.accepted_us, promised):
        yield "it was decided from something else than its acceptance"
