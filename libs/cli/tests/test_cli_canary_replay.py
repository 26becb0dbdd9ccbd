"""`qb canary replay`: two policies on the recorded queue, for two hours of simulated time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_cli.main import main
from queuebit_scheduling.registry import POLICIES

PLAN = """\
canary = "older"
subject = "policy"
flag = "policy"
baseline = "fair-share/6"
candidate = "fair-share/5"
metrics = { latency = 1.1, esp = 0.98 }
"""
BRIEF = ["--hours", "2", "--rate", "20"]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return path


def test_both_policies_have_the_same_jobs_and_limits_of_the_plan(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {"fair-share/5", "fair-share/6"} <= POLICIES.keys()
    assert main(["canary", "replay", str(plan), *BRIEF, "--json"]) in (0, 3)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [it["figure"] for it in rows] == ["completion_mean_s", "fidelity_mean", "cost_mean_usd", "starved"]
    latency, esp, cost, starved = rows
    assert latency["limit"] == pytest.approx(1.1 * latency["baseline"])
    assert esp["limit"] == pytest.approx(0.98 * esp["baseline"])
    assert (cost["limit"], cost["fits"], starved["limit"]) == (None, True, starved["baseline"])


def test_a_policy_beside_itself_fits(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("fair-share/5", "fair-share/6"))
    assert main(["canary", "replay", str(plan), *BRIEF]) == 0
    assert "fits the plan on the recorded queue" in capsys.readouterr().out


def test_a_limit_that_cannot_be_met_is_refused(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("latency = 1.1", "latency = 0.01"))
    assert main(["canary", "replay", str(plan), *BRIEF]) == 3
    assert "is beyond a limit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("fair-share/5", "fair-share/99", "there is no policy fair-share/99: this version has"),
        ('"policy"', '"compiler"', "only policies are replayed"),
        ('canary = "older"', "", "canary: Field required"),
    ],
)
def test_what_cannot_be_replayed_is_named(
    plan: Path, old: str, new: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(PLAN.replace(old, new, 1))
    assert main(["canary", "replay", str(plan), *BRIEF]) == 2
    assert says in capsys.readouterr().err
