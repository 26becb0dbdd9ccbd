"""Objectives, the alerts on their error budgets, and what evaluating them gives. All numbers are exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Final, Literal

from queuebit_contracts.alerts import Severity
from queuebit_contracts.indicators import DIMENSIONS

__all__ = [
    "CERTAIN",
    "DIMENSIONS",
    "MINIMUM",
    "Budget",
    "BurnAlert",
    "Counts",
    "Objective",
    "State",
    "Verdict",
    "default_alerts",
]

CERTAIN: Final = 2
"""Standard deviations by which bad cases must exceed the budget of an alert's long window before it fires."""

State = Literal["firing", "quiet", "unmeasurable"]


MINIMUM: Final = 20
"""Cases in the long window below which an alert is not decided, unless the objective says otherwise: of few cases, one
bad one would be a burn rate of any height."""


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Fires while the budget burns faster than `factor` in a long and in a short window."""

    name: str
    severity: Severity
    long: timedelta
    short: timedelta
    """The same burn in this window, too: the alert ends soon after the cause."""
    factor: Fraction
    """Burn rate above which it fires: 1 spends the whole budget in exactly the objective's window."""


_DEFAULTS: Final[tuple[tuple[str, Severity, Fraction, timedelta], ...]] = (
    ("page-fast", "page", Fraction(2, 100), timedelta(hours=1)),
    ("page-slow", "page", Fraction(5, 100), timedelta(hours=6)),
    ("ticket-fast", "ticket", Fraction(10, 100), timedelta(days=1)),
    ("ticket-slow", "ticket", Fraction(10, 100), timedelta(days=3)),
)  # fmt: skip


def default_alerts(window: timedelta) -> tuple[BurnAlert, ...]:
    """Multi-window, multi-burn-rate alerts for an objective over this window.

    Each fires when a share of the budget (2 %, 5 %, 10 %, 10 %) is spent within its long window (1 h, 6 h, 1 d, 3 d):
    factor = share * window ÷ long; over 30 days 14.4, 6, 3 and 1. The short window is a twelfth of the long one.
    Source: The Site Reliability Workbook, chapter 5; the alert over one day is Sloth's. Those that are longer than the
    window, or whose factor is below 1, are left out.
    """
    found = (
        BurnAlert(name, severity, long, long / 12, share * _ratio(window, long))
        for name, severity, share, long in _DEFAULTS
    )
    return tuple(it for it in found if it.long < window and it.factor >= 1)


def _ratio(window: timedelta, part: timedelta) -> Fraction:
    return Fraction(window // timedelta(microseconds=1), part // timedelta(microseconds=1))


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise, and the share of cases in which it has to hold."""

    name: str
    display: str
    """The promise, in words."""
    service: str
    indicator: str
    """An id of `queuebit_contracts.indicators`."""
    target: Fraction
    """The share of good cases: between 0 and 1, and neither."""
    window: timedelta
    """The budget is over the cases of the last so many days."""
    threshold_ms: int | None = None
    """For durations: the longest that is good."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Counts only cases whose columns have these values; the names are of `DIMENSIONS`."""
    unless: Mapping[str, str] = field(default_factory=dict)
    """Leaves out cases that have all of these values; empty leaves out none."""
    by: tuple[str, ...] = ()
    """One error budget for each value of these columns."""
    alerts: tuple[BurnAlert, ...] = ()
    minimum: int = MINIMUM
    """Cases in the long window below which an alert is not decided."""
    runbook: str = ""
    owner: str = ""

    @property
    def allowed(self) -> Fraction:
        """The share of cases that may be bad: the error budget of one case."""
        return 1 - self.target

    @property
    def spans(self) -> tuple[timedelta, ...]:
        """All windows in which cases are counted, shortest first."""
        return tuple(sorted({self.window, *(it for alert in self.alerts for it in (alert.long, alert.short))}))


@dataclass(frozen=True, slots=True)
class Counts:
    """Cases of one group in one window."""

    good: int
    total: int

    @property
    def bad(self) -> int:
        """Cases that were not good."""
        return self.total - self.good


@dataclass(frozen=True, slots=True)
class Verdict:
    """One alert of one group, evaluated."""

    objective: Objective
    group: Mapping[str, str]
    alert: BurnAlert
    state: State
    """`unmeasurable` when there are too few cases to decide, or so few bad ones that they may be chance: neither fire
    nor resolve then."""
    long_burn: Fraction | None
    """Burn rate in the long window; None without a case."""
    short_burn: Fraction | None


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of an error budget, as shares of it."""

    spent: Fraction
    """0 with nothing spent, 1 with all of it, more when overdrawn."""
    remaining: Fraction
    """1 - spent; negative when overdrawn."""
