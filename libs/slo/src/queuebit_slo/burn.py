"""Evaluates alerts and budgets from counted cases. Exact: nothing is rounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from queuebit_slo.model import CERTAIN, Budget, BurnAlert, Counts, Objective, State, Verdict
from queuebit_slo.times import shorthand

__all__ = ["Release", "budget", "budget_by_day", "burn_rate", "judge", "release"]


def burn_rate(objective: Objective, counts: Counts | None) -> Fraction | None:
    """The share of bad cases ÷ the share that may be bad; None without a case.

    At 1 the budget lasts exactly as long as the objective's window. Source: The Site Reliability Workbook, chapter 5.
    """
    if counts is None or not counts.total:
        return None
    return Fraction(counts.bad, counts.total) / objective.allowed


def judge(objective: Objective, group: Mapping[str, str], counts: Mapping[timedelta, Counts]) -> tuple[Verdict, ...]:
    """Evaluate each alert of an objective for one group, in the order of the objective.

    Args:
        objective: the objective.
        group: the values of its `by` columns.
        counts: cases by the length of the window, all windows ending now; a missing one cannot be measured.
    """
    return tuple(_verdict(objective, group, alert, counts) for alert in objective.alerts)


def _verdict(
    objective: Objective, group: Mapping[str, str], alert: BurnAlert, counts: Mapping[timedelta, Counts]
) -> Verdict:
    long, short = counts.get(alert.long), counts.get(alert.short)
    long_burn, short_burn = burn_rate(objective, long), burn_rate(objective, short)
    state: State
    if long is None or long.total < objective.minimum or long_burn is None or short_burn is None:
        state = "unmeasurable"
    elif not (long_burn > alert.factor and short_burn > alert.factor):
        state = "quiet"
    else:
        state = "firing" if _is_certain(objective, long) else "unmeasurable"
    return Verdict(objective, group, alert, state, long_burn, short_burn)


def _is_certain(objective: Objective, counts: Counts) -> bool:
    """Whether chance alone hardly gives so many bad cases: they are more than two standard deviations above the budget.

    The number of bad cases varies by its square root, as counts of rare events do (Poisson). So a burn rate just above
    1 needs many cases, and one of 50 needs five bad ones.
    """
    over = counts.bad - objective.allowed * counts.total
    return over > 0 and over**2 > CERTAIN**2 * counts.bad


def budget(objective: Objective, counts: Counts) -> Budget:
    """What is left of the budget: spent = bad ÷ ((1 - target) * total), over the cases of the objective's window.

    Without a case nothing is spent. Remaining may be negative.
    """
    spent = burn_rate(objective, counts) or Fraction(0)
    return Budget(spent, 1 - spent)


def budget_by_day(objective: Objective, days: Sequence[tuple[str, Counts]]) -> list[dict[str, object]]:
    """How a budget was spent: days in order, each with the share that it spent and what remained after it.

    Shares are of the budget of the whole window, as decimals of at most six places; the last `remaining` is that of
    `budget` over all days.
    """
    total = sum(counts.total for _, counts in days)
    rows: list[dict[str, object]] = []
    bad = 0
    for day, counts in days:
        bad += counts.bad
        spent = burn_rate(objective, Counts(total - counts.bad, total)) or Fraction(0)
        remaining = budget(objective, Counts(total - bad, total)).remaining
        shares = {"spent": _decimal(spent), "remaining": _decimal(remaining)}
        rows.append({"day": day, "cases": counts.total, "bad": counts.bad, **shares})
    return rows


def _decimal(share: Fraction) -> str:
    return f"{float(share):.6f}"


@dataclass(frozen=True, slots=True)
class Release:
    """Whether a budget allows a release."""

    allowed: bool
    remaining: Fraction
    """What is left of the budget, as a share of it; negative when overdrawn."""
    reasons: tuple[str, ...]
    """Why not."""


def release(objective: Objective, group: Mapping[str, str], counts: Mapping[timedelta, Counts]) -> Release:
    """Whether one group's budget allows a release: something is left of it, and no page fires.

    Without a case in the objective's window nothing is spent, and nothing speaks against a release.
    """
    left = budget(objective, counts.get(objective.window, Counts(0, 0))).remaining
    reasons = ["the budget is spent"] if left <= 0 else []
    reasons += [
        f"{it.alert.name} fires: burn rate {float(it.short_burn or 0):.3g} over {shorthand(it.alert.short)}"
        for it in judge(objective, group, counts)
        if it.state == "firing" and it.alert.severity == "page"
    ]
    return Release(not reasons, left, tuple(reasons))
