"""`qb ci` without a stack: its exit codes, its reports, and what it prints. What it checks is tested in libs/ci."""

import json
from pathlib import Path

import pytest

from queuebit_ci.model import Check, CircuitReport, Plan, Report
from queuebit_cli.main import main
from queuebit_cli.output import Output
from queuebit_cli.render_checks import check_lines, circuit_rows


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file that is no circuit: it needs no planning to fail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUEUEBIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("QUEUEBIT_CREDENTIAL", raising=False)
    (tmp_path / "binary.qasm").write_bytes(b"\xff")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--policy", "none.toml"], "there is no policy none.toml"),
        (["none.qasm"], "there is no file none.qasm"),
        (["--since", "main"], "rev-parse"),
        (["--baseline", "none.json"], "there is no baseline"),
        (["--offline", "--output", "binary.qasm"], "is a file: name a folder"),
        ([], "holds no credential"),
    ],
)
def test_bad_usage_ends_with_2(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ci", *words]) == 2
    assert text in capsys.readouterr().err


def test_a_failed_circuit_ends_with_1_and_every_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ci", "--offline", "--output", "out"]) == 1
    assert "failed: 0 of 1 circuits passed" in capsys.readouterr().out
    assert {it.name for it in (folder / "out").iterdir()} == {"junit.xml", "report.json", "report.md", "report.sarif"}
    assert json.loads((folder / "out" / "report.json").read_text())["result"] == "failed"


def test_nothing_to_check_is_no_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "binary.qasm").unlink()
    assert main(["ci", "--offline"]) == 0
    assert "no circuit changed, or the policy names none" in capsys.readouterr().out


def test_json_is_the_report_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ci", "--offline", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["offline"] is True


def test_a_comment_that_cannot_be_posted_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GITHUB_REF", "CI_MERGE_REQUEST_IID"):
        monkeypatch.delenv(name, raising=False)
    assert main(["ci", "--offline", "--comment"]) == 1
    assert "no comment: this is no job of a pull request" in capsys.readouterr().err


def test_people_see_what_changed_and_where_it_failed() -> None:
    plan, before = Plan("aer", 12, 3, esp=0.9), Plan("aer", 10, 3, esp=0.95)
    checks = (Check("depth", "failed", "it is too deep", 4), Check("cost", "skipped", "not checked: no price"))
    report = Report(
        (CircuitReport("a.qasm", "d", checks, plan, before),), baseline="main (1234)", alpha=0.001, tested=1
    )
    (row,) = circuit_rows(report)
    assert (row["success"], row["depth"], row["2q gates"]) == ("95.00% → 90.00%", "10 → 12", "3")
    lines = [*check_lines(report, Output(as_json=False))]
    assert "a.qasm:4: it is too deep" in lines
    assert "cost not checked: no price" in lines
    assert lines[-3:] == [
        "compared with main (1234)",
        "1 distribution tested, at most one false alarm in 1,000 runs",
        "failed: 0 of 1 circuits passed",
    ]
