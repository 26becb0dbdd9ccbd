"""Objectives as recording and alerting rules of Prometheus, named like those of Sloth.

Rules read two counters: `queuebit_sli_cases_total` and `queuebit_sli_good_total`, with the label `objective` and one
for each column of `by`. Increases are differences, and not `increase()`, which extrapolates to the edges of its window;
and an alert compares whole numbers instead of ratios. So rules and `judge` agree exactly, also at the threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Final

import yaml

from queuebit_slo.model import CERTAIN, BurnAlert, Objective
from queuebit_slo.times import shorthand

__all__ = ["CASES", "GOOD", "rules"]

CASES: Final = "queuebit_sli_cases_total"
GOOD: Final = "queuebit_sli_good_total"

_Rule = dict[str, object]


def rules(objectives: Iterable[Objective]) -> str:
    """A rule file, one group for each objective. Prometheus resolves an unmeasurable alert: it cannot freeze it."""
    groups = [{"name": f"slo-{it.name}", "rules": _rules(it)} for it in objectives]
    return yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=120)


def _rules(objective: Objective) -> list[_Rule]:
    """All rules of an objective; each names it, so that no two rules of a file are the same."""
    named = {"objective": objective.name, "service": objective.service}
    records = [{**it, "labels": dict(named)} for it in _records(objective)]
    return [*records, *(_alert(objective, it, named) for it in objective.alerts)]


def _records(objective: Objective) -> list[_Rule]:
    found: list[_Rule] = []
    for span in objective.spans:
        window = shorthand(span)
        grown = _delta(objective, CASES, window)
        cases, bad = _recorded(objective, "cases", span), _recorded(objective, "bad", span)
        found += [
            {"record": f"slo:sli_cases:delta{window}", "expr": grown},
            {"record": f"slo:sli_bad:delta{window}", "expr": f"{grown} - ({_delta(objective, GOOD, window)})"},
            {"record": f"slo:sli_error:ratio_rate{window}", "expr": f"{bad} / ({cases} > 0)"},
        ]
    allowed, days = _float(objective.allowed), _float(objective.window / timedelta(days=1))
    shortest, period = (f"slo:sli_error:ratio_rate{shorthand(it)}" for it in (objective.spans[0], objective.window))
    chosen = _selector(objective)
    return [
        *found,
        {"record": "slo:objective:ratio", "expr": f"vector({_float(objective.target)})"},
        {"record": "slo:error_budget:ratio", "expr": f"vector({allowed})"},
        {"record": "slo:time_period:days", "expr": f"vector({days})"},
        {"record": "slo:current_burn_rate:ratio", "expr": f"{shortest}{chosen} / {allowed}"},
        {"record": "slo:period_burn_rate:ratio", "expr": f"{period}{chosen} / {allowed}"},
        {"record": "slo:period_error_budget_remaining:ratio", "expr": f"1 - {period}{chosen} / {allowed}"},
    ]


def _delta(objective: Objective, counter: str, window: str) -> str:
    """How much a counter grew in a window; where the window begins before its first sample, since that sample."""
    series = counter + _selector(objective)
    return f"{series} - ({series} offset {window} or min_over_time({series}[{window}]))"


def _alert(objective: Objective, alert: BurnAlert, named: Mapping[str, str]) -> _Rule:
    """Burn > factor, written as bad * q > cases * p, where factor * (1 - target) = p / q."""
    limit = alert.factor * objective.allowed
    burns = [
        f"{_recorded(objective, 'bad', it)} * {limit.denominator} > "
        f"{_recorded(objective, 'cases', it)} * {limit.numerator}"
        for it in (alert.long, alert.short)
    ]
    enough = f"{_recorded(objective, 'cases', alert.long)} >= {objective.minimum}"
    allowed = objective.allowed
    bad, cases = (_recorded(objective, it, alert.long) for it in ("bad", "cases"))
    over = f"({bad} * {allowed.denominator} - {cases} * {allowed.numerator})"
    certain = f"{over} ^ 2 > {bad} * {(CERTAIN * allowed.denominator) ** 2}"
    labels = {**named, "severity": alert.severity, "burn": alert.name, "owner": objective.owner}
    factor, spans = _float(alert.factor), f"{shorthand(alert.long)} and {shorthand(alert.short)}"
    what = _plain(objective.display)
    annotations = {
        "summary": f"{what}: the error budget burns more than {factor} times too fast over {spans}",
        "runbook": objective.runbook,
    }
    return {
        "alert": "ErrorBudgetBurn",
        "expr": "\nand ".join([*burns, enough, certain]),
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
    }


def _recorded(objective: Objective, what: str, span: timedelta) -> str:
    return f"slo:sli_{what}:delta{shorthand(span)}{_selector(objective)}"


def _selector(objective: Objective) -> str:
    return f'{{objective="{objective.name}"}}'


def _plain(text: str) -> str:
    """A text in which Prometheus finds no template: `{{` would begin one."""
    return text.replace("{{", '{{ "{{" }}')


def _float(number: Fraction | float) -> str:
    return f"{float(number):.12g}"
