"""`qb slo check`, `rules`, `gate`: what each says, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from queuebit_cli.commands import slo
from queuebit_cli.main import main
from queuebit_slo import Objective, Query, query, shipped

EXAMPLE = Path(__file__).parents[3] / "examples" / "gitops" / "slos" / "end-to-end-fast.yaml"
NAMES = [it.name for it in shipped()]


@pytest.fixture
def qb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command with a home that has no documents: its exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--home", str(tmp_path)])
        return code, *capsys.readouterr()

    return run


QB = Callable[..., tuple[int, str, str]]


def test_check_names_the_objectives_of_a_file_of_a_home_and_what_is_wrong(qb: QB, tmp_path: Path) -> None:
    assert json.loads(qb("slo", "check", str(EXAMPLE), "--json")[1]) == ["end-to-end-fast"]
    assert json.loads(qb("slo", "check", "--json")[1]) == NAMES
    bad = tmp_path / "bad.yaml"
    bad.write_text(EXAMPLE.read_text().replace("indicator: end-to-end\n", "indicator: end-to-and\n"))
    code, _, said = qb("slo", "check", str(bad))
    assert code == 2
    assert "bad.yaml:29: indicator end-to-and is not there: did you mean end-to-end?" in said


def test_rules_are_written_to_a_file_or_shown(qb: QB, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    assert qb("slo", "rules", "--output", str(file))[0] == 0
    groups = yaml.safe_load(file.read_text())["groups"]
    assert [it["name"] for it in groups] == [f"slo-{it}" for it in NAMES]
    assert yaml.safe_load(qb("slo", "rules")[1])["groups"] == groups
    code, _, said = qb("slo", "rules", "--output", str(tmp_path))
    assert (code, "choose another file" in said) == (2, True)


@pytest.mark.parametrize(
    ("good", "code", "reason"),
    [
        (1000, 0, "the budget allows it"),
        (990, 3, "the budget is spent"),
        (800, 3, "the budget is spent; page-fast fires: burn rate 20 over 5m; page-slow fires: burn rate 20 over 30m"),
    ],
)
def test_gate_refuses_with_exit_code_3_while_a_budget_is_spent_or_a_page_fires(
    qb: QB, monkeypatch: pytest.MonkeyPatch, good: int, code: int, reason: str
) -> None:
    (success,) = [it for it in shipped() if it.name == "job-success"]

    def counted(stack: object, analyst: object, sql: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        del stack, analyst, sql, parameters
        spans = [int(it.total_seconds()) for it in success.spans]
        return [{"tenant": "acme", "span_s": it, "good": good, "total": 1000} for it in spans]

    monkeypatch.setattr(slo, "records", counted)
    monkeypatch.setattr(slo, "running_stack", lambda home: home)
    monkeypatch.setattr(slo, "analyst_of", lambda home: home)
    found, output, _ = qb("slo", "gate", "--release", "--objective", "job-success", "--json")
    answer = json.loads(output)
    assert (found, answer["ship"]) == (code, code == 0)
    (row,) = answer["objectives"]
    assert (row["tenant"], row["reason"]) == ("acme", reason)


def test_gate_refuses_a_name_that_no_objective_has(qb: QB) -> None:
    code, _, said = qb("slo", "gate", "--release", "--objective", "job-sucess")
    assert code == 2
    assert "there is no objective job-sucess: did you mean job-success?" in said


def test_gate_asks_about_objectives_without_alerts_only_if_they_are_named(
    qb: QB, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slo, "records", lambda *_: [])
    monkeypatch.setattr(slo, "running_stack", lambda home: home)
    monkeypatch.setattr(slo, "analyst_of", lambda home: home)
    asked: list[str] = []

    def noted(objective: Objective, now: datetime, spans: Sequence[timedelta]) -> Query:
        asked.append(objective.name)
        return query(objective, now, spans)

    monkeypatch.setattr(slo, "query", noted)
    assert qb("slo", "gate", "--release")[0] == 0
    assert asked == [it.name for it in shipped() if it.alerts]
    asked.clear()
    assert qb("slo", "gate", "--release", "--objective", "fairness")[0] == 0
    assert asked == ["fairness"]
