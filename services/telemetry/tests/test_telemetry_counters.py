"""Counters of objectives, as Prometheus reads them, and the rules that refer to them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from queuebit_kernel import FixedClock, Unavailable
from queuebit_runtime.exposition import exposition
from queuebit_runtime.metrics import Metrics
from queuebit_slo import Objective, Query, rules, shipped
from queuebit_telemetry.sli_counters import CountObjectives

SUCCESS = Objective("success", "", "jobs", "success", Fraction(99, 100), timedelta(days=30), by=("tenant", "backend"))


class _Cases:
    """The warehouse: good and total cases by backend, or none."""

    def __init__(self) -> None:
        self.counts: dict[str, tuple[int, int]] | None = {}
        self.queries: list[Query] = []

    async def cases(self, query: Query) -> list[dict[str, Any]]:
        self.queries.append(query)
        if self.counts is None:
            raise Unavailable("down")
        return [{"backend": it, "span_s": 1, "good": g, "total": t} for it, (g, t) in self.counts.items()]


def _scraped(metrics: Metrics) -> dict[str, float]:
    """The samples of the counters, by name and labels."""
    text = exposition(metrics)[1].decode()
    return {it[1]: float(it[2]) for it in re.finditer(r"^(queuebit_sli_\w+\{.*\}) (\S+)$", text, re.MULTILINE)}


def _sample(name: str, backend: str) -> str:
    labels = f'backend="{backend}",objective="success",service="telemetry",vendor=""'
    return f"queuebit_sli_{name}_total{{{labels}}}"


async def test_counters_grow_with_the_cases_and_never_shrink() -> None:
    cases, metrics = _Cases(), Metrics("telemetry")
    count = CountObjectives(cases, [SUCCESS], metrics, FixedClock(), lambda: 0)
    cases.counts = {"torino": (9, 10)}
    await count()
    assert _scraped(metrics) == {_sample("good", "torino"): 9, _sample("cases", "torino"): 10}
    cases.counts = {"torino": (8, 9), "forte": (1, 1)}  # of a warehouse that is filled again
    await count()
    assert _scraped(metrics)[_sample("cases", "torino")] == 10
    cases.counts = None
    await count()
    cases.counts = {"torino": (11, 14), "forte": (1, 1)}
    await count()
    found = _scraped(metrics)
    assert (found[_sample("good", "torino")], found[_sample("cases", "torino")]) == (11, 14)
    assert found[_sample("cases", "forte")] == 1


async def test_what_tenants_choose_is_no_label() -> None:
    """A metric has 200 series: names of a tenant would take those of backends."""
    cases, metrics = _Cases(), Metrics("telemetry")
    by_class = replace(SUCCESS, by=("tenant", "project", "workload_class", "backend"))
    cases.counts = {"torino": (9, 10)}
    await CountObjectives(cases, [by_class], metrics, FixedClock(), lambda: 0)()
    assert {*_scraped(metrics)} == {_sample("good", "torino"), _sample("cases", "torino")}


def test_while_the_log_rests_nothing_is_counted() -> None:
    position = 7
    count = CountObjectives(_Cases(), [SUCCESS], Metrics("telemetry"), FixedClock(), lambda: position)
    assert [count.has_news() for _ in range(6)] == [True] * 4 + [False] * 2
    position = 8
    assert count.has_news()


def test_nothing_is_counted_for_metrics_that_are_not_read() -> None:
    metrics = Metrics("telemetry")
    count = CountObjectives(_Cases(), [SUCCESS], metrics, FixedClock(), lambda: 0)
    assert not count.was_read()
    _scraped(metrics)
    assert [count.was_read(), count.was_read()] == [True, False]


async def test_no_tenant_is_a_label_and_all_count_together() -> None:
    cases, metrics = _Cases(), Metrics("telemetry")
    await CountObjectives(cases, [SUCCESS], metrics, FixedClock(), lambda: 0)()
    assert "GROUP BY backend\n" in cases.queries[0].sql
    assert not any("tenant" in it.labels for it in metrics)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus")
def test_the_rules_refer_only_to_metrics_that_exist(tmp_path: Path) -> None:
    metrics = Metrics("telemetry")
    CountObjectives(_Cases(), shipped(), metrics, FixedClock(), lambda: 0)
    text = rules(shipped())
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    subprocess.run(["promtool", "check", "rules", str(path)], check=True, capture_output=True)
    recorded = {*re.findall(r"record: (\S+)", text)}
    used = {*re.findall(r"\b(queuebit_\w+|slo:\w+:\w+)\b", text)}
    assert used - recorded == {it.name for it in metrics}
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition(metrics)[1], check=False, capture_output=True
    )
    assert checked.returncode == 0, checked.stderr.decode()
