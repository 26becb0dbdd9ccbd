"""Canaries, folded from their facts; and what each of them means for a flag. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from queuebit_contracts.canaries import (
    CanaryAborted,
    CanaryDrafted,
    CanaryEnd,
    CanaryEvidence,
    CanaryJudged,
    CanaryPromoted,
    CanaryShadowed,
    CanaryStarted,
    Draft,
    Shadow,
)
from queuebit_contracts.catalog import AnyEvent
from queuebit_experiments import ASSIGNING
from queuebit_runtime.stored import Stored

__all__ = ["FACTS", "Canary", "CanaryBook"]

FACTS: Final = (CanaryDrafted, CanaryStarted, CanaryJudged, CanaryShadowed, CanaryPromoted, CanaryAborted)
"""All facts about canaries."""

_VERDICTS: Final = {"passed": "passed", "extended": "running", "paused": "paused"}


@dataclass(frozen=True, slots=True)
class Canary:
    """What is known of a canary."""

    plan: Draft
    drafted_at: datetime
    state: str = "draft"
    """`draft`, `running`, `passed`, `paused`, `promoted` or `aborted`."""
    started_at: datetime | None = None
    since: int = 0
    """The sequence of its start: only jobs that are submitted after it count."""
    judged: int = 0
    extended: bool = False
    ended_at: datetime | None = None
    end: CanaryEnd | None = None
    reason: str = ""
    """Of its last decision."""
    evidence: CanaryEvidence | None = None
    """Of its last decision."""
    shadow: Shadow | None = None
    """Of a policy: the sum of all comparisons."""

    @property
    def id(self) -> str:
        """Its name."""
        return self.plan.canary

    @property
    def is_over(self) -> bool:
        """Whether it is promoted or aborted."""
        return self.end is not None


@dataclass(slots=True)
class CanaryBook:
    """All canaries; a fold over their facts."""

    canaries: dict[str, Canary] = field(default_factory=dict)
    tails: dict[str, int] = field(default_factory=dict)
    """The last sequence of each canary: what its next fact is guarded on."""

    def take(self, stored: Stored) -> None:
        """Fold one fact; one that was folded before, or that is about something else, changes nothing."""
        event = stored.event
        if not isinstance(event, FACTS):
            return
        name = event.data.canary
        if stored.sequence <= self.tails.get(name, 0):
            return
        self.tails[name] = stored.sequence
        after = _evolve(self.canaries.get(name), event, stored.sequence)
        if after is not None:
            self.canaries[name] = after

    def live(self) -> list[Canary]:
        """Those that the rules watch, the oldest first."""
        return sorted((it for it in self.canaries.values() if it.state in ASSIGNING), key=lambda it: it.since)

    def flags(self, tenant: str) -> Iterator[dict[str, Any]]:  # JSON
        """What a client of a tenant needs to evaluate flags: of each flag, the canary that started last."""
        newest: dict[str, Canary] = {}
        for it in sorted(self.canaries.values(), key=lambda it: it.since):
            if it.since and it.plan.tenant in {None, tenant}:
                newest[it.plan.flag] = it
        for flag, it in sorted(newest.items()):
            yield {
                "flag": flag,
                "canary": it.id,
                "state": it.state,
                "subject": it.plan.subject,
                "baseline": it.plan.baseline,
                "candidate": it.plan.candidate,
                "unit": it.plan.unit,
                "share_percent": it.plan.share_percent,
            }


def _evolve(canary: Canary | None, event: AnyEvent, sequence: int) -> Canary | None:
    """The canary after one more of its facts; a fact without the draft before it changes nothing."""
    if isinstance(event, CanaryDrafted):
        return canary or Canary(event.data, event.time)
    if canary is None or canary.is_over:
        return canary
    match event:
        case CanaryStarted():
            return replace(canary, state="running", started_at=event.time, since=canary.since or sequence)
        case CanaryJudged(data=said):
            return replace(
                canary,
                state=_VERDICTS.get(said.verdict, "paused"),
                judged=said.number,
                extended=canary.extended or said.verdict == "extended",
                reason=said.reason,
                evidence=said.evidence,
            )
        case CanaryShadowed(data=found):
            return replace(canary, shadow=_sum(canary.shadow, found))
        case CanaryPromoted(data=end) | CanaryAborted(data=end):
            state = "promoted" if isinstance(event, CanaryPromoted) else "aborted"
            return replace(canary, state=state, end=end, ended_at=event.time, reason=end.reason, evidence=end.evidence)
    return canary


_COUNTED: Final = ("cycles", "skipped", "faults", "placed", "same", "moved", "missing", "added")


def _sum(before: Shadow | None, found: Shadow) -> Shadow:
    """Both reports as one."""
    if before is None:
        return found
    counts = {it: getattr(before, it) + getattr(found, it) for it in _COUNTED}
    times = {"since": min(before.since, found.since), "until": max(before.until, found.until)}
    return before.model_copy(update={**counts, **times})
