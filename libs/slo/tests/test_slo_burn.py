"""Burn rates and budgets: the workbook's own figures, and laws."""

from __future__ import annotations

import random
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from queuebit_slo import BurnAlert, Counts, Objective, budget, burn_rate, default_alerts, judge

MONTH = timedelta(days=30)
HOUR, FIVE = timedelta(hours=1), timedelta(minutes=5)


def objective(target: Fraction = Fraction(99, 100), minimum: int = 1) -> Objective:
    alerts = default_alerts(MONTH)
    return Objective("success", "jobs succeed", "jobs", "success", target, MONTH, alerts=alerts, minimum=minimum)


targets = st.fractions(Fraction(1, 10), Fraction(9999, 10000), max_denominator=10000)


@st.composite
def counted(draw: st.DrawFn, least: int = 0) -> Counts:
    total = draw(st.integers(least, 10**7))
    return Counts(draw(st.integers(0, total)), total)


def test_the_default_alerts_over_30_days_are_those_of_the_workbook() -> None:
    found = [(it.severity, it.long, it.short, it.factor) for it in default_alerts(MONTH)]
    assert found == [
        ("page", HOUR, FIVE, Fraction(144, 10)),
        ("page", timedelta(hours=6), timedelta(minutes=30), 6),
        ("ticket", timedelta(days=1), timedelta(hours=2), 3),
        ("ticket", timedelta(days=3), timedelta(hours=6), 1),
    ]


def test_a_short_window_has_only_alerts_that_fit_into_it() -> None:
    assert [it.name for it in default_alerts(timedelta(days=2))] == []
    assert [it.name for it in default_alerts(timedelta(days=7))] == ["page-fast", "page-slow"]


@pytest.mark.parametrize(("bad", "state"), [(16, "firing"), (15, "firing"), (14, "quiet")])
def test_at_a_target_of_99_percent_a_page_needs_more_than_14_4_percent_of_errors(bad: int, state: str) -> None:
    counts = Counts(100 - bad, 100)
    page = judge(objective(), {}, dict.fromkeys(objective().spans, counts))[0]
    assert page.state == state
    assert page.long_burn == bad


def test_exactly_the_factor_does_not_fire() -> None:
    page = judge(objective(), {}, dict.fromkeys(objective().spans, Counts(856, 1000)))[0]
    assert (page.long_burn, page.state) == (Fraction(144, 10), "quiet")


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {HOUR: Counts(0, 100)},
        {HOUR: Counts(0, 100), FIVE: Counts(0, 0)},
        {HOUR: Counts(0, 0), FIVE: Counts(0, 0)},
        {HOUR: Counts(0, 19), FIVE: Counts(0, 19)},
    ],
)
def test_too_few_cases_are_unmeasurable(counts: dict[timedelta, Counts]) -> None:
    assert judge(objective(minimum=20), {}, counts)[0].state == "unmeasurable"


@given(targets, counted(), counted())
def test_an_alert_fires_exactly_when_both_windows_burn_faster(target: Fraction, long: Counts, short: Counts) -> None:
    slo = objective(target)
    page = judge(slo, {}, {HOUR: long, FIVE: short})[0]
    assume(long.total and short.total)
    over = [it.bad * 10 > 144 * (1 - target) * it.total for it in (long, short)]
    beyond = long.bad - (1 - target) * long.total
    fires = "firing" if beyond > 0 and beyond**2 > 4 * long.bad else "unmeasurable"
    assert page.state == (fires if all(over) else "quiet")


@pytest.mark.parametrize(
    ("bad", "total", "name", "state"),
    [
        (4, 4, "page-fast", "unmeasurable"),
        (5, 5, "page-fast", "firing"),
        (1, 20, "ticket-slow", "unmeasurable"),
        (4, 300, "ticket-slow", "unmeasurable"),
        (15, 300, "ticket-slow", "firing"),
        (1020, 100_000, "ticket-slow", "unmeasurable"),
        (1100, 100_000, "ticket-slow", "firing"),
        (990, 100_000, "ticket-slow", "quiet"),
    ],
)
def test_bad_cases_that_may_be_chance_neither_fire_nor_resolve(bad: int, total: int, name: str, state: str) -> None:
    verdicts = judge(objective(), {}, dict.fromkeys(objective().spans, Counts(total - bad, total)))
    assert {it.alert.name: it.state for it in verdicts}[name] == state


@pytest.mark.parametrize("each_day", [40, 1_000, 5_000])
def test_a_new_stack_at_half_of_its_budget_fires_nothing_in_a_week(each_day: int) -> None:
    """From its first case on, the windows fill: no alert may fire of the little that they have."""
    slo, chance, day = objective(minimum=20), random.Random(each_day), timedelta(days=1)
    step = day / each_day
    bad = [0]
    for case in range(7 * each_day):
        bad.append(bad[-1] + (chance.random() < 0.005))
        counts = {}
        for span in slo.spans:
            first = max(0, case + 1 - span // step)
            failed = bad[case + 1] - bad[first]
            counts[span] = Counts(case + 1 - first - failed, case + 1 - first)
        if failed_now := bad[case + 1] - bad[case]:  # an alert can only begin when a case is bad
            assert failed_now == 1
            fired = [it.alert.name for it in judge(slo, {}, counts) if it.state == "firing"]
            assert not fired, f"after {case + 1} cases"


@given(targets, counted(1), st.integers(1, 10**5))
def test_more_bad_cases_never_end_an_alert(target: Fraction, counts: Counts, more: int) -> None:
    slo = objective(target)
    worse = Counts(counts.good, counts.total + more)
    before = judge(slo, {}, dict.fromkeys(slo.spans, counts))
    after = judge(slo, {}, dict.fromkeys(slo.spans, worse))
    assert all(now.state == "firing" for was, now in zip(before, after, strict=True) if was.state == "firing")


@given(targets, counted())
def test_a_budget_is_spent_by_bad_cases_alone(target: Fraction, counts: Counts) -> None:
    found = budget(objective(target), counts)
    assert found.spent + found.remaining == 1
    assert found.spent >= 0
    assert (found.spent == 0) == (counts.bad == 0)
    assert (found.remaining < 0) == (counts.bad > (1 - target) * counts.total)


@given(targets, counted(1), counted(1))
def test_the_burn_of_two_windows_together_lies_between_theirs(target: Fraction, one: Counts, two: Counts) -> None:
    slo = objective(target)
    both = burn_rate(slo, Counts(one.good + two.good, one.total + two.total))
    burns = [burn_rate(slo, one), burn_rate(slo, two)]
    assert min(it for it in burns if it is not None) <= (both or 0) <= max(it for it in burns if it is not None)


def test_burning_at_rate_one_for_the_whole_window_spends_the_budget_exactly() -> None:
    assert budget(objective(), Counts(99, 100)).remaining == 0


def test_spans_are_all_windows_once() -> None:
    alert = BurnAlert("own", "page", HOUR, FIVE, Fraction(2))
    slo = Objective("a", "", "jobs", "success", Fraction(1, 2), MONTH, alerts=(alert, alert))
    assert slo.spans == (FIVE, HOUR, MONTH)
