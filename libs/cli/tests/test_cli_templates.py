"""`qb template`, as people and programs read it."""

from __future__ import annotations

import json
import shlex

import pytest

from queuebit import AsyncClient
from queuebit_cli.commands import templates
from queuebit_cli.main import main
from queuebit_stack.errors import Exit
from queuebit_testing.local_platform import LocalPlatform, local_credential


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> LocalPlatform:
    """Where the commands run their jobs."""
    found = LocalPlatform()
    monkeypatch.setattr(templates, "client_of", lambda _: AsyncClient(local_credential(), transport=found))
    return found


def test_the_list_is_an_aligned_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["template", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    column = head.index("summary")
    assert column > 20
    found = {row[:column].strip(): row[column:] for row in rows if row[column - 1 : column] == " "}
    assert found["grover"] == "Grover's search for marked bit strings"
    assert len(found) > 14


def test_show_has_units_bounds_and_a_command_that_works(
    platform: LocalPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["template", "show", "qaoa-maxcut"]) == 0
    shown = capsys.readouterr().out
    assert "layers of cost and mixer" in shown
    assert "1 to 20" in shown
    (example,) = [it.removeprefix("example: qb ") for it in shown.splitlines() if it.startswith("example: ")]

    assert main([*shlex.split(example), "--set", "grid=2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["values"]["largest_cut"] == 4.0
    assert len(document["jobs"]) == len(platform.submissions) == 3


def test_run_prints_the_reading_and_the_charge(platform: LocalPlatform, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "template",
        "run",
        "ghz",
        "--set",
        "n=2",
        "--set",
        "shots=50",
        "--key",
        "k",
        "--tag",
        "t",
        "--max-cost",
        "1",
    ]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "The fidelity with the GHZ state of 2 qubits is 1.0000" in shown
    (sent,) = platform.submissions
    assert f"job {sent.data.job}; charged 0.01 USD" in shown
    assert main(words) == 0
    assert len(platform.submissions) == 1, "the same key is the same job"


def test_a_dry_run_prints_program_and_cost_and_submits_nothing(
    platform: LocalPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["template", "run", "vqe", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("OPENQASM 3.0;\n")
    assert "the first of at most 13 jobs of this size" in shown
    assert "aer" in shown
    assert main(["template", "run", "vqe", "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["most_jobs"], len(document["items"]), document["plan"][0]["backend"]) == (13, 3, "aer")
    assert platform.submissions == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["show", "grovr"], "did you mean grover?: see `qb template list`"),
        (["run", "ghz", "--set", "n"], "--set n is no parameter: write it like n=5"),
        (["run", "ghz", "--set", "n=many"], "see `qb template show ghz`"),
        (["run", "ghz", "--set", "m=2"], "there is no parameter 'm'"),
        (["run", "ghz", "--max-cost", "much"], "--max-cost"),
    ],
)
def test_bad_input_says_what_to_do(
    words: list[str], text: str, platform: LocalPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["template", *words]) == Exit.USAGE
    assert text in capsys.readouterr().err
    assert platform.submissions == []
