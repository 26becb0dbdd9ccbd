"""`qb canary` and `qb submit --flag`: what is asked, what people and programs read, and which arm a job has."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from queuebit_cli.flags import Flag
from queuebit_cli.main import main
from queuebit_contracts.canaries import CanaryEvidence, CanaryRequest, CanaryRow, Draft
from queuebit_experiments import arm_of
from queuebit_kernel import job_id
from queuebit_stack.errors import Exit

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
PLAN = """\
canary = "level3"
subject = "compiler"
flag = "optimization-level"
baseline = 1
candidate = { optimization_level = 3 }
margin = 0.02
most_failures = 0.20
metrics = { latency = 1.1, esp = 0.98 }
"""
EVIDENCE: dict[str, Any] = {
    "baseline": {"assigned": 530, "cases": 512, "failures": 9},
    "candidate": {"assigned": 521, "cases": 505, "failures": 71},
    "misassigned": 2,
    "checks": [{"name": "failures", "passed": False, "value": "4e+06", "limit": "100", "text": "it fails"}],
}


class Service:
    """Answers as the alerting service, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[CanaryRequest] = []
        self.rows: list[CanaryRow] = []

    def canaries(self, _: object, **fields: Any) -> list[CanaryRow]:
        request = CanaryRequest.model_validate(fields)
        self.asked.append(request)
        if request.draft is not None:
            plan = Draft.model_validate({**request.draft.model_dump(), "by": request.by})
            self.rows = [CanaryRow(plan=plan, state="draft", drafted_at=NOON)]
        return self.rows

    def becomes(self, state: str, **more: Any) -> None:
        self.rows = [self.rows[0].model_copy(update={"state": state, **more})]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    found = Service()
    monkeypatch.setattr("queuebit_cli.commands.canaries.canaries", found.canaries)
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path))
    (tmp_path / "plan.toml").write_text(PLAN)
    assert main(["canary", "draft", str(tmp_path / "plan.toml"), "--by", "ann"]) == 0
    return found


def test_a_plan_is_read_exactly(service: Service) -> None:
    plan = service.asked[-1].draft
    assert plan is not None
    assert (plan.margin, plan.most_failures, plan.candidate) == ("0.02", "0.20", {"optimization_level": 3})
    assert [(it.name, it.ratio) for it in plan.metrics] == [("latency", "1.1"), ("esp", "0.98")]


def test_the_list_and_one_canary_say_what_was_counted(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.becomes("aborted", reason="it fails", evidence=CanaryEvidence.model_validate(EVIDENCE))
    capsys.readouterr()
    assert main(["canary", "status"]) == 0
    head, first = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["canary", "state", "flag"]
    assert first.split()[:3] == ["level3", "aborted", "optimization-level"]
    assert main(["canary", "status", "level3"]) == 0
    text = capsys.readouterr().out
    assert "521 jobs, 505 ended, 71 failed" in text
    assert "failures  broken 4e+06 (limit 100)" in text
    assert "2 jobs are left out" in text
    assert main(["canary", "status", "level3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evidence"] == EVIDENCE


def test_each_command_is_one_order(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["canary", "start", "level3", "--by", "ann"]) == 0
    assert (service.asked[-1].start, service.asked[-1].by) == ("level3", "ann")
    assert main(["canary", "promote", "level3", "--unproven", "--reason", "one device"]) == 0
    assert service.asked[-1].promote is not None
    assert (service.asked[-1].promote.unproven, service.asked[-1].promote.reason) == (True, "one device")
    assert main(["canary", "abort", "level3"]) == 0
    assert service.asked[-1].abort is not None
    assert "for every job" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("canary = ", "is not TOML"),
        (None, "cannot be read"),
        ('metrics = ["latency"]', "metrics is a table"),
        ("candidate = nan", "candidate is no JSON"),
        ("baseline = [{ level = inf }]", "baseline is no JSON"),
        ("candidate = 1e400", "candidate is no JSON"),
        ("candidate = 2026-11-30", "candidate is no JSON"),
    ],
)
@pytest.mark.usefixtures("service")
def test_a_file_that_is_no_plan_is_refused(
    text: str | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "other.toml"
    if text is not None:
        file.write_text(text)
    assert main(["canary", "draft", str(file)]) == Exit.USAGE
    assert why in capsys.readouterr().err


OPTIONS: dict[str, Any] = {"key": None, "tags": ["team-a"], "backend": None, "compilation": {"twirling": 4}}


def flag(**more: Any) -> Flag:
    row = {"canary": "level3", "state": "running", "subject": "compiler", "baseline": 1, "candidate": 3}
    return Flag("acme", {**row, "unit": "job", "share_percent": 50, **more})


def test_a_job_has_the_options_and_the_tag_of_the_arm_of_its_id() -> None:
    for key in map(str, range(20)):
        arm = arm_of("level3", job_id("acme", key), 50)
        found = flag().applied({**OPTIONS, "key": key})
        assert found["tags"] == ["team-a", f"canary-level3-{arm}"]
        assert found["compilation"] == {"twirling": 4, "optimization_level": 3 if arm == "candidate" else 1}


def test_a_job_without_a_key_gets_one_since_the_arm_follows_from_it() -> None:
    found = flag().applied(OPTIONS)
    assert found["tags"][-1] == f"canary-level3-{arm_of('level3', job_id('acme', found['key']), 50)}"


@pytest.mark.parametrize(("state", "level"), [("promoted", 3), ("aborted", 1), ("paused", 1)])
def test_what_is_decided_has_no_tag(state: str, level: int) -> None:
    found = flag(state=state).applied(OPTIONS)
    assert (found["tags"], found["compilation"]["optimization_level"]) == (["team-a"], level)


def test_a_flag_may_choose_the_backend_or_several_options() -> None:
    assert flag(state="promoted", subject="backend", candidate="torino").applied(OPTIONS)["backend"] == "torino"
    assert flag(state="promoted", candidate={"twirling": 8}).applied(OPTIONS)["compilation"] == {"twirling": 8}
