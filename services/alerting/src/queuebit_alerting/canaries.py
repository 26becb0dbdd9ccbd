"""Judges canaries that run, and appends the facts of all (ADR 0083, 0084)."""

from __future__ import annotations

import logging
from typing import Any, Final

from queuebit_alerting.canary_book import Canary, CanaryBook
from queuebit_alerting.canary_counts import CountsJobs, Measured
from queuebit_alerting.handlers import SOURCE, catch_up
from queuebit_alerting.ports import Follows
from queuebit_contracts.canaries import (
    MOST_JUDGED,
    ArmCounts,
    CanaryAborted,
    CanaryCheck,
    CanaryDrafted,
    CanaryEnd,
    CanaryEvidence,
    CanaryJudged,
    CanaryJudgement,
    CanaryPlan,
    CanaryPromoted,
    CanaryStarted,
)
from queuebit_contracts.subjects_alerting import canary as history_of
from queuebit_experiments import Arm, BadDesign, Design, Metric, Verdict, judge
from queuebit_kernel import Clock, Stale, Unavailable, event_id
from queuebit_runtime.log import EventLog

__all__ = ["COUNTED_SUBJECTS", "CanaryFact", "CanaryWriter", "KeepCanaries", "design_of"]

COUNTED_SUBJECTS: Final = ("circuit", "compiler", "backend")
"""The subjects that clients assign job by job, so that the arms can be counted."""

_MORE_IS_BETTER: Final = ("esp",)

_logger = logging.getLogger(__name__)

CanaryFact = CanaryDrafted | CanaryStarted | CanaryJudged | CanaryPromoted | CanaryAborted


def design_of(plan: CanaryPlan) -> Design:
    """The design that a plan agrees on.

    Raises:
        BadDesign: it cannot decide anything.
    """
    return Design(
        share=plan.share_percent / 100,
        cases=plan.cases,
        margin=float(plan.margin),
        metrics=tuple(Metric(it.name, float(it.ratio), it.name in _MORE_IS_BETTER) for it in plan.metrics),
        most_failures=None if plan.most_failures is None else float(plan.most_failures),
    )


def _evidence_of(measured: Measured, verdict: Verdict) -> CanaryEvidence:
    """What a verdict was made of, for the wire."""
    return CanaryEvidence(
        baseline=_counts(measured.baseline),
        candidate=_counts(measured.candidate),
        misassigned=measured.misassigned,
        checks=tuple(
            CanaryCheck(name=it.name, passed=it.passed, value=f"{it.value:.6g}", limit=f"{it.limit:g}", text=it.text)
            for it in verdict.checks
        ),
    )


class CanaryWriter:
    """Appends facts of canaries, each guarded on all facts of its canary; and judges."""

    def __init__(
        self, log: EventLog, book: CanaryBook, follows: Follows, counts: CountsJobs | None, clock: Clock
    ) -> None:
        self._log = log
        self._book = book
        self._follows = follows
        self._counts = counts
        self._clock = clock

    async def _append(self, kind: type[CanaryFact], data: Any, *what: str) -> int:  # the data of that kind
        """Append one fact, and wait until it is folded.

        Raises:
            Stale: the canary changed meanwhile. What changed is folded by then.
        """
        name = data.canary
        fact = kind(id=event_id("canary", name, kind.__name__, *what), source=SOURCE, time=self._clock.now(), data=data)
        history = history_of(name)
        try:
            sequence = await self._log.append(fact, after=self._book.tails.get(name, 0), guard=history.everything)
        except Stale:
            await catch_up(self._log, self._book.tails, self._follows, history)
            raise
        await self._follows.reached(sequence)
        return sequence

    async def _judged(self, canary: Canary) -> tuple[Verdict, CanaryEvidence]:
        """What the rules say now.

        Raises:
            BadDesign: another version drafted it, with numbers or metrics that cannot be judged here.
            Unavailable: its jobs cannot be counted now.
        """
        if self._counts is None:
            raise Unavailable("alerting has no warehouse, in which the jobs of canaries are counted")
        design = design_of(canary.plan)
        measured = await self._counts.counts(canary, design)
        by_job = canary.plan.unit == "job"
        verdict = judge(design, measured.baseline, measured.candidate, extended=canary.extended, by_job=by_job)
        return verdict, _evidence_of(measured, verdict)


class KeepCanaries(CanaryWriter):
    """Judges canaries that run. Of two processes that decide the same, one appends it."""

    trouble: str | None = None
    """Why canaries could not be judged in the last round."""

    async def __call__(self) -> int:
        """Judge each once; return how many facts were appended. What cannot be counted changes nothing."""
        appended, self.trouble = 0, None
        for it in self._book.live():
            if it.plan.subject not in COUNTED_SUBJECTS:
                continue
            try:
                appended += await self._keep(it)
            except BadDesign as error:  # the others are judged all the same
                self.trouble = f"canary {it.id} cannot be judged: {error}"
            except Unavailable as error:
                self.trouble = str(error)
                break
            except Stale:
                _logger.info("canary %s was changed by another process", it.id)
        return appended

    async def _keep(self, canary: Canary) -> int:
        verdict, evidence = await self._judged(canary)
        match verdict.kind:
            case "abort":
                data = CanaryEnd(canary=canary.id, reason=verdict.reason, evidence=evidence)
                await self._append(CanaryAborted, data, "rule")
            case "pass" if canary.plan.automatic:
                data = CanaryEnd(canary=canary.id, reason=verdict.reason, evidence=evidence)
                await self._append(CanaryPromoted, data, "rule")
            case "pass" | "extend" | "pause" if canary.state == "running" and canary.judged < MOST_JUDGED:
                said = {"pass": "passed", "extend": "extended", "pause": "paused"}[verdict.kind]
                number = canary.judged + 1
                judgement = CanaryJudgement(
                    canary=canary.id, number=number, verdict=said, reason=verdict.reason, evidence=evidence
                )
                await self._append(CanaryJudged, judgement, str(number))
            case _:
                return 0
        return 1


def _counts(arm: Arm) -> ArmCounts:
    return ArmCounts(assigned=arm.assigned, cases=arm.cases, failures=arm.failures)
