"""`qb lab schedule`, for an hour of simulated time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from queuebit_cli.main import main

ONE_HOUR = ["lab", "schedule", "--hours", "1", "--rate", "20", "--policies", "least-busy, ours"]


def test_policies_are_compared_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ONE_HOUR, "--output", str(tmp_path)]) == 0
    assert "least busy" in capsys.readouterr().out
    written = json.loads((tmp_path / "poisson.json").read_bytes())
    assert written["policies"][0]["policy"] == "least busy"
    assert {it.name for it in tmp_path.iterdir()} == {
        "poisson.json",
        "poisson-tradeoff.png",
        "poisson-completion.png",
    }


def test_json_has_the_speed_which_the_file_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ONE_HOUR, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions_per_s"]["least busy"] > 0


def test_an_unknown_policy_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "schedule", "--policies", "mine"]) == 2
    assert "best-fidelity" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_computed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([*ONE_HOUR, "--output", str(tmp_path / "file")]) == 2
    said = capsys.readouterr()
    assert (said.out, "choose another --output" in said.err) == ("", True)
