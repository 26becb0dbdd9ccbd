"""The same objective as rules of Prometheus and as `judge`, over recorded histories: alert for alert."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from queuebit_slo import BurnAlert, Counts, Objective, judge, rules
from queuebit_slo.prometheus import CASES, GOOD

MONTH, STEP = timedelta(days=30), timedelta(minutes=5)
STEPS = 160
"""13 hours: the window of the longest alert, and more. Samples in windows are what an evaluation costs."""
HISTORIES = 24

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus"
)

Counted = tuple[int, int] | None
"""Both counters at one evaluation: good and all; None while no sample was scraped."""


def objective() -> Objective:
    """By tenant: each history is a tenant's, so that one run of promtool evaluates them all."""
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    alerts = (
        BurnAlert("page-fast", "page", hour, 5 * minute, Fraction(144, 10)),
        BurnAlert("page-slow", "page", 2 * hour, 10 * minute, Fraction(6)),
        BurnAlert("ticket-fast", "ticket", 4 * hour, 20 * minute, Fraction(3)),
        BurnAlert("ticket-slow", "ticket", 8 * hour, 40 * minute, Fraction(1)),
    )
    return Objective(
        "success",
        "jobs succeed",
        "jobs",
        "success",
        Fraction(99, 100),
        MONTH,
        by=("tenant",),
        alerts=alerts,
    )


def history(seed: int) -> list[Counted]:
    """Counters over time, with outages, slow burns, quiet times and gaps of scraping."""
    draw = random.Random(seed)
    rate, usual = draw.choice([1, 3, 20, 200]), draw.choice([0.0, 0.001, 0.01])
    failing, quiet, gaps = [usual] * STEPS, set[int](), set[int]()
    for start, length in spans(draw, draw.randint(1, 4), 1, 20):
        failing[start : start + length] = [draw.choice([0.05, 0.144, 0.2, 0.5, 1.0])] * len(
            failing[start : start + length]
        )
    for start, length in spans(draw, draw.randint(0, 2), 40, 200):
        failing[start : start + length] = [draw.uniform(0.01, 0.06)] * len(failing[start : start + length])
    for start, length in spans(draw, draw.randint(0, 3), 3, 60):
        quiet |= {*range(start, start + length)}
    for start, length in spans(draw, draw.randint(0, 3), 1, 15):
        gaps |= {*range(start, start + length)}
    good = cases = draw.randint(0, 10**6)
    found: list[Counted] = []
    for step in range(STEPS):
        here = 0 if step in quiet else draw.randint(0, 2 * rate)
        bad = sum(draw.random() < failing[step] for _ in range(here))
        good, cases = good + here - bad, cases + here
        found.append(None if step in gaps else (good, cases))
    return found


def spans(draw: random.Random, number: int, least: int, most: int) -> Iterator[tuple[int, int]]:
    for _ in range(number):
        yield draw.randrange(STEPS), draw.randint(least, most)


def counted(recorded: Sequence[Counted], step: int, span: timedelta) -> Counts | None:
    """Cases of the window that ends at a step, of which the counters say: from its start, or the first sample in it."""
    now, start = recorded[step], max(0, step - span // STEP)
    if now is None:
        return None
    before = next(it for it in recorded[start : step + 1] if it is not None)
    return Counts(now[0] - before[0], now[1] - before[1])


def fired(slo: Objective, recorded: Sequence[Counted], step: int) -> Iterator[str]:
    windows = {span: counted(recorded, step, span) for span in slo.spans}
    counts = {span: it for span, it in windows.items() if it is not None}
    return (it.alert.name for it in judge(slo, {}, counts) if it.state == "firing")


def samples(values: Sequence[Counted], which: int) -> str:
    return " ".join("stale" if it is None else str(it[which]) for it in values)


def promtool(folder: Path, slo: Objective, document: dict[str, object]) -> subprocess.CompletedProcess[str]:
    exported = yaml.safe_load(rules([slo]))
    (group,) = exported["groups"]
    alerts = [{**it, "annotations": {}} for it in group["rules"] if "alert" in it]  # promtool compares annotations too
    read = " ".join(it["expr"] for it in alerts)
    group["rules"] = [*(it for it in group["rules"] if f"{it.get('record')}{{" in read), *alerts]
    (folder / "rules.yaml").write_text(json.dumps(exported))
    (folder / "test.yaml").write_text(json.dumps(document))
    command = ["promtool", "test", "rules", "test.yaml"]
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=300)


def expected(slo: Objective, histories: Sequence[list[Counted]]) -> tuple[dict[str, object], Counter[str]]:
    """A test for promtool: the alerts that `judge` gives at each evaluation, and no others; and how many there are."""
    severity = {it.name: it.severity for it in slo.alerts}
    seen: Counter[str] = Counter()
    tests = []
    for step in range(STEPS):
        alerts = [(name, at) for at, it in enumerate(histories) for name in fired(slo, it, step)]
        seen.update(name for name, _ in alerts)
        labels = [
            {"objective": slo.name, "service": "jobs", "severity": severity[name], "burn": name, "tenant": f"t{at}"}
            for name, at in alerts
        ]
        exact = {"eval_time": f"{step * 5}m", "alertname": "ErrorBudgetBurn"}
        tests.append({**exact, "exp_alerts": [{"exp_labels": it} for it in labels]})
    series = [
        {"series": f'{counter}{{objective="{slo.name}",tenant="t{at}"}}', "values": samples(it, which)}
        for at, it in enumerate(histories)
        for which, counter in enumerate((GOOD, CASES))
    ]
    group = {"interval": "5m", "input_series": series, "alert_rule_test": tests}
    return {"rule_files": ["rules.yaml"], "evaluation_interval": "5m", "tests": [group]}, seen


def test_rules_and_judge_fire_at_the_same_evaluations(tmp_path: Path) -> None:
    slo, histories = objective(), [history(seed) for seed in range(HISTORIES)]
    document, seen = expected(slo, histories)
    assert seen.keys() == {it.name for it in slo.alerts}, "each alert fires somewhere"
    assert max(seen.values()) < HISTORIES * STEPS / 2, "and none fires all the time"
    found = promtool(tmp_path, slo, document)
    assert found.returncode == 0, found.stderr[-3000:]
    first, *others = slo.alerts
    other = promtool(tmp_path, replace(slo, alerts=(replace(first, factor=first.factor * 2), *others)), document)
    assert other.returncode != 0, "another factor is another alert: the comparison sees it"
