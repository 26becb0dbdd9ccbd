"""Whether jobs fail by the fault of their backend more often than they should: Page's test of the ends of jobs."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from queuebit_isolation.document import Limits

__all__ = ["Failures", "Outcome"]

_MOST_TENANTS = 64
"""The most tenants whose newest ends are kept: those of the others are older."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a job, as far as it says something about its backend."""

    tenant: str
    at_us: int
    failed: bool
    """By the fault of the backend. Failures by the job are no outcome."""
    event: str = ""


@dataclass(slots=True)
class _Run:
    """The newest ends of one tenant's jobs."""

    score: float = 0.0
    since_us: int = 0
    """Of the first failure since the score was 0."""
    failed: int = 0
    ended: int = 0


class Failures:
    """A cumulative sum of log-likelihood ratios for each tenant (Page 1954; Lorden 1971).

    It counts how much more likely the newest ends are at `failed_share` than at `usual_share`, and is never below 0. At
    a threshold of ln(1/`false_alarm`), a backend that works has at least 1/`false_alarm` ends between two alarms on
    average (Lorden). Scores are kept for each tenant, and an alarm counts only if no job of another tenant has
    completed since its first failure: otherwise one tenant could take a backend from all others with jobs that make
    it fail.
    """

    def __init__(self, limits: Limits) -> None:
        self._threshold = math.log(1 / limits.false_alarm)
        self._failure = math.log(limits.failed_share / limits.usual_share)
        self._success = math.log((1 - limits.failed_share) / (1 - limits.usual_share))
        self._runs: OrderedDict[str, _Run] = OrderedDict()
        self._completed_us: dict[str, int] = {}
        """By tenant: when its newest job completed."""

    def take(self, it: Outcome) -> str | None:
        """Count one end; return what it shows, as a sentence, if the backend fails too often."""
        run = self._runs.setdefault(it.tenant, _Run())
        self._runs.move_to_end(it.tenant)
        if run.score == 0.0:
            run.since_us, run.failed, run.ended = it.at_us, 0, 0
        run.ended += 1
        if it.failed:
            run.failed += 1
        else:
            self._completed_us[it.tenant] = it.at_us
        run.score = max(0.0, run.score + (self._failure if it.failed else self._success))
        while len(self._runs) > _MOST_TENANTS:
            tenant, _ = self._runs.popitem(last=False)
            self._completed_us.pop(tenant, None)
        if run.score < self._threshold or self._works_for_others(it.tenant, run.since_us):
            return None
        of = f"{run.failed} of the newest {run.ended} jobs of a tenant"
        return f"{of} failed by the fault of the backend, and none of another tenant completed"

    def reset(self) -> None:
        """Forget all: the backend was readmitted."""
        self._runs.clear()
        self._completed_us.clear()

    def _works_for_others(self, tenant: str, since_us: int) -> bool:
        return any(name != tenant and at_us >= since_us for name, at_us in self._completed_us.items())
