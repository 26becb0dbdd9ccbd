"""Renders canaries for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from queuebit_cli.render_tables import day_and_time
from queuebit_cli.tables import Row
from queuebit_contracts.canaries import ArmCounts, CanaryRow

__all__ = ["canary_lines", "canary_rows"]


def canary_rows(canaries: Sequence[CanaryRow]) -> list[Row]:
    """Canaries: those that are not over first."""
    return [
        {
            "canary": it.plan.canary,
            "state": it.state,
            "flag": it.plan.flag,
            "baseline": str(it.plan.baseline),
            "candidate": str(it.plan.candidate),
            "share": f"{it.plan.share_percent} %",
            "started": day_and_time(it.started_at.isoformat()) if it.started_at else "-",
            "reason": it.reason or "-",
        }
        for it in canaries
    ]


def canary_lines(it: CanaryRow) -> Iterator[str]:
    """One canary: its state, its arms, and each rule with its numbers."""
    plan = it.plan
    yield f"{plan.canary} is {it.state}: {plan.subject}, flag {plan.flag}"
    if it.reason:
        by = f"{it.ended_by}: " if it.ended_by else ""
        yield f"  {by}{it.reason}"
    if it.evidence is not None:
        yield f"  baseline   {plan.baseline!s:<12} {_arm(it.evidence.baseline)}"
        yield f"  candidate  {plan.candidate!s:<12} {_arm(it.evidence.candidate)}"
        if it.evidence.misassigned:
            yield f"  {it.evidence.misassigned} jobs are left out: their tag is not the arm of their id"
        for check in it.evidence.checks:
            mark = "holds" if check.passed else "broken"
            yield f"  {check.name:<9} {mark:<6} {check.value} (limit {check.limit})"
    if (found := it.shadow) is not None:
        other = f"{found.moved} elsewhere, {found.missing} not in the same cycle, {found.added} only there"
        yield f"  of {found.placed} placements in {found.cycles} cycles: {found.same} the same, {other}"
        yield f"  {found.skipped} cycles were not compared; {found.faults} failed"
    times = 2 if it.extended else 1
    if it.state in {"draft", "running"} and plan.subject != "policy":
        yield f"  it is judged when {plan.cases * times} jobs of each arm ended"


def _arm(counts: ArmCounts) -> str:
    return f"{counts.assigned} jobs, {counts.cases} ended, {counts.failures} failed"
