"""Objectives as a source of alerts: one page for each objective and group, one stream for each vendor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from queuebit_alerting.completeness import Completeness
from queuebit_alerting.handlers import Evaluate, Notify
from queuebit_alerting.objectives import Objectives, signals_of
from queuebit_alerting.policy import merged
from queuebit_alerting.ports import PartlyMeasured
from queuebit_alerting.state import Book, Signal
from queuebit_contracts.alert_documents import Alerts, Receiver, Route
from queuebit_contracts.alerts import AlertFired, AlertNotified, AlertResolved
from queuebit_kernel import Unavailable
from queuebit_slo import BurnAlert, Counts, Objective, default_alerts, judge

from .alerting_world import NOON, DyingLog, Folding, TurnableClock

WINDOW = timedelta(days=30)
SUCCESS = Objective(
    name="success-production",
    display="99 % of production jobs succeed",
    service="jobs",
    indicator="success",
    target=Fraction(99, 100),
    window=WINDOW,
    where={"workload_class": "production"},
    by=("tenant",),
    alerts=default_alerts(WINDOW),
    owner="platform",
    runbook="https://example.com/runbook",
)


def spans_of(sql: str) -> list[int]:
    """The lengths of the windows that a query counts, in seconds."""
    found = re.search(r"ARRAY JOIN \[([0-9, ]+)\] AS span_s", sql)
    assert found is not None
    return [int(it) for it in found[1].split(",")]


class Counting:
    """A warehouse that counts what a test says: good and total of each window, by group."""

    def __init__(self) -> None:
        self.cases: dict[tuple[str, ...], tuple[int, int]] = {}
        self.short: dict[tuple[str, ...], tuple[int, int]] = {}
        """What differs in windows of at most half an hour."""
        self.by: tuple[str, ...] = ("tenant",)
        self.is_away = False

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        if self.is_away:
            raise Unavailable("it is away")
        spans = spans_of(sql)
        found = []
        for group, counted in self.cases.items():
            for span in spans:
                good, total = self.short.get(group, counted) if span <= 1800 else counted
                if total:
                    found.append(
                        {**dict(zip(self.by, group, strict=True)), "span_s": span, "good": good, "total": total}
                    )
        return found


def states(signals: list[Signal]) -> dict[str, bool | None]:
    return {it.labels["severity"]: it.firing for it in signals}


async def test_a_budget_that_burns_fast_and_slowly_is_one_page_and_one_ticket() -> None:
    warehouse = Counting()
    warehouse.cases = {("acme",): (80, 100)}
    signals = list(await Objectives([SUCCESS], warehouse).signals(NOON))
    assert states(signals) == {"page": True, "ticket": True}
    page = signals[0]
    assert page.labels == {
        "alertname": "ErrorBudgetBurn",
        "severity": "page",
        "objective": "success-production",
        "indicator": "success",
        "owner": "platform",
        "workload_class": "production",
        "tenant": "acme",
    }
    assert "20.0 times" in page.annotations["summary"]
    assert page.values["page-fast.long"] == page.values["page-slow.short"] == "20.000"


@pytest.mark.parametrize(
    ("cases", "short", "page"),
    [
        ((86, 100), (86, 100), True),  # 14 times: slow pages above 6
        ((94, 100), (94, 100), False),  # 6 times is not above 6
        ((80, 100), (100, 100), False),  # it is over
        ((80, 100), (0, 0), None),  # nothing is measured now
        ((3, 10), (3, 10), None),  # too few
    ],
)
async def test_both_windows_decide_and_what_is_not_measured_decides_nothing(
    cases: tuple[int, int], short: tuple[int, int], page: bool | None
) -> None:
    warehouse = Counting()
    warehouse.cases, warehouse.short = {("acme",): cases}, {("acme",): short}
    assert states(list(await Objectives([SUCCESS], warehouse).signals(NOON)))["page"] is page


def test_errors_of_a_vendor_are_one_stream() -> None:
    alert = BurnAlert("fast", "page", timedelta(hours=1), timedelta(minutes=5), Fraction(10))
    errors = Objective(
        "vendor", "", "jobs", "vendor-error", Fraction(995, 1000), WINDOW, by=("vendor", "backend"), alerts=(alert,)
    )

    def signals(*good: int) -> list[Signal]:
        found = []
        for place, number in enumerate(good):
            counts = dict.fromkeys((alert.long, alert.short), Counts(number, 100))
            found += signals_of(judge(errors, {"vendor": "ionq", "backend": f"aria-{place}"}, counts), NOON)
        counts = dict.fromkeys((alert.long, alert.short), Counts(100, 100))
        return [*found, *signals_of(judge(errors, {"vendor": "iqm", "backend": "garnet"}, counts), NOON)]

    for good, ionq in (((50,) * 5, True), ((100, 100, 50), True), ((100, 100), False)):
        assert {it.labels["vendor"]: it.firing for it in merged(signals(*good))} == {"ionq": ionq, "iqm": False}


async def test_a_warehouse_that_is_away_changes_nothing_and_late_events_page_no_one_twice() -> None:
    """Late cases change the counts of windows that are past: the alert goes on, and its end does not come back."""
    log, clock, warehouse, book = DyingLog(), TurnableClock(), Counting(), Book()
    receivers = {"chat": Receiver(kind="alertmanager", url="https://example.com")}
    documents = Alerts(receiver=receivers, route={"pages": Route(match={"severity": "page"}, receivers=("chat",))})
    follows = Folding(log, book)
    evaluate = Evaluate(log, book, follows, [Objectives([SUCCESS], warehouse)], clock, resolve_after_s=0)
    notify = Notify(log, book, follows, documents, clock)

    async def after(cases: tuple[int, int], short: tuple[int, int] | None = None) -> tuple[int, int, int]:
        warehouse.cases = {("acme",): cases}
        warehouse.short = {("acme",): short or cases}
        clock.passes(600)
        await evaluate()
        await notify()
        pages = [it for it in log.events(AlertFired) if it.data.labels["severity"] == "page"]
        ends = [it for it in log.events(AlertResolved) if it.data.labels["severity"] == "page"]
        return len(pages), len(ends), len(log.events(AlertNotified))

    assert await after((100, 100)) == (0, 0, 0)
    assert await after((80, 100)) == (1, 0, 1)
    warehouse.is_away = True
    assert await after((100, 100)) == (1, 0, 1), "it is not resolved by silence"
    assert evaluate.trouble
    warehouse.is_away = False
    assert await after((60, 140)) == (1, 0, 1), "late failures: the budget is worse, and the page is the same"
    assert await after((160, 200), (50, 50)) == (1, 1, 2), "it is over now"
    assert await after((110, 200), (50, 50)) == (1, 1, 2), "late failures of the closed window"


class Filling(Counting):
    """A warehouse that is filled from a log."""

    def __init__(self) -> None:
        super().__init__()
        self.seq, self.end = 0, 100
        self.clock = TurnableClock()
        complete = Completeness(self, self.log_end, self.clock, late_s=15)
        self.objectives = Objectives([SUCCESS], self, complete.require)

    async def log_end(self) -> int:
        return self.end

    async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        return [{"seq": self.seq}] if "max(seq)" in sql else await super().rows(sql, parameters)


async def test_a_warehouse_that_is_rebuilt_from_the_log_pages_no_person() -> None:
    it = Filling()
    it.cases[("acme",)] = (0, 100)
    for it.seq in (0, 40, 99):
        with pytest.raises(Unavailable, match="of 100"):
            await it.objectives.signals(NOON)
        it.clock.passes(10)
    it.seq = 100
    assert states(list(await it.objectives.signals(NOON)))["page"] is True


async def test_a_warehouse_may_be_a_little_behind_a_log_that_grows() -> None:
    it = Filling()
    it.cases[("acme",)] = (100, 100)
    it.seq = 100
    assert await it.objectives.signals(NOON)
    for _ in range(5):
        it.clock.passes(10)
        it.seq, it.end = it.end, it.end + 50
        assert await it.objectives.signals(NOON)
    it.clock.passes(20)
    with pytest.raises(Unavailable):  # it has stopped
        await it.objectives.signals(NOON)


async def test_one_objective_that_cannot_be_counted_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Partly(Counting):
        async def rows(self, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
            if parameters.get("where_workload_class") == "broken":
                raise Unavailable("its query is refused")
            return await super().rows(sql, parameters)

    broken = replace(SUCCESS, name="broken", where={"workload_class": "broken"})
    warehouse = Partly()
    warehouse.cases[("acme",)] = (100, 100)
    objectives = Objectives([SUCCESS, broken], warehouse)
    for _ in range(3):
        with pytest.raises(PartlyMeasured) as partly:
            await objectives.signals(NOON)
        assert partly.value.signals
    assert [it.getMessage() for it in caplog.records if "broken" in it.getMessage()] == [
        "objective broken cannot be counted, its alerts stay as they are: its query is refused"
    ]
