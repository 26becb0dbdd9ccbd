"""The decision: abort as soon as it is proven worse, release at a preset size only, else say that it is not decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from queuebit_experiments.arms import Arm
from queuebit_experiments.design import Design, Metric
from queuebit_experiments.evidence import evidence, mismatch
from queuebit_experiments.proportions import largest_increase
from queuebit_experiments.ranks import compare

__all__ = ["LOOK_Z", "MISMATCH", "Check", "Kind", "Verdict", "judge"]

LOOK_Z: Final = 1.875
"""The quantile at both looks at which a canary may be released, at one and at two times its size: with it, a candidate
that is worse by the whole margin passes at one of them with probability 5 % (Pocock 1977, two looks, one-sided)."""

MISMATCH: Final = 1000.0
"""Evidence at which the arms' sizes contradict the share: it is reached by chance in one of a thousand canaries."""

Kind = Literal["continue", "abort", "pass", "extend", "pause"]


_Arms = tuple[Arm, Arm]
"""The baseline and the candidate."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule, with its numbers."""

    name: str
    """`failures`, `limit`, `share`, `success`, or the name of a metric."""
    passed: bool
    value: float
    """What was found: evidence, a bound, or standard deviations."""
    limit: float
    """The number at which it passes or stops to."""
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from the counts."""

    kind: Kind
    """`continue`: not enough jobs. `abort`: the candidate is worse. `pass`: it may be released. `extend`: not shown,
    wait for twice the jobs. `pause`: a person decides."""
    reason: str
    checks: tuple[Check, ...]


def judge(design: Design, baseline: Arm, candidate: Arm, *, extended: bool = False, by_job: bool = True) -> Verdict:
    """Decide from the counts alone; may be called at any time, as often as wanted.

    Args:
        design: what was agreed before.
        baseline: counts of the arm that runs what is in use.
        candidate: counts of the other.
        extended: whether this canary was extended before.
        by_job: whether each job was assigned on its own. If tenants were, jobs of one tenant fail together and the arms
            cannot be compared by these tests: then only the limit is checked, and a person decides.
    """
    stops = [*_stops(design, baseline, candidate, by_job=by_job)]
    others = [(baseline.without(it), candidate.without(it)) for it in sorted({*baseline.tenants, *candidate.tenants})]
    broken = [it for it in stops if not it.passed]
    if broken and (stopped := _stopped(broken, design, others, by_job=by_job)) is not None:
        return Verdict(*stopped, tuple(stops))
    needed = design.cases * (2 if extended else 1)
    fewest = min(baseline.cases, candidate.cases)
    if fewest < needed:
        text = (
            f"not decided: {candidate.cases} jobs of the candidate and {baseline.cases} of the baseline ended, "
            f"{needed} of each are needed"
        )
        return Verdict("continue", text, tuple(stops))
    if not by_job:
        return Verdict(
            "pause",
            "enough jobs ended; tenants were assigned, not jobs, so that a person compares the arms",
            tuple(stops),
        )
    looks = [
        _success(design, [(baseline, candidate), *others]),
        *(_metric(it, baseline, candidate) for it in design.metrics),
    ]
    checks = (*stops, *looks)
    failed = [it for it in checks if not it.passed]
    if not failed:
        return Verdict(
            "pass", f"not worse in {', '.join(it.name for it in looks)}, after {fewest} jobs of each arm", checks
        )
    text = "; ".join(it.text for it in failed)
    return Verdict("pause" if extended else "extend", f"not shown after {fewest} jobs of each arm: {text}", checks)


def _stopped(
    broken: Sequence[Check], design: Design, others: Sequence[_Arms], *, by_job: bool
) -> tuple[Kind, str] | None:
    """What follows from rules that are broken: one of them must be broken without the jobs of any one tenant, too.

    A tenant chooses the keys of its jobs, and so their arms; the counts without it are those of jobs that others chose.
    So one tenant alone never aborts a canary. It may stop one: a candidate that fails only its jobs must not go on, if
    the evidence is the square of what is needed. Until then the canary continues, and does not pass.
    """
    shown = {it.name for it in broken} - {"share"}
    for arms in others:
        shown &= {it.name for it in _stops(design, *arms, by_job=by_job) if not it.passed}
    if proven := next((it for it in broken if it.name in shown), None):
        return "abort", proven.text
    if share := next((it for it in broken if it.name == "share"), None):
        return "pause", share.text
    if strong := next((it for it in broken if it.value >= it.limit**2), None):
        return "pause", f"{strong.text}; without the jobs of one tenant this is not shown: a person decides"
    return None


def _stops(design: Design, baseline: Arm, candidate: Arm, *, by_job: bool) -> Iterator[Check]:
    """The rules that hold from the first job on. The first one that is broken decides."""
    bar = 1 / design.alpha
    if design.most_failures is not None:
        value = evidence(candidate.failures, candidate.cases, design.most_failures)
        text = (
            f"the candidate fails in {_percent(candidate.failure_rate)} of {candidate.cases} jobs, and "
            f"{_percent(design.most_failures)} is the limit"
        )
        yield Check("limit", value < bar, value, bar, text)
    if not by_job:
        return
    # While both arms fail alike, each failure is the candidate's with the probability of its share: a coin, whatever
    # the failure rate does meanwhile.
    value = evidence(candidate.failures, candidate.failures + baseline.failures, design.share)
    text = (
        f"the candidate fails in {_percent(candidate.failure_rate)} of {candidate.cases} jobs, the baseline in "
        f"{_percent(baseline.failure_rate)} of {baseline.cases}"
    )
    yield Check("failures", value < bar, value, bar, text)
    units = baseline.assigned + candidate.assigned
    value = mismatch(candidate.assigned, units, design.share)
    text = (
        f"{candidate.assigned} of {units} jobs have the candidate, and {_percent(design.share)} were planned: "
        "the assignment is broken"
    )
    yield Check("share", value < MISMATCH, value, MISMATCH, text)


def _success(design: Design, arms: Sequence[_Arms]) -> Check:
    """The bound holds with all jobs, and without those of any one tenant."""
    bound = max(
        largest_increase((before.failures, before.cases), (after.failures, after.cases), LOOK_Z)
        for before, after in arms
    )
    text = f"success: the failure rate may be larger by {_percent(bound)}, and {_percent(design.margin)} is the margin"
    return Check("success", bound < design.margin, bound, design.margin, text)


def _metric(metric: Metric, baseline: Arm, candidate: Arm) -> Check:
    before, after = baseline.values.get(metric.name, {}), candidate.values.get(metric.name, {})
    if metric.more_is_better:  # the baseline's values have to be the smaller ones
        before, after, ratio = after, before, 1 / metric.ratio
    else:
        ratio = metric.ratio
    found = compare(before, after, ratio)
    text = (
        f"{metric.name}: {found.z:.2f} standard deviations better than {metric.ratio:g} times the baseline, "
        f"{LOOK_Z:g} are needed"
        if found.pairs
        else f"{metric.name}: no jobs of both arms can be compared"
    )
    return Check(metric.name, found.z >= LOOK_Z, found.z, LOOK_Z, text)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
