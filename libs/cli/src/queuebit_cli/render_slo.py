"""Objectives, budgets and burn rates as rows for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from queuebit_cli.tables import Row
from queuebit_contracts.indicators import INDICATORS
from queuebit_slo import Objective, Release, Verdict, shorthand

__all__ = ["alert_rows", "budget_rows", "definition", "gate_rows"]


def definition(objective: Objective) -> dict[str, str]:
    """What an objective counts and promises."""
    indicator = INDICATORS[objective.indicator]
    threshold = f", at most {objective.threshold_ms} ms" if objective.threshold_ms else ""
    found = {
        "objective": f"{objective.name}: {objective.display}",
        "target": f"{_percent(objective.target)} of cases{threshold}, over {shorthand(objective.window)}",
        "indicator": f"{indicator.id}, {indicator.title}; view {indicator.view}",
        "counts": indicator.definition,
        "where": ", ".join(f"{name} = {value or 'none'}" for name, value in objective.where.items()),
        "unless": " and ".join(f"{name} = {value or 'none'}" for name, value in objective.unless.items()),
        "a budget for each": ", ".join(objective.by),
        "owner": objective.owner,
    }
    return {name: value for name, value in found.items() if value}


def alert_rows(verdicts: Iterable[Verdict]) -> list[Row]:
    """One row for each alert of each group."""
    return [
        {
            **it.group,
            "alert": it.alert.name,
            "severity": it.alert.severity,
            "windows": f"{shorthand(it.alert.long)} and {shorthand(it.alert.short)}",
            "above": _number(it.alert.factor),
            "burn_long": _number(it.long_burn),
            "burn_short": _number(it.short_burn),
            "state": it.state,
        }
        for it in verdicts
    ]


def gate_rows(answers: Iterable[tuple[Objective, Mapping[str, str], Release]]) -> list[Row]:
    """One row for each objective and group: whether it allows a release, and why not."""
    return [
        {
            "objective": objective.name,
            **group,
            "ship": answer.allowed,
            "budget_left": _percent(answer.remaining),
            "reason": "; ".join(answer.reasons) or "the budget allows it",
        }
        for objective, group, answer in answers
    ]


def budget_rows(rows: Sequence[Row]) -> list[Row]:
    """Shares of the budget in percent."""
    shares = ("spent", "remaining")
    return [{name: _percent(Fraction(str(it))) if name in shares else it for name, it in row.items()} for row in rows]


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):.4g}%"


def _number(value: Fraction | None) -> str | None:
    return None if value is None else f"{float(value):.3g}"
